/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/names.h"

#include "tests/lib/test.h"

static void
a_path_is_within_itself_and_what_is_above_it(void **state)
{
	(void)state;
	assert_true(names_within("/a/b", "/a/b"));
	assert_true(names_within("/a/b/c", "/a/b"));
	assert_true(names_within("/a", "/"));
	assert_true(names_within("/", "/"));
	assert_false(names_within("/a", "/a/b"));
	assert_false(names_within("/a/bc", "/a/b"));
	assert_false(names_within("/", "/a"));
	assert_false(names_within("socket:[7]", "/"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_path_is_within_itself_and_what_is_above_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
