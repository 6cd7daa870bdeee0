/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys/catalogue_tables.h"
#include "vault/err.h"

/* The objects that versions need: chunks by family numbers, pages by name. */

static int
add_all(struct catalogue *c, const char *model, const char *version,
    const struct digest *objects, size_t n)
{
	int err = 0;

	for (size_t i = 0; err == 0 && i < n; i++)
		err = sql_run(c->sql, OBJECT_ADD,
		    SQL_BIND(SQL_TEXT(model), SQL_TEXT(version),
			SQL_BYTES(objects[i].bytes, DIGEST_SIZE)));
	return err;
}

/* All of it, or nothing. */
static int
settle(struct catalogue *c, int err)
{
	if (err == 0)
		return sql_exec(c->sql, "commit");
	(void)!sql_exec(c->sql, "rollback");
	return err;
}

int
catalogue_object_stage(struct catalogue *c, const char *model,
    const struct digest *version, const struct digest *objects, size_t n)
{
	char hex[DIGEST_HEX_SIZE];
	int err = catalogue_flush(c);

	if (err == 0)
		err = sql_exec(c->sql, "begin");
	if (err != 0)
		return err;
	return settle(c,
	    add_all(c, model, digest_hex(version, hex), objects, n));
}

int
catalogue_object_needed(struct catalogue *c, const struct digest *object,
    bool *needed)
{
	OWNED_QUERY q = { 0 };
	int err = sql_begin(&q, c->sql, OBJECT_NEEDED,
	    SQL_BIND(SQL_BYTES(object->bytes, DIGEST_SIZE)));

	if (err == 0)
		err = sql_next(&q);
	*needed = err == 0;
	return err == ERR_NOT_FOUND ? 0 : err;
}

int
catalogue_object_family(struct catalogue *c, const char *after,
    char out[static REF_NAME_MAX + 1])
{
	OWNED_QUERY q = { 0 };
	int err = sql_begin(&q, c->sql, FAMILY_NEXT, SQL_BIND(SQL_TEXT(after)));

	if (err == 0)
		err = sql_next(&q);
	if (err == 0)
		snprintf(out, REF_NAME_MAX + 1, "%s", sql_text(&q, 0));
	return err;
}

/* The numbers that versions have. */
struct numbers {
	struct catalogue *c;
	bool *used;
	size_t count;
};

static int
mark_rows(void *arg, const uint32_t *numbers, size_t n)
{
	struct numbers *u = arg;

	for (size_t i = 0; i < n; i++)
		if (numbers[i] < u->count)
			u->used[numbers[i]] = true;
	return 0;
}

static int
mark_version(void *arg, const struct catalogue_version *v)
{
	struct numbers *u = arg;

	return catalogue_chunk_rows(u->c, v->model, &v->version, mark_rows, u);
}

static int
count_page(void *arg, const uint32_t *weights, size_t n)
{
	size_t *count = arg;

	(void)weights;
	*count += n;
	return 0;
}

/* Chunks with numbers that no version has. */
struct unused {
	struct digest *names;
	size_t count, room;
};

static int
collect(struct catalogue *c, const char *family, const struct numbers *u,
    struct unused *out)
{
	OWNED_QUERY q = { 0 };
	int err = sql_begin(&q, c->sql, CHUNK_LIST, SQL_BIND(SQL_TEXT(family)));

	while (err == 0 && (err = sql_next(&q)) == 0) {
		uint64_t number = sql_count(&q, 1);
		size_t n;
		const void *name = sql_bytes(&q, 0, &n);

		if (n != DIGEST_SIZE || number >= u->count)
			return ERR_INTEGRITY;
		if (u->used[number])
			continue;
		if (out->count == out->room) {
			size_t room = out->room * 2 + 256;
			struct digest *more = reallocarray(out->names, room,
			    sizeof(*more));

			if (more == NULL)
				return ERR_NOMEM;
			out->names = more;
			out->room = room;
		}
		memcpy(out->names[out->count++].bytes, name, n);
	}
	return err == ERR_NOT_FOUND ? 0 : err;
}

/* shred 0: it is noted nowhere. */
static int
forget(struct catalogue *c, uint64_t shred, const char *family,
    const struct unused *u)
{
	int err = 0;

	for (size_t i = 0; err == 0 && i < u->count; i++) {
		const struct sql_value name = SQL_BYTES(u->names[i].bytes,
		    DIGEST_SIZE);

		if (shred != 0)
			err = sql_run(c->sql, DOOMED_ADD,
			    SQL_BIND(SQL_NUMBER(shred), name));
		if (err == 0)
			err = sql_run(c->sql, CHUNK_RM,
			    SQL_BIND(SQL_TEXT(family), name));
	}
	if (err == 0 && shred != 0)
		err = sql_run(c->sql, DOOMED_PAGES,
		    SQL_BIND(SQL_NUMBER(shred), SQL_TEXT(family)));
	return err == 0 ?
	    sql_run(c->sql, OBJECT_PRUNE, SQL_BIND(SQL_TEXT(family))) :
	    err;
}

static int
find_unused(struct catalogue *c, const char *family, struct unused *out)
{
	const struct catalogue_versions all = {
		.model = family,
		.after_model = "",
		.removed = true,
	};
	struct numbers u = { .c = c };
	int err = catalogue_chunk_weights(c, family, count_page, &u.count);

	if (err != 0)
		return err;
	u.used = calloc(u.count + 1, sizeof(*u.used));
	if (u.used == NULL)
		return ERR_NOMEM;
	err = catalogue_version_each(c, &all, mark_version, &u);
	if (err == 0)
		err = collect(c, family, &u, out);
	free(u.used);
	return err;
}

int
catalogue_object_doom(struct catalogue *c, uint64_t shred, const char *family)
{
	struct unused unused = { 0 };
	int err = find_unused(c, family, &unused);

	if (err == 0)
		err = forget(c, shred, family, &unused);
	free(unused.names);
	return err;
}

int
catalogue_object_prune(struct catalogue *c, const char *family)
{
	int err = catalogue_flush(c);

	if (err == 0)
		err = sql_exec(c->sql, "begin");
	return err == 0 ? settle(c, catalogue_object_doom(c, 0, family)) : err;
}
