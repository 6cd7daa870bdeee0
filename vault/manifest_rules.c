/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/manifest_rules.h"

#include <assert.h>
#include <string.h>

#include "vault/err.h"
#include "vault/object.h"
#include "vault/size.h"

#define MODE_MAX 0777

/* Directories above a path: each takes two bytes of it at least. */
#define DEPTH_MAX (MANIFEST_PATH_MAX / 2)

struct walk {
	const struct manifest_file *before;
	const char *above[DEPTH_MAX]; /* the directories that are open */
	size_t depth;
	struct digest empty; /* H of no bytes */
	uint64_t total;
	uint64_t weights;
	uint64_t text; /* bytes of files that are not of class 0 */
	uint64_t rows;
};

bool
manifest_rules_span(uint64_t rows, uint64_t bytes)
{
	return rows <= bytes && size_units(bytes, OBJECT_CHUNK_MAX) <= rows;
}

static bool
plain_file_ok(const struct walk *w, const struct manifest_file *f)
{
	if (f->class != MANIFEST_WEIGHTS && f->header_bytes != 0)
		return false;
	if (f->size == 0 && !digest_equal(&f->digest, &w->empty))
		return false;
	return f->mode <= MODE_MAX && f->target == NULL &&
	    f->header_bytes <= f->size &&
	    f->header_bytes <= MANIFEST_HEADER_MAX &&
	    manifest_rules_span(f->rows, f->size) &&
	    (f->rows == 0 || f->first_row == w->rows);
}

static bool
fields_ok(const struct walk *w, const struct manifest_file *f)
{
	if (f->path == NULL || !manifest_path_ok(f->path))
		return false;
	switch (f->kind) {
	case MANIFEST_FILE:
		return plain_file_ok(w, f);
	case MANIFEST_LINK:
		return f->class == 0 && f->mode == MODE_MAX && f->rows == 0 &&
		    f->target != NULL && manifest_target_ok(f->path, f->target);
	case MANIFEST_DIR:
		return f->class == 0 && f->mode <= MODE_MAX && f->rows == 0 &&
		    f->target == NULL;
	}
	return false;
}

/* What of path lies beneath directory dir; NULL when it is not beneath. */
static const char *
beneath(const char *dir, const char *path)
{
	size_t n = strlen(dir);

	if (strncmp(dir, path, n) != 0 || path[n] != '/')
		return NULL;
	return path + n + 1;
}

/*
 * A directory's rows follow it without others between, so that the ones that
 * are open are a stack, and each is left once.
 */
static bool
place_ok(struct walk *w, const struct manifest_file *f)
{
	const char *rest = NULL;

	if (w->before != NULL &&
	    manifest_compare(w->before->path, f->path) >= 0)
		return false;
	while (w->depth > 0) {
		rest = beneath(w->above[w->depth - 1], f->path);
		if (rest != NULL)
			break;
		w->depth--;
	}
	if (strchr(rest != NULL ? rest : f->path, '/') != NULL)
		return false;
	if (f->kind == MANIFEST_DIR) {
		assert(w->depth < DEPTH_MAX);
		w->above[w->depth++] = f->path;
	}
	w->before = f;
	return true;
}

static bool
count(struct walk *w, const struct manifest_file *f)
{
	if (f->kind != MANIFEST_FILE)
		return true;
	w->rows += f->rows; /* at most 2^22 files with 2^32 rows */
	if (f->class == MANIFEST_WEIGHTS)
		w->weights += f->size - f->header_bytes;
	else
		w->text += f->size;
	return size_add(w->total, f->size, &w->total);
}

static bool
files_ok(const struct manifest *m)
{
	struct walk w = { .empty = digest_of("", 0) };

	for (uint32_t i = 0; i < m->file_count; i++) {
		const struct manifest_file *f = &m->files[i];

		if (!fields_ok(&w, f) || !place_ok(&w, f) || !count(&w, f))
			return false;
	}
	return w.total == m->total_bytes && w.weights == m->weight_bytes &&
	    w.rows == m->chunk_rows && w.text <= manifest_text_limit(w.total);
}

/* Somewhere in a file: a row of the version, and the offset it begins at. */
struct place {
	const struct manifest_file *f;
	uint64_t row;
	uint64_t offset;
};

/* Whether the rows from here to the file's end can hold its bytes. */
static bool
rest_ok(const struct place *at)
{
	return manifest_rules_span(at->f->first_row + at->f->rows - at->row,
	    at->f->size - at->offset);
}

/* Move to the file that holds this row, which is the version's. */
static bool
go_to_file(struct place *at, uint64_t row)
{
	while (at->f->rows == 0 || row >= at->f->first_row + at->f->rows) {
		if (at->f->rows > 0 && !rest_ok(at))
			return false;
		at->f++;
		at->row = at->f->first_row;
		at->offset = 0;
	}
	return true;
}

static bool
pages_ok(const struct manifest *m)
{
	struct place at = { .f = m->files };

	if (m->page_count != size_units(m->chunk_rows, MANIFEST_PAGE_ROWS))
		return false;
	for (uint32_t p = 0; p < m->page_count; p++) {
		uint64_t row = (uint64_t)p * MANIFEST_PAGE_ROWS;
		uint64_t offset = m->pages[p].first_offset;

		if (!go_to_file(&at, row) || offset < at.offset ||
		    offset >= at.f->size ||
		    !manifest_rules_span(row - at.row, offset - at.offset))
			return false;
		at.row = row;
		at.offset = offset;
	}
	return m->page_count == 0 || rest_ok(&at);
}

int
manifest_rules_check(const struct manifest *m)
{
	if (m->root_mode > MODE_MAX || !files_ok(m) || !pages_ok(m))
		return ERR_FORMAT;
	if (digest_is_zero(&m->tensor_digest) &&
	    !digest_is_zero(&m->tensor_object))
		return ERR_FORMAT;
	return 0;
}
