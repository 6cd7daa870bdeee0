/* SPDX-License-Identifier: Apache-2.0 */

/* The versions that a host was shown a revocation of (FORMAT.md, "What a host
 * remembers"). */
#include "tests/lib/test.h"

#include <stdio.h>
#include <string.h>

#include "vault/err.h"
#include "vault/revoked.h"

#define MODEL "llama/base"
#define TIME INT64_C(1769851800000)
#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static struct digest
version(unsigned int n)
{
	return digest_of(&n, sizeof(n));
}

static struct revoked
one(bool counted)
{
	struct revoked r = { .payload = digest_of("payload", 7),
		.time_ms = TIME,
		.counted = counted };

	snprintf(r.reason, sizeof(r.reason), "\"poisoned\" \xe2\x82\xac");
	return r;
}

static int
add(json_t *all, unsigned int n, bool counted)
{
	const struct digest d = version(n);
	const struct revoked r = one(counted);

	return revoked_add(all, MODEL, &d, &r);
}

static bool
has(const json_t *all, unsigned int n, bool *counted)
{
	const struct digest d = version(n);
	struct revoked r = { 0 };
	bool found = revoked_find(all, MODEL, &d, &r);

	*counted = r.counted;
	return found;
}

static int
checked(json_t *all)
{
	const struct why silent = { NULL, 0 };

	return revoked_check(all, &silent);
}

static void
it_gives_back_what_was_put_in(void **state)
{
	json_auto_t *all = json_object();
	const struct digest d = version(1);
	const struct revoked in = one(true);
	struct revoked r;

	(void)state;
	assert_false(revoked_find(all, MODEL, &d, NULL));
	assert_int_equal(add(all, 1, true), 0);
	assert_true(revoked_find(all, MODEL, &d, NULL));
	assert_true(revoked_find(all, MODEL, &d, &r));
	assert_true(r.counted);
	assert_true(r.time_ms == TIME);
	assert_string_equal(r.reason, in.reason);
	assert_memory_equal(&r.payload, &in.payload, sizeof(r.payload));
	assert_false(revoked_find(all, "llama/other", &d, NULL));
	assert_int_equal(checked(all), 0);
}

static void
one_that_counts_stays_and_replaces_one_that_does_not(void **state)
{
	json_auto_t *all = json_object();
	bool counted;

	(void)state;
	assert_int_equal(add(all, 1, false), 0);
	assert_true(has(all, 1, &counted));
	assert_false(counted);
	assert_int_equal(add(all, 1, true), 0);
	assert_int_equal(add(all, 1, false), 0);
	assert_true(has(all, 1, &counted));
	assert_true(counted);
	assert_int_equal(json_object_size(all), 1);
}

static void
a_full_one_lets_go_of_what_does_not_count_and_of_no_other(void **state)
{
	json_auto_t *all = json_object();
	bool counted;

	(void)state;
	for (unsigned int i = 0; i < REVOKED_MAX; i++)
		assert_int_equal(add(all, i, i != 7 && i != 9), 0);
	assert_int_equal(checked(all), 0);
	/* What is known needs no room. */
	assert_int_equal(add(all, 3, true), 0);
	assert_int_equal(add(all, REVOKED_MAX, false), 0);
	assert_false(has(all, 7, &counted));
	assert_int_equal(add(all, REVOKED_MAX + 1, true), 0);
	assert_false(has(all, 9, &counted));
	assert_int_equal(add(all, REVOKED_MAX + 2, true), 0);
	assert_false(has(all, REVOKED_MAX, &counted));
	/* All count now. */
	assert_int_equal(add(all, REVOKED_MAX + 3, true), ERR_LIMIT);
	assert_int_equal(add(all, REVOKED_MAX + 3, false), ERR_LIMIT);
	assert_int_equal(json_object_size(all), REVOKED_MAX);
	assert_true(has(all, 0, &counted));
	assert_int_equal(checked(all), 0);
	/* Nor is one with one more ever read. */
	assert_int_equal(json_object_set(all, MODEL "@" HEX,
			     json_object_iter_value(json_object_iter(all))),
	    0);
	assert_int_equal(checked(all), ERR_FORMAT);
}

static void
only_what_can_be_read_back_goes_in(void **state)
{
	json_auto_t *all = json_object();
	const struct digest d = version(1);
	struct revoked r = one(true);

	(void)state;
	assert_int_equal(revoked_add(all, "../x", &d, &r), ERR_USAGE);
	assert_int_equal(revoked_add(all, MODEL ":prod", &d, &r), ERR_USAGE);
	r.reason[0] = '\0';
	assert_int_equal(revoked_add(all, MODEL, &d, &r), ERR_USAGE);
	memset(r.reason, 'x', STATEMENT_REASON_MAX);
	assert_int_equal(revoked_add(all, MODEL, &d, &r), 0);
	assert_int_equal(checked(all), 0);
}

#define GOOD                                                                   \
	"\"payload\":\"" HEX "\",\"time\":\"2026-01-31T09:30:00.000Z\","       \
	"\"counted\":true,\"reason\":\"poisoned\""
#define KEY "\"" MODEL "@" HEX "\""

static void
what_is_none_is_refused(void **state)
{
	static const char *const wrong[] = { "[]", "{" KEY ":1}",
		"{\"" MODEL "\":{" GOOD "}}", "{\"" MODEL ":prod\":{" GOOD "}}",
		"{\"" MODEL "@01234567\":{" GOOD "}}",
		"{" KEY ":{" GOOD ",\"more\":1}}",
		"{" KEY ":{\"payload\":\"" HEX "\"}}",
		"{" KEY ":{\"payload\":\"01\",\"time\":"
		"\"2026-01-31T09:30:00.000Z\",\"counted\":true,\"reason\":"
		"\"x\"}}",
		"{" KEY ":{\"payload\":\"" HEX "\",\"time\":\"yesterday\","
		"\"counted\":true,\"reason\":\"x\"}}",
		"{" KEY ":{\"payload\":\"" HEX "\",\"time\":"
		"\"2026-01-31T09:30:00.000Z\",\"counted\":1,\"reason\":\"x\"}}",
		"{" KEY ":{\"payload\":\"" HEX "\",\"time\":"
		"\"2026-01-31T09:30:00.000Z\",\"counted\":true,\"reason\":"
		"\"\"}}" };
	json_auto_t *good = json_loads("{" KEY ":{" GOOD "}}", 0, NULL);

	(void)state;
	assert_int_equal(checked(good), 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char text[256] = "";
		const struct why why = { text, sizeof(text) };
		json_auto_t *j = json_loads(wrong[i], 0, NULL);

		assert_non_null(j);
		if (revoked_check(j, &why) != ERR_FORMAT)
			fail_msg("taken: %s", wrong[i]);
		assert_non_null(strstr(text, "revoked"));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_gives_back_what_was_put_in),
		cmocka_unit_test(
		    one_that_counts_stays_and_replaces_one_that_does_not),
		cmocka_unit_test(
		    a_full_one_lets_go_of_what_does_not_count_and_of_no_other),
		cmocka_unit_test(only_what_can_be_read_back_goes_in),
		cmocka_unit_test(what_is_none_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
