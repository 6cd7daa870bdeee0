/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/out.h"
#include "tests/lib/test.h"
#include "vault/err.h"

static void
sizes_are_decimal_and_short(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} cases[] = { { 0, "0 B" }, { 999, "999 B" }, { 1000, "1.0 kB" },
		{ 999949, "999.9 kB" }, { 999950, "1.0 MB" },
		{ 268435456, "268.4 MB" }, { 1000000000, "1.0 GB" },
		{ UINT64_MAX, "18.4 EB" } };
	char buf[OUT_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(out_size(cases[i].bytes, buf),
		    cases[i].text);
}

static void
nothing_that_steers_a_terminal_gets_through(void **state)
{
	static const struct {
		const char *text, *clean;
	} cases[] = { { "", "" }, { "plain", "plain" },
		{ "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" },
		{ "a\033[31mb", "a\\x1b[31mb" }, { "a\nb\tc", "a\\x0ab\\x09c" },
		{ "\x7f", "\\x7f" }, { "\xc2\x9b", "\\xc2\\x9b" },
		{ "\xc2\xa0", "\xc2\xa0" },
		{ "\xe2\x80\xae", "\\xe2\\x80\\xae" },
		{ "\xe2\x81\xa6", "\\xe2\\x81\\xa6" },
		{ "\xe2\x82\xac", "\xe2\x82\xac" },
		/* cut in the middle of a character */
		{ "\xe2", "\\xe2" }, { "\xe2\x80", "\\xe2\\x80" },
		{ "\xc2", "\\xc2" },
		/* C1 as eight-bit terminals take it; not UTF-8 at all */
		{ "\x9b"
		  "2J",
		    "\\x9b2J" },
		{ "a\xff", "a\\xff" }, { "\xc0\x80", "\\xc0\\x80" },
		{ "\xed\xa0\x80", "\\xed\\xa0\\x80" },
		/* Arabic letter mark, byte order mark, a tag */
		{ "\xd8\x9c", "\\xd8\\x9c" },
		{ "\xef\xbb\xbf", "\\xef\\xbb\\xbf" },
		{ "\xf3\xa0\x81\x81", "\\xf3\\xa0\\x81\\x81" } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		OWNED_MEM(char) clean = out_clean(cases[i].text);

		assert_string_equal(clean, cases[i].clean);
	}
}

/* What a table prints, on a standard output that is a file for a moment. */
static char *
printed(const struct out_table *t)
{
	char *text = calloc(1, 4096);
	FILE *f = tmpfile();
	int kept = dup(STDOUT_FILENO);

	fflush(stdout);
	assert_true(dup2(fileno(f), STDOUT_FILENO) >= 0);
	out_table_print(t);
	fflush(stdout);
	assert_true(dup2(kept, STDOUT_FILENO) >= 0);
	close(kept);
	rewind(f);
	assert_true(fread(text, 1, 4095, f) < 4095);
	fclose(f);
	return text;
}

static void
columns_line_up_by_characters(void **state)
{
	static const char *const heads[] = { "NAME", ">SIZE", "NOTE" };
	static const char *const rows[][3] = { { "gr\xc3\xbc\xc3\x9f"
						 "e",
						   "5", "x" },
		{ "a-long-name", "123456", NULL }, { NULL, NULL, "only" } };
	OWNED(out_table) t = NULL;
	OWNED_MEM(char) text = NULL;

	(void)state;
	assert_int_equal(out_table_new(&t, heads, 3), 0);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(out_table_add(t, rows[i]), 0);
	text = printed(t);
	assert_string_equal(text,
	    "NAME           SIZE  NOTE\n"
	    "gr\xc3\xbc\xc3\x9f"
	    "e             5  x\n"
	    "a-long-name  123456\n"
	    "                     only\n");
}

static void
a_table_without_rows_prints_nothing(void **state)
{
	static const char *const heads[] = { "NAME" };
	OWNED(out_table) t = NULL;
	OWNED_MEM(char) text = NULL;

	(void)state;
	assert_int_equal(out_table_new(&t, heads, 1), 0);
	text = printed(t);
	assert_string_equal(text, "");
}

static void
a_table_of_many_rows_keeps_them_all(void **state)
{
	static const char *const heads[] = { "N" };
	static const char *const row[] = { "x" };
	OWNED(out_table) t = NULL;
	OWNED_MEM(char) text = NULL;

	(void)state;
	assert_int_equal(out_table_new(&t, heads, 1), 0);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(out_table_add(t, row), 0);
	text = printed(t);
	assert_int_equal(strlen(text), 2002);
}

static void
refuses_more_columns_than_it_has_room_for(void **state)
{
	const char *heads[OUT_COLUMNS + 1];
	struct out_table *t = NULL;

	(void)state;
	for (size_t i = 0; i <= OUT_COLUMNS; i++)
		heads[i] = "H";
	assert_int_equal(out_table_new(&t, heads, OUT_COLUMNS + 1), ERR_LIMIT);
	assert_null(t);
	assert_int_equal(out_table_new(&t, heads, OUT_COLUMNS), 0);
	out_table_free(t);
}

static void
counts_and_times_are_as_people_say_them(void **state)
{
	char count[OUT_COUNT], when[OUT_TIME];

	(void)state;
	assert_string_equal(out_count(0, "file", count), "0 files");
	assert_string_equal(out_count(1, "file", count), "1 file");
	assert_string_equal(out_count(2, "chunk key", count), "2 chunk keys");
	assert_string_equal(out_count(UINT64_MAX, "x", count),
	    "18446744073709551615 xs");
	assert_string_equal(out_when("2026-11-24T00:10:03.123Z", when),
	    "2026-11-24 00:10:03");
	assert_string_equal(out_when("2026-11-24T00:10:03Z", when),
	    "2026-11-24 00:10:03");
	assert_string_equal(out_when("", when), "");
	assert_string_equal(out_when("ever so much longer than a time", when),
	    "ever so much longer tha");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_and_times_are_as_people_say_them),
		cmocka_unit_test(sizes_are_decimal_and_short),
		cmocka_unit_test(nothing_that_steers_a_terminal_gets_through),
		cmocka_unit_test(columns_line_up_by_characters),
		cmocka_unit_test(a_table_without_rows_prints_nothing),
		cmocka_unit_test(a_table_of_many_rows_keeps_them_all),
		cmocka_unit_test(refuses_more_columns_than_it_has_room_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
