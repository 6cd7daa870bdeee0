/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/catalogue_compare.h"

#include <stdio.h>
#include <stdlib.h>

#include "keys/catalogue_tables.h"
#include "vault/err.h"

#define TEXT_SIZE 1024

struct catalogue_compare {
	struct catalogue *made; /* with the one that is there as `there` */
	uint64_t applied;
};

/* What is in no entry. */
static const char *const taken_over[] = {
	"insert into families select * from there.families",
	"insert into uploads select id, model, wrapped, 0 from there.uploads",
	"insert into chunks select * from there.chunks",
	"insert into chunk_pages select * from there.chunk_pages",
	"insert into version_pages select * from there.version_pages",
	"insert into version_objects select * from there.version_objects",
};

/* The rest of it, and what of it. */
static const struct {
	const char *table, *columns;
} compared[] = {
	/* A trigger could change what is written. */
	{ "sqlite_schema", "type, name, tbl_name, sql" },
	{ "roles", "*" },
	{ "grants", "*" },
	{ "versions", "*" },
	{ "channels", "*" },
	{ "statements", "*" },
	{ "oms", "*" },
	{ "alerts", "*" },
	{ "uploads", "id, model, state" },
	{ "sessions", "*" },
	{ "session_versions", "*" },
	{ "covered", "*" },
	{ "session_pages", "*" },
	{ "grant_used", "*" },
	{ "shreds", "*" },
	{ "keyring", "*" },
	{ "secrets", "*" },
	{ "meta", "*" },
};

void
catalogue_compare_free(struct catalogue_compare *c)
{
	if (c == NULL)
		return;
	catalogue_free(c->made);
	free(c);
}

static int
read_applied(struct catalogue_compare *c)
{
	OWNED_QUERY q = { 0 };
	int err = sql_begin_text(&q, c->made->sql,
	    "select value from there.meta where name = 'applied'");

	if (err == 0)
		err = sql_next(&q);
	if (err == ERR_NOT_FOUND)
		return 0;
	if (err == 0)
		c->applied = sql_count(&q, 0);
	return err;
}

int
catalogue_compare_begin(struct catalogue_compare **out, const char *path)
{
	OWNED(catalogue_compare) c = calloc(1, sizeof(*c));
	OWNED(catalogue) there = NULL;
	int err;

	if (c == NULL)
		return ERR_NOMEM;
	/* That it is one, and nobody else's at the moment. */
	err = catalogue_open(&there, path);
	catalogue_free(there);
	there = NULL;
	if (err == 0)
		err = catalogue_create(&c->made, ":memory:");
	if (err == 0)
		err = sql_attach(c->made->sql, path, "there");
	for (size_t i = 0;
	     err == 0 && i < sizeof(taken_over) / sizeof(taken_over[0]); i++)
		err = sql_exec(c->made->sql, taken_over[i]);
	if (err == 0)
		err = read_applied(c);
	if (err != 0)
		return err;
	*out = c;
	c = NULL;
	return 0;
}

uint64_t
catalogue_compare_applied(const struct catalogue_compare *c)
{
	return c->applied;
}

int
catalogue_compare_apply(struct catalogue_compare *c, uint64_t index,
    const struct entry_view *entry)
{
	return catalogue_apply(c->made, index, entry);
}

static int
compare(struct catalogue_compare *c, size_t i, bool extra,
    int (*each)(void *arg, const struct catalogue_difference *d), void *arg)
{
	const char *table = compared[i].table, *columns = compared[i].columns;
	struct catalogue_difference d = { .table = table, .extra = extra };
	OWNED_QUERY q = { 0 };
	char text[TEXT_SIZE];
	int err;

	snprintf(text, sizeof(text),
	    "select %s from %s.%s except select %s from %s.%s", columns,
	    extra ? "there" : "main", table, columns, extra ? "main" : "there",
	    table);
	err = sql_begin_text(&q, c->made->sql, text);
	while (err == 0 && (err = sql_next(&q)) == 0) {
		json_auto_t *row = NULL;

		err = sql_row(&q, &row);
		d.row = row;
		if (err == 0)
			err = each(arg, &d);
	}
	return err == ERR_NOT_FOUND ? 0 : err;
}

int
catalogue_compare_end(struct catalogue_compare *c,
    int (*each)(void *arg, const struct catalogue_difference *d), void *arg)
{
	int err = catalogue_flush(c->made);

	for (size_t i = 0;
	     err == 0 && i < sizeof(compared) / sizeof(compared[0]); i++) {
		err = compare(c, i, false, each, arg);
		if (err == 0)
			err = compare(c, i, true, each, arg);
	}
	return err;
}
