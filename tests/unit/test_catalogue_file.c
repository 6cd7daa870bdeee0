/* SPDX-License-Identifier: Apache-2.0 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys/catalogue.h"
#include "tests/lib/scratch.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/log.h"

#define HEAD "{\"v\":1,\"time\":\"2026-01-02T03:04:05.678Z\","
#define BY ",\"by\":\"user:root\",\"uid\":0,"
#define V "1111111111111111111111111111111111111111111111111111111111111111"

static const char *const life[] = {
	HEAD "\"kind\":\"init\"" BY "\"vault\":\"x\",\"origin\":\"y\"}",
	HEAD "\"kind\":\"put.begin\"" BY "\"upload\":1,\"model\":\"llama\"}",
	HEAD "\"kind\":\"put\"" BY "\"upload\":1,\"model\":\"llama\","
	     "\"version\":\"" V "\",\"channel\":\"latest\",\"object\":\"" V
	     "\",\"files\":3,\"bytes\":7,\"weights\":5,\"chunks\":2}",
};
#define LIFE (sizeof(life) / sizeof(life[0]))

static void
ignore(void *arg, const char *line)
{
	(void)arg;
	(void)line;
}

static int
setup(void **state)
{
	struct scratch *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	log_sink(ignore, NULL);
	*s = scratch_new();
	*state = s;
	return 0;
}

static int
teardown(void **state)
{
	scratch_free(*state);
	free(*state);
	return 0;
}

static struct catalogue *
open_at(const struct scratch *s, const char *name)
{
	struct catalogue *c;
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", s->path, name);
	assert_int_equal(catalogue_open(&c, path), 0);
	return c;
}

static int
apply(struct catalogue *c, uint64_t index, const char *text)
{
	struct entry_view v;
	int err;

	assert_int_equal(entry_parse(&v, text, strlen(text)), 0);
	err = catalogue_apply(c, index, &v);
	entry_view_clear(&v);
	return err;
}

static int
open_bytes(const struct scratch *s, const void *bytes, size_t n)
{
	OWNED(catalogue) c = NULL;
	char path[4096];

	snprintf(path, sizeof(path), "%s/x", s->path);
	assert_int_equal(file_replace(s->dir, "x", bytes, n, 0600), 0);
	return catalogue_open(&c, path);
}

static void
what_is_no_catalogue_is_refused(void **state)
{
	const struct scratch *s = *state;
	OWNED_MEM(uint8_t) bytes = NULL;
	size_t n;

	catalogue_free(open_at(s, "c"));
	assert_int_equal(file_load(s->dir, "c", 1 << 20, &bytes, &n), 0);
	assert_int_equal(open_bytes(s, "no database at all, this is text", 32),
	    ERR_INTEGRITY);
	assert_int_equal(open_bytes(s, bytes, n), 0);
	bytes[63] ^= 2; /* user_version */
	assert_int_equal(open_bytes(s, bytes, n), ERR_FORMAT);
	bytes[63] ^= 2;
	bytes[71] ^= 1; /* application_id */
	assert_int_equal(open_bytes(s, bytes, n), ERR_FORMAT);
}

/* As the first version of weir made it. */
static void
make_old(const struct scratch *s, const char *name)
{
	char path[4096];
	sqlite3 *db;

	snprintf(path, sizeof(path), "%s/%s", s->path, name);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db,
			     "drop table statements; drop table oms;"
			     "alter table versions drop column verified;"
			     "alter table versions drop column verify_reason;"
			     "pragma user_version = 1",
			     NULL, NULL, NULL),
	    SQLITE_OK);
	sqlite3_close(db);
}

/* What tables there are, and their columns. */
static char *
schema(const struct scratch *s, const char *name)
{
	char path[4096], *text = NULL;
	sqlite3_stmt *q;
	sqlite3 *db;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	snprintf(path, sizeof(path), "%s/%s", s->path, name);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db,
			     "select sql from sqlite_master order by name", -1,
			     &q, NULL),
	    SQLITE_OK);
	while (sqlite3_step(q) == SQLITE_ROW)
		fprintf(f, "%s\n", sqlite3_column_text(q, 0));
	sqlite3_finalize(q);
	sqlite3_close(db);
	fclose(f);
	return text;
}

static void
an_older_catalogue_is_brought_up_to_date(void **state)
{
	OWNED_MEM(char) fresh = NULL;
	OWNED_MEM(char) older = NULL;
	struct catalogue_version v;
	struct digest version;
	struct catalogue *c = open_at(*state, "fresh");

	catalogue_free(c);
	fresh = schema(*state, "fresh");
	assert_non_null(strstr(fresh, "statements_of"));
	c = open_at(*state, "c");
	for (size_t i = 0; i < LIFE; i++)
		assert_int_equal(apply(c, i, life[i]), 0);
	assert_int_equal(catalogue_flush(c), 0);
	catalogue_free(c);
	make_old(*state, "c");
	c = open_at(*state, "c");
	assert_int_equal(catalogue_applied(c), LIFE);
	assert_int_equal(digest_parse(&version, V), 0);
	assert_int_equal(catalogue_version_get(c, "llama", &version, &v), 0);
	assert_int_equal(v.bytes, 7);
	assert_int_equal(v.verified, CATALOGUE_UNVERIFIED);
	catalogue_free(c);
	older = schema(*state, "c");
	assert_string_equal(older, fresh);
}

static void
nobody_else_opens_it_meanwhile(void **state)
{
	const struct scratch *s = *state;
	OWNED(catalogue) first = open_at(s, "c");
	OWNED(catalogue) second = NULL;
	char path[4096];

	assert_int_equal(apply(first, 0, life[0]), 0);
	assert_int_equal(catalogue_flush(first), 0);
	snprintf(path, sizeof(path), "%s/c", s->path);
	assert_int_equal(catalogue_open(&second, path), ERR_CONFLICT);
}

#define TEST(x) cmocka_unit_test_setup_teardown(x, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_no_catalogue_is_refused),
		TEST(an_older_catalogue_is_brought_up_to_date),
		TEST(nobody_else_opens_it_meanwhile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
