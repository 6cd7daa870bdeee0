/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_VERSION_H
#define WEIR_VERSION_H

#include <stddef.h>
#include <stdint.h>

#include "vault/manifest.h"
#include "vault/object.h"
#include "vault/opened.h"
#include "vault/owned.h"
#include "vault/store.h"
#include "vault/tensor.h"

/*
 * A version as it lies in a store: what a mount, `get`, `ls` and `check` read
 * it through.  Everything fetched is checked against the version digest before
 * it is used or handed out: root record → pages → object names → blocks.
 * Thread-safe; caches of pages and object headers are bounded.
 */
struct version;

struct version_open {
	struct store *store;  /* borrowed */
	struct digest object; /* of the manifest */
	struct digest version;
	const struct page_key *manifest_key; /* copied */
	struct opened *opened; /* for reads of parts; may be NULL; borrowed */
};
int version_open(struct version **out, const struct version_open *how) MUST_USE;
void version_free(struct version *v);
OWNED_TYPE(version);

const struct manifest *version_manifest(const struct version *v);

/* A chunk row of a file, and which one of the version it is. */
struct version_row {
	uint64_t number;
	struct manifest_row row;
};

/*
 * The rows that hold bytes offset .. offset + n of f (cut to its size), at
 * most max of them.  Pages are fetched as needed.
 */
int version_rows(struct version *v, const struct manifest_file *f,
    uint64_t offset, uint64_t n, struct version_row *rows, size_t max,
    size_t *count) MUST_USE;

/* Rows by number, first .. first + count (for check and get); *got is fewer
 * at the version's end or at a page's. */
int version_rows_at(struct version *v, uint64_t first, struct version_row *rows,
    size_t count, size_t *got) MUST_USE;

/*
 * n bytes from offset of a chunk, opened with its key: fetches only the
 * segments needed, checks the digest of each block that holds a byte of
 * them (of a packed segment: of all its blocks) and the segment's tag
 * before a byte of it is copied to buf.  What was opened lately
 * (version_open.opened) is copied from there.  ERR_INTEGRITY: the object is
 * not the one vouched for, or missing bytes; ERR_NOT_FOUND: it is not in
 * the store; ERR_IO.  On failure buf is wiped.
 */
int version_read(struct version *v, const struct version_row *row,
    const uint8_t key[static KEY_SIZE], uint32_t offset, void *buf, size_t n)
    MUST_USE;

/* The tensor index; an empty list when the version has none. */
int version_tensors(struct version *v, struct tensor_list *out) MUST_USE;

#endif
