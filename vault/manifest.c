/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/manifest.h"

#include <stdlib.h>
#include <string.h>

#include "vault/err.h"
#include "vault/manifest_rules.h"
#include "vault/object.h"
#include "vault/size.h"

#define MAGIC "weirman\n"
#define VERSION 1

/* Sizes of FORMAT.md's parts. */
#define ROOT_FIXED (8 + 2 + 2 + 4 + 8 + 8 + 8 + DIGEST_SIZE + 4)
#define ROOT_PAGE (DIGEST_SIZE + 8)
#define FILE_ROW (1 + 1 + 2 + 2) /* and the path, 1 byte at least */
#define FILE_REST (8 + DIGEST_SIZE + 8 + 8 + 4)
#define PLACES_PAGE (2 * DIGEST_SIZE)
#define PLACES_FIXED (1 + DIGEST_SIZE)

uint64_t
manifest_text_limit(uint64_t total_bytes)
{
	uint64_t share = total_bytes / 50;

	return share < MANIFEST_TEXT_MAX ? share : MANIFEST_TEXT_MAX;
}

/* A u16 length and a text without NUL, at most max bytes. */
static int
parse_text(char **out, struct reader *r, size_t max)
{
	size_t n = reader_u16(r);
	const uint8_t *at = reader_bytes(r, n);

	if (at == NULL || n > max || memchr(at, '\0', n) != NULL)
		return ERR_FORMAT;
	*out = strndup((const char *)at, n);
	return *out != NULL ? 0 : ERR_NOMEM;
}

/* next: the rows of the files before. */
static int
parse_file(struct manifest_file *f, struct reader *r, uint64_t next)
{
	uint8_t kind = reader_u8(r);
	uint8_t what = reader_u8(r);
	int err;

	if (kind < MANIFEST_FILE || kind > MANIFEST_DIR || what > MANIFEST_TEXT)
		return ERR_FORMAT;
	f->kind = (enum manifest_kind)kind;
	f->class = (enum manifest_class)what;
	f->mode = reader_u16(r);
	f->first_row = next;
	err = parse_text(&f->path, r, MANIFEST_PATH_MAX);
	if (err == 0 && f->kind == MANIFEST_LINK)
		err = parse_text(&f->target, r, MANIFEST_TARGET_MAX);
	if (err != 0 || f->kind != MANIFEST_FILE)
		return err;
	f->size = reader_u64(r);
	reader_copy(r, f->digest.bytes, DIGEST_SIZE);
	f->header_bytes = reader_u64(r);
	if (reader_u64(r) != next)
		return ERR_FORMAT;
	f->rows = reader_u32(r);
	return 0;
}

static int
parse_files(struct manifest *m, uint32_t count, struct reader *r)
{
	uint64_t rows = 0;

	if (count > MANIFEST_FILES_MAX)
		return ERR_LIMIT;
	if (count > r->left / (FILE_ROW + 1))
		return ERR_FORMAT;
	m->files = calloc(count, sizeof(*m->files));
	if (m->files == NULL && count > 0)
		return ERR_NOMEM;
	for (; m->file_count < count; rows += m->files[m->file_count++].rows) {
		struct manifest_file *f = &m->files[m->file_count];
		int err = parse_file(f, r, rows);

		if (err != 0) {
			m->file_count++; /* so that what it has is freed */
			return err;
		}
	}
	return 0;
}

static int
parse_root(struct manifest *m, struct reader *r)
{
	uint32_t count;
	int err;

	reader_expect(r, MAGIC, 8);
	if (reader_u16(r) != VERSION)
		return ERR_FORMAT;
	m->root_mode = reader_u16(r);
	count = reader_u32(r);
	m->total_bytes = reader_u64(r);
	m->weight_bytes = reader_u64(r);
	m->chunk_rows = reader_u64(r);
	reader_copy(r, m->tensor_digest.bytes, DIGEST_SIZE);
	m->page_count = reader_count(r, ROOT_PAGE);
	if (!reader_ok(r))
		return ERR_FORMAT;
	m->pages = calloc(m->page_count, sizeof(*m->pages));
	if (m->pages == NULL && m->page_count > 0)
		return ERR_NOMEM;
	for (uint32_t p = 0; p < m->page_count; p++) {
		reader_copy(r, m->pages[p].digest.bytes, DIGEST_SIZE);
		m->pages[p].first_offset = reader_u64(r);
	}
	err = parse_files(m, count, r);
	if (err == 0 && !reader_end(r))
		err = ERR_FORMAT;
	return err;
}

static int
parse_places(struct manifest *m, struct reader *r)
{
	bool tensors;

	for (uint32_t p = 0; p < m->page_count; p++)
		reader_copy(r, m->pages[p].object.bytes, DIGEST_SIZE);
	for (uint32_t p = 0; p < m->page_count; p++)
		reader_copy(r, m->pages[p].lockbox.bytes, DIGEST_SIZE);
	tensors = !digest_is_zero(&m->tensor_digest);
	if (reader_u8(r) != tensors)
		return ERR_FORMAT;
	reader_copy(r, m->tensor_object.bytes, DIGEST_SIZE);
	return reader_end(r) ? 0 : ERR_FORMAT;
}

