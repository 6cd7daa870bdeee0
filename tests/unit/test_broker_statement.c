/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/bureau.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/log.h"

#define DAEMON 1
#define P(i) (1U << (i))

static void
ignore(void *arg, const char *line)
{
	(void)arg;
	(void)line;
}

static int
setup(void **state)
{
	struct desk *d = calloc(1, sizeof(*d));

	assert_non_null(d);
	log_sink(ignore, NULL);
	desk_new(d, true);
	*state = d;
	return 0;
}

static int
teardown(void **state)
{
	desk_free(*state);
	free(*state);
	return 0;
}

static json_int_t
number(const json_t *j, const char *key)
{
	return json_integer_value(json_object_get(j, key));
}

static const char *
text(const json_t *j, const char *key)
{
	return json_string_value(json_object_get(j, key));
}

static bool
effective(const json_t *j)
{
	return json_is_true(json_object_get(j, "effective"));
}

/* --- trust roots --- */

static json_t *
trust_get(struct desk_person *p, uint64_t after)
{
	OWNED_WRITER body = writer_of(8);

	writer_u64(&body, after);
	return desk_json(p, MSG_TRUST_GET, &body);
}

static void
the_first_trust_root_takes_its_own_threshold(void **state)
{
	struct bureau_policy policy = BUREAU_POLICY;
	OWNED(statement) s = NULL;
	struct desk_person owner;
	void *j;

	policy.root = 2;
	desk_person_come(&owner, *state, 0);
	j = trust_get(&owner, 0);
	assert_int_equal(number(j, "number"), 0);
	json_decref(j);
	s = bureau_root(*state, &policy, 1, NULL);
	assert_int_equal(bureau_add(&owner, s, P(0), &j), 0);
	assert_false(effective(j));
	assert_string_equal(text(j, "name"), "T1");
	assert_int_equal(number(j, "have"), 1);
	assert_int_equal(number(j, "need"), 2);
	assert_int_equal(json_array_size(json_object_get(j, "waits")), 3);
	json_decref(j);
	assert_int_equal(bureau_sign(&owner, 1, s, 3, &j), 0);
	assert_true(effective(j));
	json_decref(j);
	j = trust_get(&owner, 0);
	assert_int_equal(number(j, "number"), 1);
	assert_int_equal(json_array_size(json_object_get(j, "roots")), 1);
	json_decref(j);
	desk_person_go(&owner);
}

#define TEST(x) cmocka_unit_test_setup_teardown(x, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_first_trust_root_takes_its_own_threshold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
