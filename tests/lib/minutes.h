/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_MINUTES_H
#define WEIR_MINUTES_H

#include <stddef.h>
#include <stdint.h>

#include "vault/note.h"
#include "vault/proof.h"
#include "vault/tlog.h"

/*
 * A log in memory, of entries as keyd writes them: entry i is of minute i past
 * MINUTES_START.  Sessions 1 (alice, llama), 2 (bob, llama and qwen) and 3
 * (alice, qwen) open, are given bytes, and close:
 *
 *	 0 init		 4 release 1 (100)	 8 release 3 (400)
 *	 1 open 1	 5 release 2 llama (200)	 9 extents 1 (7)
 *	 2 open 2	 6 release 2 qwen (300)	10 close 1
 *	 3 keyd.start	 7 open 3		11 config, and so on
 */
#define MINUTES_MAX 64
#define MINUTES_START INT64_C(1700000000000)
#define MINUTES_ORIGIN "weir.example/audit"

struct minutes {
	uint8_t *entries[MINUTES_MAX];
	size_t lengths[MINUTES_MAX];
	size_t count;
	struct sign_key *seed;
	struct note_key key;
};
struct minutes minutes_new(size_t count);
void minutes_free(struct minutes *m);
#define OWNED_MINUTES __attribute__((cleanup(minutes_free))) struct minutes

int64_t minutes_time(size_t i);

/* A tlog_node_fn; arg is the minutes. */
int minutes_node(void *arg, unsigned int level, uint64_t n, struct digest *out);

/* The checkpoint at a size, signed; the caller frees. */
char *minutes_note(const struct minutes *m, uint64_t size);

/* Proofs up to the end: of these entries; of a range, with the openings of
 * sessions 1 and 2 before it. */
struct proof *minutes_yes(const struct minutes *m, const char *question,
    const uint64_t *entries, size_t n);
struct proof *minutes_no(const struct minutes *m, const char *question,
    uint64_t first, uint64_t end);

#endif
