/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TRAILS_H
#define WEIR_TRAILS_H

#include "tests/lib/scratch.h"
#include "vault/trail.h"

/*
 * Trails for tests, in a scratch directory: entry N is "entry-N", the seed is
 * 00 01 .. 1f and the origin weir.example/audit, as in the vectors.  What goes
 * wrong ends the test.  Lines that are logged are kept, not shown.
 */
#define TRAILS_ORIGIN "weir.example/audit"
#define TRAILS_SEGMENT "trail/journal/00000000000000000000"

struct trails {
	struct scratch s;
	struct sign_key *seed;
	struct note_key key;
	struct trail *trail; /* open, or NULL */
	uint64_t replayed;   /* by the last trails_open: how many entries */
};

extern const struct journal_id trails_id; /* 01 02 .. 10 */
extern char trails_line[2048];		  /* the last one logged */

struct trails trails_new(void); /* made, not opened */
void trails_free(struct trails *t);
#define OWNED_TRAILS __attribute__((cleanup(trails_free))) struct trails

/* Open; entries from `from` on must be replayed rightly. */
int trails_open(struct trails *t, uint64_t from);
void trails_close(struct trails *t);

/* Append entries up to, not including, index `to`, and wait for the last. */
int trails_add(struct trails *t, uint64_t to);

/* trail_verify by a fresh reader. */
int trails_verify(const struct trails *t, const struct note_checkpoint *older,
    struct trail_verdict *out);

/* Bytes of a file beneath the vault. */
void trails_poke(const struct trails *t, const char *path, const void *bytes,
    size_t n, uint64_t offset);
void trails_peek(const struct trails *t, const char *path, void *bytes,
    size_t n, uint64_t offset);
void trails_flip(const struct trails *t, const char *path, uint64_t offset);

/* "entry-N"; its length. */
size_t trails_text(char text[static 32], uint64_t index);

#endif
