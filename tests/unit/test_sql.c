/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "keys/sql.h"
#include "tests/lib/scratch.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/log.h"

enum { ADD, COUNT, STATEMENTS };

static const char *const statements[STATEMENTS] = {
	[ADD] = "insert into t (bytes) values (zeroblob(?))",
	[COUNT] = "select count(*) from t",
};

static char said[1024];

static void
keep(void *arg, const char *line)
{
	(void)arg;
	snprintf(said, sizeof(said), "%s", line);
}

static struct sql *
open_in(const struct scratch *dir)
{
	char path[300];
	struct sql *s;
	const struct sql_open how = {
		.path = path,
		.version = 1,
		.schema = "create table t (bytes blob not null);",
		.statements = statements,
		.count = STATEMENTS,
		.create = true,
	};

	snprintf(path, sizeof(path), "%s/db", dir->path);
	assert_int_equal(sql_open(&s, &how), 0);
	return s;
}

static uint64_t
count(struct sql *s)
{
	OWNED_QUERY q = { 0 };

	assert_int_equal(sql_begin(&q, s, COUNT, SQL_NONE), 0);
	assert_int_equal(sql_next(&q), 0);
	return sql_count(&q, 0);
}

static int
add(struct sql *s, uint64_t n)
{
	return sql_run(s, ADD, SQL_BIND(SQL_NUMBER(n)));
}

/* A file that may not grow fails as a disk that is full does. */
static void
a_full_disk_is_called_one(void **state)
{
	OWNED_SCRATCH dir = scratch_new();
	OWNED(sql) s = open_in(&dir);

	(void)state;
	assert_int_equal(add(s, 100), 0);
	assert_int_equal(sql_exec(s, "pragma max_page_count = 1"), 0);
	assert_int_equal(add(s, 100000), ERR_SPACE);
	assert_non_null(strstr(said, "make room where the vault is"));
	assert_int_equal(count(s), 1);
	assert_int_equal(sql_exec(s, "pragma max_page_count = 100000"), 0);
	assert_int_equal(add(s, 100000), 0);
	assert_int_equal(count(s), 2);
}

static void
what_did_not_fit_is_not_there_once_there_is_room(void **state)
{
	OWNED_SCRATCH dir = scratch_new();
	OWNED(sql) s = open_in(&dir);

	(void)state;
	assert_int_equal(sql_exec(s, "begin"), 0);
	assert_int_equal(add(s, 100), 0);
	assert_int_equal(sql_exec(s, "pragma max_page_count = 1"), 0);
	assert_int_equal(add(s, 100000), ERR_SPACE);
	/* SQLite has rolled back, or it is done now. */
	if (sql_in_transaction(s))
		assert_int_equal(sql_exec(s, "rollback"), 0);
	assert_int_equal(count(s), 0);
}

static void
a_failure_that_is_no_full_disk_is_not_called_one(void **state)
{
	OWNED_SCRATCH dir = scratch_new();
	OWNED(sql) s = open_in(&dir);

	(void)state;
	assert_int_equal(sql_exec(s, "no statement"), ERR_IO);
	assert_null(strstr(said, "make room"));
	assert_int_not_equal(sql_copy(s, "/nowhere/db"), 0);
	assert_null(strstr(said, "make room"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_disk_is_called_one),
		cmocka_unit_test(
		    what_did_not_fit_is_not_there_once_there_is_room),
		cmocka_unit_test(
		    a_failure_that_is_no_full_disk_is_not_called_one),
	};

	log_sink(keep, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
