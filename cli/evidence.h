/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_EVIDENCE_H
#define WEIR_EVIDENCE_H

#include <jansson.h>
#include <stdbool.h>

#include "cli/cosigned.h"
#include "cli/options.h"
#include "vault/owned.h"
#include "vault/proof.h"
#include "vault/trail.h"

/* Proof files, as commands make and check them. */

/* Where entries and hashes come from. */
struct evidence_from {
	struct trail_reader *reader;
	struct cosigned_where where;
};

/* Begin a proof of this question up to the newest checkpoint, cosignatures
 * that are kept for it included. */
int evidence_begin(struct proof **out, const struct evidence_from *from,
    const struct question *q, enum proof_answer answer) MUST_USE;

/* Add an entry with its inclusion; the range first .. end with all of its
 * entries; an earlier note.  In the trail's order. */
int evidence_add(struct proof *p, const struct evidence_from *from,
    uint64_t index) MUST_USE;
int evidence_add_range(struct proof *p, const struct evidence_from *from,
    uint64_t first, uint64_t end) MUST_USE;
int evidence_add_earlier(struct proof *p, const struct evidence_from *from,
    const struct cosigned_note *note) MUST_USE;

/* Check it, and write it to a file, or to stdout ("-"). */
int evidence_write(const struct proof *p, const struct note_key *log,
    const char *path) MUST_USE;
/* The same as others write it (C2SP tlog-proof): of one entry. */
int evidence_write_tlog(const struct proof *p, const struct note_key *log,
    const char *path) MUST_USE;

/* {"size","root","note"?,"cosigned"?} of a checkpoint. */
int evidence_checkpoint(json_t **out, const struct note_checkpoint *c,
    const char *note, const struct witness_policy *policy) MUST_USE;

/* "clock" in JSON: whose word the time asked for is.  Witnesses bound where it
 * begins; where it ends before the log does is keyd's word. */
const char *evidence_clock(const struct question *q, bool witnessed);

/* `weir audit verify --proof`: what a file proves, on stdout. */
struct evidence_check {
	const struct options *o;
	const char *path;
	const char *log_key;
	const char *policy; /* or NULL */
};
int evidence_check(const struct evidence_check *c) MUST_USE;

#endif
