/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdlib.h>

#include "vault/err.h"
#include "vault/manifest.h"
#include "vault/object.h"
#include "vault/size.h"

#define MAGIC "weirpag\n"
#define VERSION 1
#define FIXED 20
#define ROW (DIGEST_SIZE + 8 + 4)

/* Whether row may follow before (NULL: it is a page's first). */
static bool
row_ok(const struct manifest_row *row, const struct manifest_row *before)
{
	uint64_t end;

	if (row->length == 0 || row->length > OBJECT_CHUNK_MAX ||
	    !size_add(row->offset, row->length, &end))
		return false;
	return before == NULL || row->offset == 0 ||
	    row->offset == before->offset + before->length;
}

static bool
rows_ok(const struct manifest_page *p)
{
	for (uint32_t i = 0; i < p->count; i++)
		if (!row_ok(&p->rows[i], i > 0 ? &p->rows[i - 1] : NULL))
			return false;
	return p->count > 0 && p->count <= MANIFEST_PAGE_ROWS;
}

int
manifest_page_parse(struct manifest_page **out, const void *bytes,
    size_t length, uint32_t index, const struct digest *digest)
{
	struct reader r = reader_of(bytes, length);
	struct digest found = digest_of(bytes, length);
	OWNED(manifest_page) p = NULL;

	if (!digest_equal(&found, digest))
		return ERR_INTEGRITY;
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return ERR_NOMEM;
	reader_expect(&r, MAGIC, 8);
	if (reader_u16(&r) != VERSION || reader_u16(&r) != 0)
		return ERR_FORMAT;
	p->index = reader_u32(&r);
	p->count = reader_count(&r, ROW);
	if (!reader_ok(&r) || p->index != index ||
	    p->count > MANIFEST_PAGE_ROWS)
		return ERR_FORMAT;
	p->rows = calloc(p->count, sizeof(*p->rows));
	if (p->rows == NULL && p->count > 0)
		return ERR_NOMEM;
	for (uint32_t i = 0; i < p->count; i++) {
		reader_copy(&r, p->rows[i].object.bytes, DIGEST_SIZE);
		p->rows[i].offset = reader_u64(&r);
		p->rows[i].length = reader_u32(&r);
	}
	if (!reader_end(&r) || !rows_ok(p))
		return ERR_FORMAT;
	*out = p;
	p = NULL;
	return 0;
}

void
manifest_page_free(struct manifest_page *p)
{
	if (p == NULL)
		return;
	free(p->rows);
	free(p);
}

int
manifest_page_write(const struct manifest_page *p, struct writer *w,
    struct digest *digest)
{
	const size_t start = w->length;

	if (!rows_ok(p))
		return ERR_FORMAT;
	if (FIXED + (size_t)p->count * ROW > w->max - w->length)
		return ERR_LIMIT;
	writer_bytes(w, MAGIC, 8);
	writer_u16(w, VERSION);
	writer_u16(w, 0);
	writer_u32(w, p->index);
	writer_u32(w, p->count);
	for (uint32_t i = 0; i < p->count; i++) {
		writer_bytes(w, p->rows[i].object.bytes, DIGEST_SIZE);
		writer_u64(w, p->rows[i].offset);
		writer_u32(w, p->rows[i].length);
	}
	if (!writer_ok(w))
		return ERR_NOMEM;
	*digest = digest_of(w->bytes + start, w->length - start);
	return 0;
}

static uint64_t
min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Whether this row begins f iff it is f's first, and ends it iff its last. */
static bool
fits(const struct manifest_row *row, const struct manifest_file *f,
    uint64_t number)
{
	const uint64_t end = row->offset + row->length;
	const bool first = number == f->first_row;
	const bool last = number + 1 == f->first_row + f->rows;

	return (row->offset == 0) == first && end <= f->size &&
	    (end == f->size) == last;
}

int
manifest_page_check(const struct manifest_page *p, const struct manifest *m)
{
	const uint64_t first = (uint64_t)p->index * MANIFEST_PAGE_ROWS;
	const struct manifest_file *f = manifest_row_file(m, first);
	uint64_t end = 0;

	if (f == NULL || p->rows[0].offset != m->pages[p->index].first_offset ||
	    p->count != min_u64(m->chunk_rows - first, MANIFEST_PAGE_ROWS))
		return ERR_FORMAT;
	for (uint32_t i = 0; i < p->count; i++) {
		while (first + i >= f->first_row + f->rows)
			f++;
		if (!fits(&p->rows[i], f, first + i))
			return ERR_FORMAT;
		end = p->rows[i].offset + p->rows[i].length;
	}
	/* The next page goes on where this one ends. */
	if (end < f->size && m->pages[p->index + 1].first_offset != end)
		return ERR_FORMAT;
	return 0;
}

uint32_t
manifest_page_of(const struct manifest *m, const struct manifest_file *f,
    uint64_t offset)
{
	uint64_t low = f->first_row / MANIFEST_PAGE_ROWS;
	uint64_t high = (f->first_row + f->rows - 1) / MANIFEST_PAGE_ROWS + 1;

	assert(offset < f->size && f->rows > 0 && high <= m->page_count);
	/* The first of them may start with another file's rows. */
	while (high - low > 1) {
		uint64_t mid = low + (high - low) / 2;

		if (m->pages[mid].first_offset <= offset)
			low = mid;
		else
			high = mid;
	}
	return (uint32_t)low;
}

bool
manifest_page_find(const struct manifest_page *p, const struct manifest_file *f,
    uint64_t offset, uint64_t *row)
{
	const uint64_t first = (uint64_t)p->index * MANIFEST_PAGE_ROWS;
	const uint64_t end = min_u64(first + p->count, f->first_row + f->rows);
	uint64_t low = f->first_row > first ? f->first_row : first;
	uint64_t high = end;
	const struct manifest_row *found;

	if (low >= high || p->rows[low - first].offset > offset ||
	    (low == f->first_row && p->rows[low - first].offset != 0))
		return false;
	while (high - low > 1) {
		uint64_t mid = low + (high - low) / 2;

		if (p->rows[mid - first].offset <= offset)
			low = mid;
		else
			high = mid;
	}
	found = &p->rows[low - first];
	if (offset - found->offset >= found->length ||
	    found->offset + found->length > f->size)
		return false;
	*row = low;
	return true;
}
