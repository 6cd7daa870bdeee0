/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/grant_exe.h"

#include <stdio.h>
#include <string.h>

#include "tests/lib/test.h"

/* Digests of "0", "1", ..., a blank between two. */
static const char *
list(char out[static 16 * DIGEST_HEX_SIZE], size_t n)
{
	char hex[DIGEST_HEX_SIZE];
	size_t at = 0;

	*out = '\0';
	for (size_t i = 0; i < n; i++) {
		const char c = (char)('0' + i);
		const struct digest d = digest_of(&c, 1);

		at += (size_t)snprintf(out + at, 16 * DIGEST_HEX_SIZE - at,
		    "%s%s", i > 0 ? " " : "", digest_hex(&d, hex));
	}
	return out;
}

static void
takes_up_to_eight_digests(void **state)
{
	char text[16 * DIGEST_HEX_SIZE];

	(void)state;
	for (size_t n = 0; n <= GRANT_EXES_MAX; n++) {
		assert_null(grant_exe_wrong(list(text, n)));
		assert_true(strlen(text) < GRANT_EXES_SIZE);
	}
	assert_non_null(grant_exe_wrong(list(text, GRANT_EXES_MAX + 1)));
}

static void
refuses_what_is_no_list_of_digests(void **state)
{
	char text[16 * DIGEST_HEX_SIZE];
	size_t length = strlen(list(text, 2));

	(void)state;
	for (size_t cut = 1; cut < length; cut++) {
		list(text, 2);
		text[cut] = '\0';
		if (cut != DIGEST_HEX_SIZE - 1)
			assert_non_null(grant_exe_wrong(text));
	}
	for (size_t at = 0; at < length; at++) {
		list(text, 2);
		text[at] = text[at] == ' ' ? '0' : 'G';
		assert_non_null(grant_exe_wrong(text));
	}
	list(text, 1);
	memcpy(text + DIGEST_HEX_SIZE - 1, " ", 2);
	assert_non_null(grant_exe_wrong(text));
	assert_non_null(grant_exe_wrong(" "));
	assert_non_null(grant_exe_wrong("/usr/bin/python3"));
}

static void
lists_its_programs_and_no_other(void **state)
{
	char text[16 * DIGEST_HEX_SIZE];
	const struct digest first = digest_of("0", 1),
			    third = digest_of("2", 1);

	(void)state;
	list(text, 2);
	assert_true(grant_exe_lists(text, &first));
	assert_false(grant_exe_lists(text, &third));
	assert_false(grant_exe_lists(text, NULL));
	assert_true(grant_exe_lists("", &third));
	assert_true(grant_exe_lists("", NULL));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_up_to_eight_digests),
		cmocka_unit_test(refuses_what_is_no_list_of_digests),
		cmocka_unit_test(lists_its_programs_and_no_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
