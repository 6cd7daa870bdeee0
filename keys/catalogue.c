/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/catalogue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "keys/catalogue_tables.h"
#include "vault/err.h"
#include "vault/log.h"

static const char *const counters[CATALOGUE_COUNTERS] = {
	[CATALOGUE_GRANT] = "grants",
	[CATALOGUE_SESSION] = "sessions",
	[CATALOGUE_UPLOAD] = "uploads",
	[CATALOGUE_STATEMENT] = "statements",
	[CATALOGUE_ALERT] = "alerts",
	[CATALOGUE_SECRET] = "secrets",
};
#define APPLIED "applied"
#define WATCHED "watched"
#define COUNTED "counted"
/* Of struct accounting_past. */
#define CLOCK "clock"
#define CLOCK_MARK "clock_ms"
#define START_BOOT "start_boot"
#define START_CLOCK "start_clock"
#define START_S "start_s"

int
catalogue_number(struct catalogue *c, size_t statement, const char *name,
    uint64_t *out)
{
	OWNED_QUERY q = { 0 };
	int err = sql_begin(&q, c->sql, statement, SQL_BIND(SQL_TEXT(name)));

	if (err == 0)
		err = sql_next(&q);
	*out = 0;
	if (err == ERR_NOT_FOUND)
		return 0;
	if (err == 0)
		*out = sql_count(&q, 0);
	return err;
}

int
catalogue_bytes(struct catalogue *c, size_t statement,
    const struct sql_value *key, size_t keys, void *out, size_t size)
{
	OWNED_QUERY q = { 0 };
	const void *bytes;
	size_t n;
	int err = sql_begin(&q, c->sql, statement, key, keys);

	memset(out, 0, size);
	if (err == 0)
		err = sql_next(&q);
	if (err == ERR_NOT_FOUND)
		return 0;
	if (err != 0)
		return err;
	bytes = sql_bytes(&q, 0, &n);
	if (n != size)
		return ERR_INTEGRITY;
	memcpy(out, bytes, n);
	return 0;
}

static int
meta_get(struct catalogue *c, const char *name, uint64_t *out)
{
	return catalogue_number(c, META_GET, name, out);
}

static int
meta_set(struct catalogue *c, const char *name, uint64_t value)
{
	return sql_run(c->sql, META_SET,
	    SQL_BIND(SQL_TEXT(name), SQL_NUMBER(value)));
}

static int
clock_get(struct catalogue *c)
{
	struct accounting_past *p = &c->past;
	uint64_t mark = 0, boot_s = 0;
	int err = meta_get(c, CLOCK, &p->clock);

	if (err == 0)
		err = meta_get(c, CLOCK_MARK, &mark);
	if (err == 0)
		err = meta_get(c, START_CLOCK, &p->start.base);
	if (err == 0)
		err = meta_get(c, START_S, &boot_s);
	p->mark_ms = (int64_t)mark;
	p->start.boot_s = (int64_t)boot_s;
	if (err != 0)
		return err;
	return catalogue_bytes(c, META_GET, SQL_BIND(SQL_TEXT(START_BOOT)),
	    p->boot, sizeof(p->boot));
}

static int
clock_set(struct catalogue *c)
{
	const struct accounting_past *p = &c->past;
	int err = meta_set(c, CLOCK, p->clock);

	if (err == 0)
		err = meta_set(c, CLOCK_MARK, (uint64_t)p->mark_ms);
	if (err == 0)
		err = meta_set(c, START_CLOCK, p->start.base);
	if (err == 0)
		err = meta_set(c, START_S, (uint64_t)p->start.boot_s);
	if (err == 0)
		err = sql_run(c->sql, META_SET,
		    SQL_BIND(SQL_TEXT(START_BOOT),
			SQL_BYTES(p->boot, sizeof(p->boot))));
	return err;
}

static int
open_at(struct catalogue **out, const char *path, bool create)
{
	OWNED(catalogue) c = calloc(1, sizeof(*c));
	int err;

	if (c == NULL)
		return ERR_NOMEM;
	err = catalogue_tables_open(&c->sql, path, create);
	if (err == 0)
		err = meta_get(c, APPLIED, &c->applied);
	if (err == 0)
		err = catalogue_number(c, NOTE_GET, WATCHED, &c->watched);
	if (err == 0)
		err = meta_get(c, COUNTED, &c->counted);
	for (size_t i = 0; err == 0 && i < CATALOGUE_COUNTERS; i++)
		err = meta_get(c, counters[i], &c->last[i]);
	if (err == 0)
		err = clock_get(c);
	if (err != 0)
		return err;
	/* Nobody knows what the tables of budgets hold. */
	if (c->counted == 0 && c->applied != 0)
		err = catalogue_budget_drop(c);
	if (err != 0)
		return err;
	*out = c;
	c = NULL;
	return 0;
}

int
catalogue_create(struct catalogue **out, const char *path)
{
	return open_at(out, path, true);
}

int
catalogue_open(struct catalogue **out, const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0 ? errno == ENOENT : st.st_size == 0)
		return log_err(ERR_NOT_FOUND,
		    "the catalogue was removed: '%s' is missing or empty, and"
		    " with it the keys of all versions; restore the vault from"
		    " a backup",
		    path);
	return open_at(out, path, false);
}