int
manifest_parse(struct manifest **out, const void *bytes, size_t length,
    const struct digest *version)
{
	struct reader r = reader_of(bytes, length), root;
	OWNED(manifest) m = NULL;
	int err;

	if (length > object_limit(OBJECT_MANIFEST))
		return ERR_LIMIT;
	m = calloc(1, sizeof(*m));
	if (m == NULL)
		return ERR_NOMEM;
	root = reader_sub(&r, reader_u32(&r));
	if (!reader_ok(&r))
		return ERR_FORMAT;
	m->version = digest_of(root.at, root.left);
	if (version != NULL && !digest_equal(version, &m->version))
		return ERR_INTEGRITY;
	err = parse_root(m, &root);
	if (err == 0)
		err = parse_places(m, &r);
	if (err == 0)
		err = manifest_rules_check(m);
	if (err != 0)
		return err;
	*out = m;
	m = NULL;
	return 0;
}

void
manifest_free(struct manifest *m)
{
	if (m == NULL)
		return;
	for (uint32_t i = 0; i < m->file_count; i++) {
		free(m->files[i].path);
		free(m->files[i].target);
	}
	free(m->files);
	free(m->pages);
	free(m);
}

static uint64_t
root_length(const struct manifest *m)
{
	uint64_t n = ROOT_FIXED + (uint64_t)m->page_count * ROOT_PAGE;

	for (uint32_t i = 0; i < m->file_count; i++) {
		const struct manifest_file *f = &m->files[i];

		n += FILE_ROW + strlen(f->path);
		if (f->kind == MANIFEST_FILE)
			n += FILE_REST;
		else if (f->kind == MANIFEST_LINK)
			n += 2 + strlen(f->target);
	}
	return n;
}

static void
write_file(const struct manifest_file *f, uint64_t first_row, struct writer *w)
{
	writer_u8(w, (uint8_t)f->kind);
	writer_u8(w, (uint8_t)f->class);
	writer_u16(w, f->mode);
	writer_string(w, f->path);
	if (f->kind == MANIFEST_LINK)
		writer_string(w, f->target);
	if (f->kind != MANIFEST_FILE)
		return;
	writer_u64(w, f->size);
	writer_bytes(w, f->digest.bytes, DIGEST_SIZE);
	writer_u64(w, f->header_bytes);
	writer_u64(w, first_row);
	writer_u32(w, f->rows);
}

static void
write_root(const struct manifest *m, struct writer *w)
{
	uint64_t rows = 0;

	writer_bytes(w, MAGIC, 8);
	writer_u16(w, VERSION);
	writer_u16(w, m->root_mode);
	writer_u32(w, m->file_count);
	writer_u64(w, m->total_bytes);
	writer_u64(w, m->weight_bytes);
	writer_u64(w, m->chunk_rows);
	writer_bytes(w, m->tensor_digest.bytes, DIGEST_SIZE);
	writer_u32(w, m->page_count);
	for (uint32_t p = 0; p < m->page_count; p++) {
		writer_bytes(w, m->pages[p].digest.bytes, DIGEST_SIZE);
		writer_u64(w, m->pages[p].first_offset);
	}
	for (uint32_t i = 0; i < m->file_count; i++) {
		write_file(&m->files[i], rows, w);
		rows += m->files[i].rows;
	}
}

static void
write_places(const struct manifest *m, struct writer *w)
{
	for (uint32_t p = 0; p < m->page_count; p++)
		writer_bytes(w, m->pages[p].object.bytes, DIGEST_SIZE);
	for (uint32_t p = 0; p < m->page_count; p++)
		writer_bytes(w, m->pages[p].lockbox.bytes, DIGEST_SIZE);
	writer_u8(w, !digest_is_zero(&m->tensor_digest));
	writer_bytes(w, m->tensor_object.bytes, DIGEST_SIZE);
}

int
manifest_write(const struct manifest *m, struct writer *w,
    struct digest *version)
{
	const size_t start = w->length + 4;
	uint64_t root, all;
	int err;

	if (m->file_count > MANIFEST_FILES_MAX)
		return ERR_LIMIT;
	err = manifest_rules_check(m);
	if (err != 0)
		return err;
	root = root_length(m);
	all = 4 + root + (uint64_t)m->page_count * PLACES_PAGE + PLACES_FIXED;
	if (all > object_limit(OBJECT_MANIFEST) || all > w->max - w->length)
		return ERR_LIMIT;
	writer_u32(w, (uint32_t)root);
	write_root(m, w);
	write_places(m, w);
	if (!writer_ok(w))
		return ERR_NOMEM;
	*version = digest_of(w->bytes + start, root);
	return 0;
}

const struct manifest_file *
manifest_find(const struct manifest *m, const char *path)
{
	uint32_t low = 0, high = m->file_count;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		int c = manifest_compare(m->files[mid].path, path);

		if (c == 0)
			return &m->files[mid];
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

/* The last file that begins at or before row is the one with rows. */
const struct manifest_file *
manifest_row_file(const struct manifest *m, uint64_t row)
{
	uint32_t low = 0, high = m->file_count;

	if (row >= m->chunk_rows)
		return NULL;
	while (high - low > 1) {
		uint32_t mid = low + (high - low) / 2;

		if (m->files[mid].first_row <= row)
			low = mid;
		else
			high = mid;
	}
	return &m->files[low];
}

bool
manifest_row_weighs(const struct manifest_file *f,
    const struct manifest_row *row)
{
	return f->class == MANIFEST_WEIGHTS &&
	    row->offset + row->length > f->header_bytes;
}
