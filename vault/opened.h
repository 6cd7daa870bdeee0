/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_OPENED_H
#define WEIR_OPENED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/digest.h"
#include "vault/owned.h"
#include "vault/secret.h"

/*
 * Blocks of chunks that were checked and opened lately, and of which a read
 * took a part: whoever reads on in small pieces, or with pieces that end
 * anywhere, has the rest of them without another hash.  A few, in guarded
 * memory, the one least recently used goes.  Thread-safe; the lock is held over
 * one copy.
 */
struct opened;

#define OPENED_BLOCK 32768 /* bytes, from a multiple of it in the chunk */

/* count > 0 blocks.  ERR_NOMEM, with a line. */
int opened_new(struct opened **out, size_t count) MUST_USE;
void opened_free(struct opened *o); /* wipes */
OWNED_TYPE(opened);

struct opened_block {
	const struct digest *object;
	const uint8_t *key; /* that it was opened with, KEY_SIZE bytes */
	uint32_t number;    /* in the chunk */
};

/* Copy n bytes from offset `from` of a block to buf.  False: it is not there,
 * or was opened with another key. */
bool opened_take(struct opened *o, const struct opened_block *b, uint32_t from,
    void *buf, size_t n);

/* Keep a copy of all n bytes (<= OPENED_BLOCK) of a block. */
void opened_keep(struct opened *o, const struct opened_block *b,
    const void *plain, size_t n);

/* Wipe what is there. */
void opened_wipe(struct opened *o);
/* The same, and keep nothing from here on. */
void opened_close(struct opened *o);

#endif
