/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/lockbox.h"

#include <assert.h>
#include <stdlib.h>

#include "vault/err.h"
#include "vault/guarded.h"
#include "vault/log.h"
#include "vault/object.h"
#include "vault/reader.h"

#define MAGIC "weirbox\n"
#define VERSION 1
#define FIXED 20
#define ROW (KEY_SIZE + DIGEST_SIZE + 4)

struct lockbox {
	uint32_t index;
	uint32_t count;
	uint32_t capacity;
	struct lockbox_row *rows; /* guarded; alone in its memory */
};

static int
make(struct lockbox **out, uint32_t index, uint32_t capacity)
{
	OWNED(lockbox) b = calloc(1, sizeof(*b));
	void *rows;
	int err;

	if (b == NULL)
		return ERR_NOMEM;
	err = guarded_new(&rows, capacity * sizeof(*b->rows));
	if (err != 0)
		return err;
	b->rows = rows;
	b->index = index;
	b->capacity = capacity;
	*out = b;
	b = NULL;
	return 0;
}

int
lockbox_new(struct lockbox **out, uint32_t index)
{
	return make(out, index, LOCKBOX_PAGE_ROWS);
}

static void
parse_row(struct lockbox_row *row, struct reader *r)
{
	reader_copy(r, row->key, sizeof(row->key));
	reader_copy(r, row->sealing.bytes, sizeof(row->sealing.bytes));
	row->length = reader_u32(r);
	if (row->length == 0 || row->length > OBJECT_CHUNK_MAX)
		reader_fail(r);
}

int
lockbox_parse(struct lockbox **out, const void *bytes, size_t length,
    uint32_t index)
{
	struct reader r = reader_of(bytes, length);
	OWNED(lockbox) b = NULL;
	uint32_t count;
	int err;

	reader_expect(&r, MAGIC, 8);
	if (reader_u16(&r) != VERSION || reader_u16(&r) != 0 ||
	    reader_u32(&r) != index)
		reader_fail(&r);
	count = reader_count(&r, ROW);
	if (!reader_ok(&r) || count == 0 || count > LOCKBOX_PAGE_ROWS ||
	    r.left != (size_t)count * ROW)
		return ERR_FORMAT;
	err = make(&b, index, count);
	if (err != 0)
		return err;
	while (b->count < count)
		parse_row(&b->rows[b->count++], &r);
	if (!reader_end(&r))
		return ERR_FORMAT;
	*out = b;
	b = NULL;
	return 0;
}

void
lockbox_free(struct lockbox *b)
{
	if (b == NULL)
		return;
	guarded_free(b->rows);
	free(b);
}

uint32_t
lockbox_count(const struct lockbox *b)
{
	return b->count;
}

const struct lockbox_row *
lockbox_at(const struct lockbox *b, uint32_t i)
{
	assert(i < b->count);
	return &b->rows[i];
}

int
lockbox_add(struct lockbox *b, const struct lockbox_row *row)
{
	if (b->count == b->capacity)
		return ERR_LIMIT;
	b->rows[b->count++] = *row;
	return 0;
}

int
lockbox_write(const struct lockbox *b, struct writer *w)
{
	if (b->count == 0)
		return ERR_FORMAT;
	if (FIXED + (size_t)b->count * ROW > w->max - w->length)
		return ERR_LIMIT;
	writer_bytes(w, MAGIC, 8);
	writer_u16(w, VERSION);
	writer_u16(w, 0);
	writer_u32(w, b->index);
	writer_u32(w, b->count);
	for (uint32_t i = 0; i < b->count; i++) {
		writer_bytes(w, b->rows[i].key, KEY_SIZE);
		writer_bytes(w, b->rows[i].sealing.bytes, DIGEST_SIZE);
		writer_u32(w, b->rows[i].length);
	}
	return writer_ok(w) ? 0 : ERR_NOMEM;
}
