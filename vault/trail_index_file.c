/* SPDX-License-Identifier: Apache-2.0 */
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "vault/err.h"
#include "vault/reader.h"
#include "vault/size.h"
#include "vault/trail_index.h"
#include "vault/trail_index_parts.h"

#define MAGIC "weiridx\n"
#define VERSION 1
#define FIXED (8 + 2 + 6 + 8 + 8 + 8 + DIGEST_SIZE + DIGEST_SIZE)
#define BODY_DIGEST (FIXED - DIGEST_SIZE)
#define ENTRY 4
#define ROW 16
#define RUN 16

/* More sets than that there are not: they take less than the rows do. */
#define SETS_BYTES(entries) (((entries) + 64) * 64)

size_t
trail_index_limit(uint64_t entries)
{
	return FIXED + entries * (ENTRY + ROW) +
	    (entries / INDEX_RUN + 1) * RUN + SETS_BYTES(entries) +
	    INDEX_SET_MAX;
}

static uint64_t
run_count(uint64_t entries)
{
	return size_units(entries, INDEX_RUN);
}

int
trail_index_write(const struct trail_index *x, const struct digest *root,
    struct writer *w)
{
	const size_t begin = w->length;
	struct digest body;

	writer_bytes(w, MAGIC, 8);
	writer_u16(w, VERSION);
	writer_u16(w, 0);
	writer_u32(w, 0);
	writer_u64(w, x->count);
	writer_u64(w, x->row_count);
	writer_u64(w, x->set_count);
	writer_bytes(w, root->bytes, DIGEST_SIZE);
	writer_bytes(w, root->bytes, DIGEST_SIZE);
	for (uint64_t i = 0; i < x->count; i++)
		writer_u32(w, x->entries[i]);
	for (uint64_t i = 0; i < run_count(x->count); i++) {
		writer_u64(w, (uint64_t)x->runs[i].first_ms);
		writer_u64(w, (uint64_t)x->runs[i].last_ms);
	}
	for (size_t i = 0; i < x->row_count; i++) {
		writer_u32(w, x->rows[i].who);
		writer_u32(w, x->rows[i].about);
		writer_u64(w, x->rows[i].last);
	}
	for (size_t i = 0; i < x->set_count; i++) {
		size_t n = strlen(x->set[i]);

		writer_u16(w, (uint16_t)n);
		writer_bytes(w, x->set[i], n);
	}
	if (!writer_ok(w))
		return ERR_LIMIT;
	body = digest_of2(w->bytes + begin, BODY_DIGEST,
	    w->bytes + begin + FIXED, w->length - begin - FIXED);
	memcpy(w->bytes + begin + BODY_DIGEST, body.bytes, DIGEST_SIZE);
	return 0;
}

static int
read_sets(struct trail_index *x, struct reader *r, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		const uint16_t n = reader_u16(r);
		const uint8_t *bytes = reader_bytes(r, n);
		OWNED_MEM(char) text = NULL;
		uint32_t number;

		if (bytes == NULL || memchr(bytes, '\0', n) != NULL)
			return ERR_FORMAT;
		text = strndup((const char *)bytes, n);
		if (text == NULL || trail_index_set(x, text, &number) != 0)
			return ERR_NOMEM;
		/* The empty one is there, as the first; each stands once. */
		if (number != i)
			return ERR_FORMAT;
	}
	return 0;
}

static int
read_entries(struct trail_index *x, struct reader *r, uint64_t count,
    uint64_t rows)
{
	const uint8_t *at = reader_bytes(r, (size_t)count * ENTRY);
	uint32_t most = 0;

	if (at == NULL)
		return ERR_FORMAT;
	/* There may be ten million of them: no call for each. */
	for (uint64_t i = 0; i < count; i++) {
		uint32_t number;

		memcpy(&number, at + i * ENTRY, ENTRY);
		x->entries[i] = le32toh(number);
		most = x->entries[i] > most ? x->entries[i] : most;
	}
	for (uint64_t i = 0; i < run_count(count); i++) {
		x->runs[i].first_ms = (int64_t)reader_u64(r);
		x->runs[i].last_ms = (int64_t)reader_u64(r);
	}
	x->count = count;
	return reader_ok(r) && (count == 0 || most < rows) ? 0 : ERR_FORMAT;
}

static int
read_rows(struct trail_index *x, struct reader *r, uint64_t rows, uint64_t sets)
{
	int err = 0;

	for (uint64_t i = 0; err == 0 && i < rows; i++) {
		const struct index_row row = {
			.who = reader_u32(r),
			.about = reader_u32(r),
			.last = reader_u64(r),
		};
		uint32_t number = 0;

		if (!reader_ok(r) || index_row_kind(&row) >= ENTRY_KINDS ||
		    row.who >= sets || row.about >= sets)
			return ERR_FORMAT;
		err = trail_index_number(x, &row, &number);
		if (err == 0 && number != i) /* each stands once */
			err = ERR_FORMAT;
		if (err == 0 && index_row_kind(&row) == ENTRY_SESSION_OPEN)
			err = trail_index_open_session(x, &row);
	}
	return err;
}

/* Room for entries that the bytes do have. */
static int
make_room(struct trail_index *x, uint64_t count)
{
	x->room = (size_t)(run_count(count) + 1) * INDEX_RUN;
	x->entries = calloc(x->room, sizeof(*x->entries));
	x->runs = calloc(x->room / INDEX_RUN, sizeof(*x->runs));
	return x->entries != NULL && x->runs != NULL ? 0 : ERR_NOMEM;
}

int
trail_index_parse(struct trail_index **out, struct digest *root,
    const void *bytes, size_t length)
{
	struct reader r = reader_of(bytes, length);
	OWNED(trail_index) x = NULL;
	struct digest told, body, at;
	uint64_t count, rows, sets;
	int err;

	reader_expect(&r, MAGIC, 8);
	if (reader_u16(&r) != VERSION || reader_u16(&r) != 0 ||
	    reader_u32(&r) != 0)
		return ERR_FORMAT;
	count = reader_u64(&r);
	rows = reader_u64(&r);
	sets = reader_u64(&r);
	reader_copy(&r, at.bytes, DIGEST_SIZE);
	reader_copy(&r, told.bytes, DIGEST_SIZE);
	if (!reader_ok(&r) || count > r.left / ENTRY || rows > r.left / ROW ||
	    sets > r.left / 2 || sets == 0 || sets > UINT32_MAX)
		return ERR_FORMAT;
	body = digest_of2(bytes, BODY_DIGEST, (const uint8_t *)bytes + FIXED,
	    length - FIXED);
	if (!digest_equal(&told, &body))
		return ERR_FORMAT;
	err = trail_index_new(&x);
	if (err == 0)
		err = make_room(x, count);
	if (err == 0)
		err = read_entries(x, &r, count, rows);
	if (err == 0)
		err = read_rows(x, &r, rows, sets);
	if (err == 0)
		err = read_sets(x, &r, sets);
	if (err == 0 && !reader_end(&r))
		err = ERR_FORMAT;
	if (err != 0)
		return err;
	*root = at;
	*out = x;
	x = NULL;
	return 0;
}
