/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_LOCKBOX_H
#define WEIR_LOCKBOX_H

#include <stddef.h>
#include <stdint.h>

#include "vault/digest.h"
#include "vault/owned.h"
#include "vault/secret.h"
#include "vault/writer.h"

/*
 * A page of a version's chunk keys (FORMAT.md, "Manifest").  Rows live in
 * guarded memory and are wiped when freed.
 */
#define LOCKBOX_PAGE_ROWS 4096

struct lockbox_row {
	uint8_t key[KEY_SIZE];
	struct digest sealing;
	uint32_t length;
};

struct lockbox;

/* An empty page number index, to be filled by lockbox_add. */
int lockbox_new(struct lockbox **out, uint32_t index) MUST_USE;
/* Parse a page, whose number must be index.  ERR_FORMAT, ERR_NOMEM (also,
 * with a log line, when its memory cannot be locked). */
int lockbox_parse(struct lockbox **out, const void *bytes, size_t length,
    uint32_t index) MUST_USE;
void lockbox_free(struct lockbox *b);
OWNED_TYPE(lockbox);

uint32_t lockbox_count(const struct lockbox *b);
const struct lockbox_row *lockbox_at(const struct lockbox *b, uint32_t i);
/* Only to a page from lockbox_new.  ERR_LIMIT when the page is full. */
int lockbox_add(struct lockbox *b, const struct lockbox_row *row) MUST_USE;
/* ERR_LIMIT when w has no room.  A page has one row at least (ERR_FORMAT). */
int lockbox_write(const struct lockbox *b, struct writer *w) MUST_USE;

#endif
