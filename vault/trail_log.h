/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TRAIL_LOG_H
#define WEIR_TRAIL_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "vault/digest.h"
#include "vault/file.h"
#include "vault/note.h"
#include "vault/owned.h"
#include "vault/secret.h"

/*
 * The transparency log beneath trail/ as its one writer sees it: tiles, then a
 * signature, then the checkpoint (FORMAT.md, "Trail").  For trail.c; one
 * thread at a time.
 */
struct trail_log;

struct trail_log_how {
	const struct file *dir; /* trail/ */
	const struct note_key *key;
	const struct sign_key *seed;
};

/* A log without entries: its directories and its first checkpoint. */
int trail_log_init(const struct trail_log_how *how) MUST_USE;

/*
 * Go on from the checkpoint on disk, which must be signed by key and be the
 * root of the tiles.  What how points to is borrowed until trail_log_free.
 * ERR_INTEGRITY.
 */
int trail_log_open(struct trail_log **out, const struct trail_log_how *how)
    MUST_USE;
void trail_log_free(struct trail_log *l);
OWNED_TYPE(trail_log);

/* The checkpoint that was published last, and its note, borrowed until the
 * next trail_log_publish. */
const struct note_checkpoint *trail_log_checkpoint(const struct trail_log *l);
const char *trail_log_note(const struct trail_log *l);

/* Checks that need the entries below the checkpoint, until trail_log_begin:
 * the entries from .. the checkpoint's size, checked, in order; */
int trail_log_each(struct trail_log *l, uint64_t from,
    int (*each)(void *arg, uint64_t index, const uint8_t *entry, size_t n),
    void *arg) MUST_USE;
/* whether the journal's entry of this index is the log's (ERR_INTEGRITY); */
int trail_log_compare(struct trail_log *l, uint64_t index, const uint8_t *entry,
    size_t n) MUST_USE;
/* and that nothing in the log lies beyond `next`, where the journal ends. */
int trail_log_check_end(struct trail_log *l, uint64_t next) MUST_USE;

/*
 * Get ready to add entries after the checkpoint.  Once trail_log_add or
 * trail_log_publish failed the log is of no more use: open it again, and add
 * the entries after its checkpoint again.
 */
int trail_log_begin(struct trail_log *l) MUST_USE;
int trail_log_add(struct trail_log *l, const void *entry, size_t n) MUST_USE;

/* Write what is not yet in tiles, sign, and replace the checkpoint.  With
 * nothing added it makes the checkpoint on disk durable. */
int trail_log_publish(struct trail_log *l) MUST_USE;

/* Read the checkpoint in dir.  The caller frees *note.  ERR_INTEGRITY, said
 * in a log line, also when there is none. */
int trail_log_read(struct note_checkpoint *out, char **note,
    const struct file *dir, const struct note_key *key) MUST_USE;

#endif
