/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "keys/catalogue_tables.h"
#include "vault/err.h"

/*
 * The chunks of a family have numbers, and each has its weights; a version is
 * the numbers of its rows.  Staged before the `put` entry, and no part of
 * anything without it.
 */

/* A family's weights by number, while rows are added. */
struct family {
	struct catalogue *c;
	const char *name;
	uint32_t *weights;
	bool *dirty; /* of each page */
	size_t count;
	size_t room;
};

static void
family_clear(struct family *f)
{
	free(f->weights);
	free(f->dirty);
}

static int
make_room(struct family *f, size_t count)
{
	size_t room = f->room;
	uint32_t *weights;
	bool *dirty;

	if (count <= room)
		return 0;
	while (room < count)
		room = room * 2 + BUDGET_PAGE;
	weights = reallocarray(f->weights, room, sizeof(*weights));
	if (weights == NULL)
		return ERR_NOMEM;
	f->weights = weights;
	dirty = reallocarray(f->dirty, room / BUDGET_PAGE + 1, sizeof(*dirty));
	if (dirty == NULL)
		return ERR_NOMEM;
	f->dirty = dirty;
	memset(dirty + f->room / BUDGET_PAGE, 0,
	    room / BUDGET_PAGE + 1 - f->room / BUDGET_PAGE);
	f->room = room;
	return 0;
}

static int
take_page(void *arg, const uint32_t *weights, size_t n)
{
	struct family *f = arg;
	int err = make_room(f, f->count + n);

	if (err != 0)
		return err;
	memcpy(f->weights + f->count, weights, n * sizeof(*weights));
	f->count += n;
	return 0;
}

/* Numbers are kept as the machine has them: a catalogue does not move. */
static int
each_page(struct sql_query *q, catalogue_numbers *each, void *arg)
{
	int err;

	while ((err = sql_next(q)) == 0) {
		uint32_t page[BUDGET_PAGE];
		size_t n;
		const void *bytes = sql_bytes(q, 0, &n);

		if (n % sizeof(*page) != 0 || n > sizeof(page))
			return ERR_INTEGRITY;
		memcpy(page, bytes, n);
		err = each(arg, page, n / sizeof(*page));
		if (err != 0)
			return err;
	}
	return err == ERR_NOT_FOUND ? 0 : err;
}

int
catalogue_chunk_weights(struct catalogue *c, const char *family,
    catalogue_numbers *each, void *arg)
{
	OWNED_QUERY q = { 0 };
	int err = sql_begin(&q, c->sql, CHUNK_PAGES,
	    SQL_BIND(SQL_TEXT(family)));

	return err == 0 ? each_page(&q, each, arg) : err;
}

int
catalogue_chunk_rows(struct catalogue *c, const char *model,
    const struct digest *version, catalogue_numbers *each, void *arg)
{
	char hex[DIGEST_HEX_SIZE];
	OWNED_QUERY q = { 0 };
	int err = sql_begin(&q, c->sql, VERSION_PAGES,
	    SQL_BIND(SQL_TEXT(model), SQL_TEXT(digest_hex(version, hex))));

	return err == 0 ? each_page(&q, each, arg) : err;
}

int
catalogue_chunk_page(struct catalogue *c, const char *model,
    const char *version, uint64_t page, uint32_t out[static BUDGET_PAGE],
    size_t *n)
{
	OWNED_QUERY q = { 0 };
	const void *bytes;
	size_t length;
	int err = sql_begin(&q, c->sql, VERSION_PAGE,
	    SQL_BIND(SQL_TEXT(model), SQL_TEXT(version), SQL_NUMBER(page)));

	if (err == 0)
		err = sql_next(&q);
	if (err != 0)
		return err;
	bytes = sql_bytes(&q, 0, &length);
	if (length % sizeof(*out) != 0 || length > BUDGET_PAGE * sizeof(*out))
		return ERR_INTEGRITY;
	memcpy(out, bytes, length);
	*n = length / sizeof(*out);
	return 0;
}

