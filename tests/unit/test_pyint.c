/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/pyint.h"

struct row {
	const char *text;
	size_t n;
	uint64_t number; /* when it is one */
};
/* A literal, which may hold NULs. */
#define ROW(text, number)                                                      \
	{                                                                      \
		text, sizeof(text) - 1, number                                 \
	}

static void
what_python_takes_is_taken(void **state)
{
	/* Each was given to pickle.loads (3.11, in C) behind a PUT. */
	static const struct row rows[] = { ROW("0", 0), ROW("007", 7),
		ROW("4294967294", PYINT_MAX), ROW(" \t\v\f\r12 \t\v\f\r", 12),
		ROW("+5", 5), ROW("-0", 0), ROW("1_0_0", 100), ROW("0_1", 1),
		ROW("5\0x", 5), ROW("5 \0 6", 5), ROW("5\0\n", 5) };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t number = 1;

		assert_int_equal(pyint_read(rows[i].text, rows[i].n, false,
				     &number),
		    0);
		assert_int_equal(number, rows[i].number);
	}
}

static void
what_python_stops_at_is_no_number(void **state)
{
	static const struct row rows[] = { ROW("", 0), ROW(" ", 0), ROW("+", 0),
		ROW("-1", 0), ROW("+-1", 0), ROW("- 1", 0), ROW("_1", 0),
		ROW("1_", 0), ROW("1__0", 0), ROW("1 2", 0), ROW("5x", 0),
		ROW("\0005", 0), ROW("\xef\xbc\x95", 0), ROW("5\x85", 0),
		ROW("0x5", 0), ROW("5\vq", 0), ROW(" \xff", 0),
		ROW("1_\0", 0) };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t number;

		assert_int_equal(pyint_read(rows[i].text, rows[i].n, false,
				     &number),
		    ERR_FORMAT);
	}
}

static void
what_is_not_known_to_the_end_may_be_one(void **state)
{
	/* Cut behind these; and what is cut is no matter behind a NUL. */
	static const struct row may[] = { ROW("", 0), ROW(" +", 0), ROW("1", 0),
		ROW("1_", 0), ROW("1 ", 0), ROW("-1", 0) };
	uint64_t number;

	(void)state;
	for (size_t i = 0; i < sizeof(may) / sizeof(may[0]); i++)
		assert_int_equal(pyint_read(may[i].text, may[i].n, true,
				     &number),
		    ERR_LIMIT);
	assert_int_equal(pyint_read("7\0", 2, true, &number), 0);
	assert_int_equal(number, 7);
	assert_int_equal(pyint_read("x", 1, true, &number), ERR_FORMAT);
	/* Too large: Python's unpickler in Python takes any. */
	assert_int_equal(pyint_read("4294967295", 10, false, &number),
	    ERR_LIMIT);
	assert_int_equal(pyint_read("99999999999999999999999", 23, false,
			     &number),
	    ERR_LIMIT);
	assert_int_equal(pyint_read("99999999999999999999999x", 24, false,
			     &number),
	    ERR_FORMAT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_python_takes_is_taken),
		cmocka_unit_test(what_python_stops_at_is_no_number),
		cmocka_unit_test(what_is_not_known_to_the_end_may_be_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
