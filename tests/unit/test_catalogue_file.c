/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "keys/catalogue_tables.h"
#include "tests/lib/scratch.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/log.h"

/* The catalogue's file: whose it is, and of which version. */

#define HEAD "{\"v\":1,\"time\":\"2026-01-02T03:04:05.678Z\","
#define BY ",\"by\":\"user:root\",\"uid\":0,"

static const char *const life[] = {
	HEAD "\"kind\":\"init\"" BY "\"vault\":\"x\",\"origin\":\"y\"}",
	HEAD "\"kind\":\"grant.add\"" BY "\"grant\":1,\"model\":\"llama\","
	     "\"to\":\"user:bob\",\"type\":\"browse\",\"reason\":\"r\"}",
};

static int
setup(void **state)
{
	struct scratch *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	log_sink(test_hush, NULL);
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
	if (access(path, F_OK) == 0)
		assert_int_equal(catalogue_open(&c, path), 0);
	else
		assert_int_equal(catalogue_create(&c, path), 0);
	return c;
}

static int
apply(struct catalogue *c, uint64_t index)
{
	struct entry_view v;
	int err;

	assert_int_equal(entry_parse(&v, life[index], strlen(life[index])), 0);
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
	bytes[63] ^= 64; /* user_version: of the future */
	assert_int_equal(open_bytes(s, bytes, n), ERR_FORMAT);
	bytes[60] ^= 128; /* negative */
	assert_int_equal(open_bytes(s, bytes, n), ERR_FORMAT);
	bytes[60] ^= 128;
	bytes[63] ^= 64;
	bytes[71] ^= 1; /* application_id */
	assert_int_equal(open_bytes(s, bytes, n), ERR_FORMAT);
}

static void
one_that_is_gone_or_emptied_is_not_made_anew(void **state)
{
	const struct scratch *s = *state;
	OWNED(catalogue) c = NULL;
	char path[4096];

	snprintf(path, sizeof(path), "%s/c", s->path);
	assert_int_equal(catalogue_open(&c, path), ERR_NOT_FOUND);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(open_bytes(s, "", 0), ERR_NOT_FOUND);
}

/* SQLite ends a transaction by itself when the disk or memory fails it. */
static void
a_transaction_that_was_dropped_is_not_taken_for_done(void **state)
{
	struct catalogue *c = open_at(*state, "c");

	assert_int_equal(apply(c, 0), 0);
	assert_int_equal(apply(c, 1), 0);
	assert_int_equal(sql_exec(c->sql, "rollback"), 0);
	assert_int_equal(catalogue_flush(c), ERR_IO);
	assert_int_equal(catalogue_flush(c), ERR_IO);
	catalogue_free(c);
	/* and the next start finds what is missing */
	c = open_at(*state, "c");
	assert_int_equal(catalogue_applied(c), 0);
	assert_int_equal(apply(c, 0), 0);
	assert_int_equal(apply(c, 1), 0);
	assert_int_equal(catalogue_flush(c), 0);
	catalogue_free(c);
}

static void
nobody_else_opens_it_meanwhile(void **state)
{
	const struct scratch *s = *state;
	OWNED(catalogue) first = open_at(s, "c");
	OWNED(catalogue) second = NULL;
	char path[4096];

	assert_int_equal(apply(first, 0), 0);
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
		TEST(one_that_is_gone_or_emptied_is_not_made_anew),
		TEST(a_transaction_that_was_dropped_is_not_taken_for_done),
		TEST(nobody_else_opens_it_meanwhile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
