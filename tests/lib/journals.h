/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_JOURNALS_H
#define WEIR_JOURNALS_H

#include "tests/lib/scratch.h"
#include "vault/journal.h"
#include "vault/journal_scan.h"

/*
 * Journals for tests, in a scratch directory: record N holds "entry-N".  What
 * goes wrong ends the test.
 */
#define JOURNALS_FIRST "00000000000000000000"
#define JOURNALS_RECORD ((size_t)JOURNAL_SCAN_OVERHEAD + 7) /* one digit */

extern const struct journal_id journals_id; /* 01 02 .. 10 */

/* The last line that was logged, while this is the log's sink. */
extern char journals_line[2048];
void journals_sink(void *arg, const char *line);

/* A replay for journal_open: entries must be the right ones, in order. */
struct journals_seen {
	uint64_t first;
	uint64_t count;
};
int journals_look(void *arg, uint64_t index, const uint8_t *bytes, size_t n);

/* With seen, which is begun anew, what is replayed is looked at. */
int journals_open(struct journal **out, const struct scratch *s, uint64_t below,
    struct journals_seen *seen);
int journals_verify(const struct scratch *s, uint64_t below, uint64_t *next,
    struct journal_fault *fault);

/* Append count records; a fresh journal of count, each commit of `each`. */
void journals_add(struct journal *j, uint64_t count);
void journals_make(const struct scratch *s, uint64_t count, uint64_t each);

/* Bytes of a file in the journal's directory. */
void journals_poke(const struct scratch *s, const char *name, const void *bytes,
    size_t n, uint64_t offset);
void journals_peek(const struct scratch *s, const char *name, void *bytes,
    size_t n, uint64_t offset);

/* Both ways of reading refuse it, and name this record. */
void journals_refused(const struct scratch *s, uint64_t below, uint64_t index);

#endif
