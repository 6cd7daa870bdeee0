/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_BINDER_H
#define WEIR_BINDER_H

#include <stdint.h>

#include "vault/lockbox.h"
#include "vault/manifest.h"
#include "vault/owned.h"
#include "vault/store.h"

/*
 * Binds chunk rows into pages: each page of 4,096 rows is sealed and stored,
 * with its lockbox page, as soon as it is full (FORMAT.md, "Manifest").
 */
struct binder_how {
	struct store *store;
	const struct page_key *manifest_key;
	const struct page_key *lockbox_key;
};

struct binder;
int binder_new(struct binder **out, const struct binder_how *how) MUST_USE;
void binder_free(struct binder *b);
OWNED_TYPE(binder);

/* The version's next row. */
int binder_add(struct binder *b, const struct digest *object, uint64_t offset,
    const struct lockbox_row *box) MUST_USE;

/* Store the last page; the caller frees *pages.  After store_flush they are
 * durable. */
int binder_end(struct binder *b, struct manifest_page_ref **pages,
    uint32_t *count) MUST_USE;

/* Seal a record under a page key, and store it (after store_flush). */
struct binder_record {
	enum object_type type;
	uint64_t index;
	const void *bytes;
	size_t length;
};
int binder_store(struct store *s, const struct page_key *key,
    const struct binder_record *r, struct digest *name) MUST_USE;

#endif