void
catalogue_free(struct catalogue *c)
{
	if (c == NULL)
		return;
	sql_free(c->sql);
	free(c);
}

uint64_t
catalogue_applied(const struct catalogue *c)
{
	return c->counted < c->applied ? c->counted : c->applied;
}

const struct accounting_past *
catalogue_clock(const struct catalogue *c)
{
	return &c->past;
}

uint64_t
catalogue_watched(const struct catalogue *c)
{
	return c->watched;
}

void
catalogue_set_watched(struct catalogue *c, uint64_t index)
{
	c->dirty = c->dirty || index != c->watched;
	c->watched = index;
}

uint64_t
catalogue_next(const struct catalogue *c, enum catalogue_counter n)
{
	return c->last[n] + 1;
}

int
catalogue_begin(struct catalogue *c)
{
	int err;

	if (c->begun)
		return sql_in_transaction(c->sql) ?
		    0 :
		    log_err(ERR_IO,
			"the catalogue has dropped what it was given");
	err = sql_exec(c->sql, "begin");
	c->begun = err == 0;
	return err;
}

int
catalogue_flush(struct catalogue *c)
{
	int err;

	if (!c->dirty)
		return 0;
	err = catalogue_begin(c);
	if (err == 0)
		err = meta_set(c, APPLIED, c->applied);
	if (err == 0)
		err = sql_run(c->sql, NOTE_SET,
		    SQL_BIND(SQL_TEXT(WATCHED), SQL_NUMBER(c->watched)));
	if (err == 0)
		err = meta_set(c, COUNTED, c->counted);
	for (size_t i = 0; err == 0 && i < CATALOGUE_COUNTERS; i++)
		err = meta_set(c, counters[i], c->last[i]);
	if (err == 0)
		err = clock_set(c);
	if (err == 0)
		err = sql_exec(c->sql, "commit");
	if (err == 0)
		c->dirty = c->begun = false;
	return err;
}

int
catalogue_copy(struct catalogue *c, const char *path)
{
	int err = catalogue_flush(c);

	return err == 0 ? sql_copy(c->sql, path) : err;
}

static struct sql_value
bytes_value(const struct catalogue_wrapped *w)
{
	return SQL_BYTES(w->bytes, w->length);
}

/* In a transaction of its own: what was applied is not to be lost with it. */
int
catalogue_upload_stage(struct catalogue *c, uint64_t upload, const char *model,
    const struct catalogue_wrapped *key)
{
	int err = catalogue_flush(c);

	if (err != 0)
		return err;
	return sql_run(c->sql, UPLOAD_STAGE,
	    SQL_BIND(SQL_NUMBER(upload), SQL_TEXT(model), bytes_value(key)));
}

int
catalogue_family_stage(struct catalogue *c, const char *family,
    const struct catalogue_wrapped *key)
{
	int err = catalogue_flush(c);

	if (err != 0)
		return err;
	return sql_run(c->sql, FAMILY_ADD,
	    SQL_BIND(SQL_TEXT(family), bytes_value(key)));
}

/* The one column of bytes of the one row. */
static int
take_bytes(struct sql_query *q, uint8_t **out, size_t *length)
{
	const void *bytes;
	uint8_t *copy;
	size_t n;
	int err = sql_next(q);

	if (err != 0)
		return err;
	bytes = sql_bytes(q, 0, &n);
	copy = malloc(n + 1);
	if (copy == NULL)
		return ERR_NOMEM;
	if (n > 0)
		memcpy(copy, bytes, n);
	*out = copy;
	*length = n;
	return 0;
}

int
catalogue_upload_key(struct catalogue *c, uint64_t upload, uint8_t **out,
    size_t *length)
{
	OWNED_QUERY q = { 0 };
	int err = sql_begin(&q, c->sql, UPLOAD_GET,
	    SQL_BIND(SQL_NUMBER(upload)));

	return err == 0 ? take_bytes(&q, out, length) : err;
}

int
catalogue_family_key(struct catalogue *c, const char *family, uint8_t **out,
    size_t *length)
{
	OWNED_QUERY q = { 0 };
	int err = sql_begin(&q, c->sql, FAMILY_GET, SQL_BIND(SQL_TEXT(family)));

	return err == 0 ? take_bytes(&q, out, length) : err;
}

int
catalogue_upload_drop(struct catalogue *c, uint64_t upload)
{
	return sql_run(c->sql, UPLOAD_DROP, SQL_BIND(SQL_NUMBER(upload)));
}

int
catalogue_upload_drop_all(struct catalogue *c)
{
	return sql_run(c->sql, UPLOAD_DROP_ALL, SQL_NONE);
}

int
catalogue_upload_count(struct catalogue *c, uint64_t *count)
{
	OWNED_QUERY q = { 0 };
	int err = sql_begin(&q, c->sql, UPLOAD_COUNT, SQL_NONE);

	if (err == 0)
		err = sql_next(&q);
	if (err == 0)
		*count = sql_count(&q, 0);
	return err;
}
