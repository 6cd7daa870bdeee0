/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_MANIFEST_H
#define WEIR_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/digest.h"
#include "vault/owned.h"
#include "vault/reader.h"
#include "vault/writer.h"

/* A version's tree (FORMAT.md, "Manifest").  No I/O. */

#define MANIFEST_PAGE_ROWS 4096
#define MANIFEST_PATH_MAX 4096
#define MANIFEST_NAME_MAX 255
#define MANIFEST_FILES_MAX (4U << 20)
#define MANIFEST_TEXT_MAX (64U << 20)

enum manifest_kind {
	MANIFEST_FILE = 1,
	MANIFEST_LINK = 2,
	MANIFEST_DIR = 3,
};

enum manifest_class {
	MANIFEST_WEIGHTS = 0,
	MANIFEST_CONFIG = 1,
	MANIFEST_TOKENIZER = 2,
	MANIFEST_TEXT = 3,
};

/* What a model file may have before its weights, uncounted. */
#define MANIFEST_HEADER_MAX (128U << 20)

struct manifest_file {
	enum manifest_kind kind;
	enum manifest_class class;
	uint16_t mode;
	char *path;
	char *target; /* links only, else NULL */
	uint64_t size;
	struct digest digest; /* of the content */
	uint64_t header_bytes;
	uint64_t first_row; /* = the rows of all files before, whatever kind */
	uint32_t rows;
};

struct manifest_page_ref {
	struct digest digest; /* of the page record */
	uint64_t first_offset;
	struct digest object;  /* places: the manifest page object */
	struct digest lockbox; /* places: the lockbox page object */
};

struct manifest {
	uint16_t root_mode;
	uint64_t total_bytes;
	uint64_t weight_bytes;
	uint64_t chunk_rows;
	uint32_t file_count;
	uint32_t page_count;
	struct manifest_file *files; /* ascending by path */
	struct manifest_page_ref *pages;
	struct digest tensor_digest; /* zeros: none */
	struct digest tensor_object;
	struct digest version; /* H(root record) */
};

/*
 * Parse the plain bytes of a manifest object: root record and places.  Every
 * rule of FORMAT.md is checked (order, parents, links that stay inside, sums,
 * contiguous rows).  Nothing of bytes is kept.  ERR_FORMAT, ERR_LIMIT,
 * ERR_NOMEM; ERR_INTEGRITY when version is given and is not H(root record).
 */
int manifest_parse(struct manifest **out, const void *bytes, size_t length,
    const struct digest *version) MUST_USE;
void manifest_free(struct manifest *m);
OWNED_TYPE(manifest);

/*
 * Write m as a manifest object's plain bytes, and set *version (m->version is
 * not read).  m must obey the rules; ERR_FORMAT if manifest_parse would refuse
 * it, ERR_LIMIT if it is too large or w has no room for it.  first_row matters
 * only where there are rows.
 */
int manifest_write(const struct manifest *m, struct writer *w,
    struct digest *version) MUST_USE;

/* The file with this path, or NULL.  Binary search. */
const struct manifest_file *manifest_find(const struct manifest *m,
    const char *path);

/* Compare paths in manifest order: bytewise, a slash before all others. */
int manifest_compare(const char *a, const char *b);

/* How many bytes the files of a version that are not of class 0 may have
 * together. */
uint64_t manifest_text_limit(uint64_t total_bytes);

/* Whether path may stand in a manifest (UTF-8, components, length). */
bool manifest_path_ok(const char *path);
/* Whether a link at path with this target stays inside the tree. */
bool manifest_target_ok(const char *path, const char *target);

/* The file whose chunk rows hold this row, or NULL.  Binary search. */
const struct manifest_file *manifest_row_file(const struct manifest *m,
    uint64_t row);

/*
 * The page where the search for file offset begins: the last page among
 * those with rows of f whose first row of f lies at or before offset.  offset
 * must be below f->size.
 */
uint32_t manifest_page_of(const struct manifest *m,
    const struct manifest_file *f, uint64_t offset);

struct manifest_row {
	struct digest object;
	uint64_t offset; /* in the file */
	uint32_t length; /* plain */
};

/* Whether it has bytes that budgets count: of class 0, behind the header. */
bool manifest_row_weighs(const struct manifest_file *f,
    const struct manifest_row *row);

struct manifest_page {
	uint32_t index;
	uint32_t count;
	struct manifest_row *rows;
};

/* Parse a page record: ERR_INTEGRITY unless H(bytes) is digest; its number
 * must be index.  Each row continues the one before or begins a file. */
int manifest_page_parse(struct manifest_page **out, const void *bytes,
    size_t length, uint32_t index, const struct digest *digest) MUST_USE;
void manifest_page_free(struct manifest_page *p);
OWNED_TYPE(manifest_page);

int manifest_page_write(const struct manifest_page *p, struct writer *w,
    struct digest *digest) MUST_USE;

/*
 * Whether p's rows are what m says of page p->index: their number, and that
 * they are contiguous in each file from where the page starts.  Once for each
 * page after it was parsed.  ERR_FORMAT.
 */
int manifest_page_check(const struct manifest_page *p, const struct manifest *m)
    MUST_USE;

/*
 * The version's row number that holds offset of f, looked up in p (a page
 * that manifest_page_of named).  False if p's rows do not fit f: a page that
 * does not belong or overlaps.
 */
bool manifest_page_find(const struct manifest_page *p,
    const struct manifest_file *f, uint64_t offset, uint64_t *row);

#endif
