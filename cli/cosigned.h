/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_COSIGNED_H
#define WEIR_COSIGNED_H

#include <stdint.h>

#include "vault/file.h"
#include "vault/note.h"
#include "vault/owned.h"
#include "vault/witness.h"

/*
 * Checkpoints that witnesses have cosigned, as `weir audit cosign` keeps them:
 * a file for each, by its size in 20 digits, in trail/cosigned or a directory
 * that was named.  What lies there is believed for its signatures alone.
 */
struct cosigned_note {
	struct note_checkpoint checkpoint;
	char *note;
	uint64_t moment; /* seconds: a quorum had cosigned it by then; or 0 */
};
void cosigned_note_clear(struct cosigned_note *n);

struct cosigned_where {
	const struct file *vault; /* for trail/cosigned, or NULL */
	const char *directory;	  /* named by the user, or NULL */
	const struct note_key *log;
	/* Who must have cosigned (witness.h); NULL: no moments. */
	const struct witness_policy *policy;
};

/* The policy, who must have cosigned, in a file of the user's; what is
 * wrong with it is said. */
int cosigned_policy(struct witness_policy **out, const char *path) MUST_USE;

/*
 * The note of the largest size that is at most `size` and whose moment is not 0
 * and at most `until`.  ERR_NOT_FOUND, not logged.  Files that are no note of
 * this log are passed over, with a warning.  Whether it is of the history at
 * hand is for the caller.
 */
int cosigned_find(struct cosigned_note *out, const struct cosigned_where *w,
    uint64_t size, uint64_t until) MUST_USE;

/* That of exactly this checkpoint (size and root), cosigned or not.
 * ERR_NOT_FOUND. */
int cosigned_load(struct cosigned_note *out, const struct cosigned_where *w,
    const struct note_checkpoint *c) MUST_USE;

/* Keep it. */
int cosigned_store(const struct cosigned_where *w, uint64_t size,
    const char *note) MUST_USE;

#endif