static int
find_chunk(struct family *f, const struct digest *object, uint64_t *number)
{
	OWNED_QUERY q = { 0 };
	int err = sql_begin(&q, f->c->sql, CHUNK_GET,
	    SQL_BIND(SQL_TEXT(f->name),
		SQL_BYTES(object->bytes, sizeof(object->bytes))));

	if (err == 0)
		err = sql_next(&q);
	if (err == 0)
		*number = sql_count(&q, 0);
	return err;
}

/* The number of a chunk, which gets one if it has none.  It weighs as much as
 * in the version in which it weighs most. */
static int
number_of(struct family *f, const struct catalogue_chunk *chunk, uint32_t *out)
{
	uint64_t number;
	int err = find_chunk(f, &chunk->object, &number);

	if (err == ERR_NOT_FOUND) {
		number = f->count;
		if (number >= UINT32_MAX)
			return ERR_LIMIT;
		err = make_room(f, f->count + 1);
		if (err == 0)
			err = sql_run(f->c->sql, CHUNK_ADD,
			    SQL_BIND(SQL_TEXT(f->name),
				SQL_BYTES(chunk->object.bytes,
				    sizeof(chunk->object.bytes)),
				SQL_NUMBER(number)));
		if (err != 0)
			return err;
		f->dirty[number / BUDGET_PAGE] = true;
		f->weights[f->count++] = 0;
	}
	if (err != 0)
		return err;
	if (number >= f->count)
		return ERR_INTEGRITY;
	if (chunk->weights > f->weights[number]) {
		f->weights[number] = chunk->weights;
		f->dirty[number / BUDGET_PAGE] = true;
	}
	*out = (uint32_t)number;
	return 0;
}

static int
write_weights(struct family *f)
{
	int err = 0;

	for (size_t page = 0; err == 0 && page * BUDGET_PAGE < f->count;
	     page++) {
		size_t first = page * BUDGET_PAGE;
		size_t n = f->count - first;

		if (n > BUDGET_PAGE)
			n = BUDGET_PAGE;
		if (f->dirty[page])
			err = sql_run(f->c->sql, CHUNK_PAGE_SET,
			    SQL_BIND(SQL_TEXT(f->name), SQL_NUMBER(page),
				SQL_BYTES(f->weights + first,
				    n * sizeof(*f->weights))));
	}
	return err;
}

static int
write_rows(struct family *f, const char *hex,
    const struct catalogue_chunk *chunks, size_t rows)
{
	int err = 0;

	for (size_t page = 0; err == 0 && page * BUDGET_PAGE < rows; page++) {
		uint32_t numbers[BUDGET_PAGE];
		size_t n = 0, first = page * BUDGET_PAGE;

		for (; err == 0 && n < BUDGET_PAGE && first + n < rows; n++)
			err = number_of(f, &chunks[first + n], &numbers[n]);
		if (err == 0)
			err = sql_run(f->c->sql, VERSION_PAGE_SET,
			    SQL_BIND(SQL_TEXT(f->name), SQL_TEXT(hex),
				SQL_NUMBER(page),
				SQL_BYTES(numbers, n * sizeof(*numbers))));
	}
	return err;
}

int
catalogue_chunk_stage(struct catalogue *c, const char *model,
    const struct digest *version, const struct catalogue_chunk *chunks,
    size_t rows)
{
	struct family f = { .c = c, .name = model };
	char hex[DIGEST_HEX_SIZE];
	int err = catalogue_flush(c);

	if (err == 0)
		err = catalogue_chunk_weights(c, model, take_page, &f);
	if (err == 0)
		err = make_room(&f, f.count + 1);
	if (err == 0)
		err = sql_exec(c->sql, "begin");
	if (err == 0) {
		err = write_rows(&f, digest_hex(version, hex), chunks, rows);
		if (err == 0)
			err = write_weights(&f);
		if (err == 0)
			err = sql_exec(c->sql, "commit");
		else
			(void)!sql_exec(c->sql, "rollback");
	}
	family_clear(&f);
	return err;
}
