/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_JOURNAL_H
#define WEIR_JOURNAL_H

#include <stddef.h>
#include <stdint.h>

#include "vault/digest.h"
#include "vault/file.h"
#include "vault/owned.h"

/*
 * The commit log (FORMAT.md, "Journal").  One writer; not thread-safe: the
 * trail owns it.
 */
#define JOURNAL_SEGMENT (8U << 20)
#define JOURNAL_PAYLOAD_MAX 65535

struct journal;

struct journal_id {
	uint8_t bytes[16]; /* the vault's id */
};

/* Make an empty journal in dir (the directory trail/journal). */
int journal_init(const struct file *dir) MUST_USE;

/* Where a journal is not what it should be. */
struct journal_fault {
	uint64_t index; /* the first record that is damaged or missing */
	char why[160];
};

/*
 * Open for appending; repairs a torn tail as FORMAT.md says and syncs it before
 * it returns.  Records at and above `from` are replayed to each, in order
 * (the bytes are borrowed); those that segments removed by journal_trim
 * held are not.  An error may be found after some were replayed.  dir is
 * borrowed until journal_free.
 *
 * ERR_INTEGRITY when the journal was changed: a bad or missing record below
 * `below` (the checkpoint's size), or a bad one that must have been whole
 * because a later one was written after it had been synced.  It is told in
 * *fault if that is given, else in a log line.  ERR_SPACE.
 */
struct journal_open {
	const struct file *dir;
	struct journal_id id;
	uint64_t below;
	uint64_t from;
	int (*each)(void *arg, uint64_t index, const uint8_t *bytes, size_t n);
	void *arg;
	struct journal_fault *fault;
};
int journal_open(struct journal **out, const struct journal_open *how) MUST_USE;
void journal_free(struct journal *j);
OWNED_TYPE(journal);

/* The index that the next record gets. */
uint64_t journal_next(const struct journal *j);
/* The index of the first record of the segment that is appended to. */
uint64_t journal_segment(const struct journal *j);

/* The segment's file, as fstat has it; ERR_INTEGRITY, logged, when its name is
 * gone or another file's. */
struct stat;
int journal_look(const struct journal *j, struct stat *out) MUST_USE;

/*
 * Append one record without syncing; nothing is promised before
 * journal_sync returns 0.  After an error of write or sync the journal is
 * dead: every later call fails with ERR_IO (an fsync error is never retried
 * and believed).  ERR_LIMIT for a payload of no or too many bytes, which
 * changes nothing.
 */
int journal_append(struct journal *j, const void *payload, size_t n,
    uint64_t *index) MUST_USE;
int journal_sync(struct journal *j) MUST_USE;

/* Remove segments that lie wholly below index. */
int journal_trim(struct journal *j, uint64_t index) MUST_USE;

/*
 * Check a journal without opening it for writing (audit verify): as
 * journal_open, but nothing is repaired; a torn tail is no error.  *first and
 * *next are the first index kept and the one after the last.  It may be
 * appended to meanwhile.
 */
int journal_verify(const struct journal_open *how, uint64_t *first,
    uint64_t *next) MUST_USE;

#endif
