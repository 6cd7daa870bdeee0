/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "keys/catalogue.h"
#include "tests/lib/scratch.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/log.h"

/* The catalogue's file: whose it is, and of which version. */

#define HEAD "{\"v\":1,\"time\":\"2026-01-02T03:04:05.678Z\","
#define BY ",\"by\":\"user:root\",\"uid\":0,"

#define V "1111111111111111111111111111111111111111111111111111111111111111"
#define VERDICT(ok)                                                            \
	HEAD "\"kind\":\"verify\"" BY "\"model\":\"llama\",\"version\":\"" V   \
	     "\",\"ok\":" ok ",\"files\":3,\"bytes\":7"

static const char *const life[] = {
	HEAD "\"kind\":\"init\"" BY "\"vault\":\"x\",\"origin\":\"y\"}",
	HEAD "\"kind\":\"put.begin\"" BY "\"upload\":1,\"model\":\"llama\"}",
	HEAD "\"kind\":\"put\"" BY "\"upload\":1,\"model\":\"llama\","
	     "\"version\":\"" V "\",\"channel\":\"latest\",\"object\":\"" V
	     "\",\"files\":3,\"bytes\":7,\"weights\":5,\"chunks\":2}",
	VERDICT("false") ",\"reason\":\"f0\"}",
	VERDICT("true") "}",
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

/* A new one has the keys of the life's uploads: they are stored before their
 * entries. */
static struct catalogue *
open_at(const struct scratch *s, const char *name)
{
	const struct catalogue_wrapped key = { (const uint8_t *)"key", 3 };
	struct catalogue *c;
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", s->path, name);
	if (access(path, F_OK) == 0) {
		assert_int_equal(catalogue_open(&c, path), 0);
		return c;
	}
	assert_int_equal(catalogue_create(&c, path), 0);
	for (uint64_t i = 1; i <= 3; i++)
		assert_int_equal(catalogue_upload_stage(c, i, "llama", &key),
		    0);
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

static void
assert_verdict(struct catalogue *c, enum catalogue_verified verified,
    const char *reason)
{
	struct catalogue_version v;
	struct digest version;

	assert_int_equal(digest_parse(&version, V), 0);
	assert_int_equal(catalogue_version_get(c, "llama", &version, &v), 0);
	assert_int_equal(v.verified, verified);
	assert_string_equal(v.verify_reason, reason);
}

static void
the_verifiers_last_verdict_stands(void **state)
{
	OWNED(catalogue) c = open_at(*state, "c");

	for (size_t i = 0; i < 3; i++)
		assert_int_equal(apply(c, i, life[i]), 0);
	assert_verdict(c, CATALOGUE_UNVERIFIED, "");
	assert_int_equal(apply(c, 3, life[3]), 0);
	assert_verdict(c, CATALOGUE_BAD, "f0");
	assert_int_equal(apply(c, 4, life[4]), 0);
	assert_verdict(c, CATALOGUE_VERIFIED, "");
}

static void
a_statements_entry_that_lacks_something_is_refused(void **state)
{
	static const char *const wrong[] = {
		HEAD "\"kind\":\"statement.add\"" BY "\"statement\":0}",
		HEAD "\"kind\":\"statement.add\"" BY "\"statement\":1,"
		     "\"signers\":[],\"effective\":true}",
		HEAD "\"kind\":\"statement.add\"" BY "\"statement\":1,"
		     "\"signers\":[],\"envelope\":{},\"effective\":true}",
		HEAD "\"kind\":\"statement.sign\"" BY "\"statement\":1,"
		     "\"signer\":\"carol\",\"keyid\":\"" V
		     "\",\"sig\":\"AA==\",\"effective\":true}",
		HEAD "\"kind\":\"statement.withdraw\"" BY "\"reason\":\"r\"}",
		HEAD "\"kind\":\"sign.oms\"" BY "\"model\":\"llama\"}",
		HEAD "\"kind\":\"sign.oms\"" BY "\"model\":\"llama\","
		     "\"version\":\"" V "\",\"name\":\"n\",\"key\":"
		     "\"k\",\"sig\":\"AA==\"}",
	};
	OWNED(catalogue) c = open_at(*state, "c");

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(apply(c, 0, wrong[i]), ERR_INTEGRITY);
	assert_int_equal(catalogue_applied(c), 0);
}

#define TEST(x) cmocka_unit_test_setup_teardown(x, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_verifiers_last_verdict_stands),
		TEST(a_statements_entry_that_lacks_something_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
