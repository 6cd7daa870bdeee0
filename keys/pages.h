/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_PAGES_H
#define WEIR_PAGES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "vault/digest.h"
#include "vault/lockbox.h"
#include "vault/manifest.h"
#include "vault/owned.h"
#include "vault/secret.h"
#include "vault/store.h"

/*
 * Manifests and lockbox pages of the versions that sessions read, fetched from
 * the store as needed; the least recently used ones go first.  For one thread.
 */

#define PAGES_MANIFESTS 8
#define PAGES_MANIFEST_BYTES (256U << 20) /* of memory, all together */
#define PAGES_LOCKBOXES 8

struct pages;

/* Whose pages.  key gives the version's key (the callee frees it) when the
 * manifest is not held. */
struct pages_version {
	struct digest version;
	struct digest object; /* of the manifest */
	int (*key)(void *arg, struct version_key **out);
	void *arg;
};

/* At most bytes of memory for manifests, but one in any case. */
int pages_new(struct pages **out, struct store *store, size_t bytes) MUST_USE;
void pages_free(struct pages *p);
/* Let go of all that is held, wiped. */
void pages_clear(struct pages *p);
OWNED_TYPE(pages);

/* The version's manifest, borrowed until the next call.  ERR_NOT_FOUND and
 * ERR_INTEGRITY: the store lacks it, or holds something else. */
int pages_manifest(struct pages *p, const struct pages_version *v,
    const struct manifest **out) MUST_USE;

/*
 * One row of the version's lockbox, borrowed until the next call.  row is below
 * the manifest's chunk_rows.  On failure *object names the page's object.
 */
int pages_row(struct pages *p, const struct pages_version *v, uint64_t row,
    const struct lockbox_row **out, struct digest *object) MUST_USE;

/*
 * Open the manifest and every page of a version, and see that they belong
 * together, row by row: the rows are those of the files, each key is the
 * family's for its chunk, and keys and rows agree about the lengths that
 * releases count.  What put calls stored can be read.  The caller frees *out.
 * ERR_NOT_FOUND, ERR_INTEGRITY, ERR_FORMAT, ERR_LIMIT.
 */
struct pages_verify {
	struct store *store;
	const struct version_key *key;
	const struct family_key *family;
	struct digest version;
	struct digest object;
	/* May be NULL: each page, when it was found sound. */
	int (*page)(void *arg, const struct manifest *m,
	    const struct manifest_page *page);
	void *arg;
	const atomic_bool
	    *stop; /* may be NULL; set: give up, ERR_UNREACHABLE */
};
int pages_verify(const struct pages_verify *how, struct manifest **out)
    MUST_USE;

/* The manifest alone; family and stop are not looked at. */
int pages_open(const struct pages_verify *how, struct manifest **out) MUST_USE;

#endif
