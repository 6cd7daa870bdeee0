/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "tests/lib/test.h"
#include "vault/reader.h"

static void
integers_are_little_endian(void **state)
{
	static const uint8_t bytes[] = { 0xfe, 0x34, 0x12, 0x78, 0x56, 0x34,
		0xf2, 8, 7, 6, 5, 4, 3, 2, 0xf1 };
	struct reader r = reader_of(bytes, sizeof(bytes));

	(void)state;
	assert_int_equal(reader_u8(&r), 0xfe);
	assert_int_equal(reader_u16(&r), 0x1234);
	assert_true(reader_u32(&r) == 0xf2345678);
	assert_true(reader_u64(&r) == 0xf102030405060708);
	assert_true(reader_end(&r));
}

static void
the_end_is_asked_for(void **state)
{
	struct reader r = reader_of("ab", 2);

	(void)state;
	assert_false(reader_end(&r));
	reader_u8(&r);
	assert_false(reader_end(&r));
	assert_true(reader_ok(&r));
	reader_u8(&r);
	assert_true(reader_end(&r));
}

static void
no_bytes_are_a_record_too(void **state)
{
	struct reader r = reader_of(NULL, 0);

	(void)state;
	assert_non_null(reader_bytes(&r, 0));
	assert_true(reader_end(&r));
	assert_int_equal(reader_u8(&r), 0);
	assert_false(reader_ok(&r));
}

static void
a_short_read_gives_zeros_and_is_sticky(void **state)
{
	static const uint8_t bytes[] = { 1, 2, 3 };
	struct reader r = reader_of(bytes, sizeof(bytes));
	uint8_t out[4] = { 9, 9, 9, 9 };

	(void)state;
	assert_int_equal(reader_u32(&r), 0);
	assert_false(reader_ok(&r));
	assert_int_equal(reader_u8(&r), 0); /* though there are three bytes */
	assert_null(reader_bytes(&r, 0));
	reader_copy(&r, out, sizeof(out));
	for (size_t i = 0; i < sizeof(out); i++)
		assert_int_equal(out[i], 0);
	assert_false(reader_end(&r));
}

/* A record with one of everything. */
static bool
parse_all(const uint8_t *bytes, size_t n)
{
	struct reader r = reader_of(bytes, n), sub;
	uint8_t copy[2];
	size_t length;

	reader_expect(&r, "WX", 2);
	reader_u8(&r);
	reader_copy(&r, copy, sizeof(copy));
	free(reader_string(&r, 4));
	reader_blob(&r, 3, &length);
	for (uint32_t i = reader_count(&r, 2); i > 0; i--)
		reader_u16(&r);
	sub = reader_sub(&r, 4);
	reader_u32(&sub);
	return reader_end(&r) && reader_end(&sub);
}

static const uint8_t record[] = "WX"
				"\x07"
				"cc"
				"\x04\x00str!"
				"\x03\x00\x00\x00xyz"
				"\x02\x00\x00\x00"
				"1122"
				"subs";

static void
refuses_every_truncation(void **state)
{
	const size_t n = sizeof(record) - 1;

	(void)state;
	assert_true(parse_all(record, n));
	assert_false(parse_all(record, n + 1));
	for (size_t i = 0; i < n; i++) {
		uint8_t *cut = malloc(i); /* so that ASan sees a step beyond */

		if (i > 0)
			memcpy(cut, record, i);
		assert_false(parse_all(cut, i));
		free(cut);
	}
}

static void
a_count_never_exceeds_what_the_bytes_can_hold(void **state)
{
	static const uint8_t two[] = { 2, 0, 0, 0, 1, 2, 3, 4, 5, 6 };
	static const uint8_t huge[] = { 0xff, 0xff, 0xff, 0xff, 1, 2 };
	struct reader r = reader_of(two, sizeof(two));

	(void)state;
	assert_int_equal(reader_count(&r, 3), 2);
	assert_true(reader_ok(&r));

	r = reader_of(two, sizeof(two));
	assert_int_equal(reader_count(&r, 4), 0);
	assert_false(reader_ok(&r));

	r = reader_of(huge, sizeof(huge));
	assert_int_equal(reader_count(&r, SIZE_MAX), 0);
	assert_false(reader_ok(&r));
}

static void
a_string_ends_with_nul_and_holds_none(void **state)
{
	struct reader r = reader_of("\x03\x00"
				    "abc",
	    5);
	char *s = reader_string(&r, 3);

	(void)state;
	assert_string_equal(s, "abc");
	assert_true(reader_end(&r));
	free(s);

	r = reader_of("\x03\x00"
		      "a\0c",
	    5);
	assert_null(reader_string(&r, 3));
	assert_false(reader_ok(&r));

	r = reader_of("\x00\x00", 2);
	s = reader_string(&r, 0);
	assert_string_equal(s, "");
	assert_true(reader_end(&r));
	free(s);
}

static void
a_string_longer_than_its_limit_is_refused(void **state)
{
	static const char bytes[] = "\x04\x00"
				    "abcd";
	struct reader r = reader_of(bytes, 6);

	(void)state;
	assert_null(reader_string(&r, 3));
	assert_false(reader_ok(&r));
	r = reader_of(bytes, 6);
	free(reader_string(&r, 4));
	assert_true(reader_end(&r));
}

static void
a_blob_is_borrowed_within_its_limit(void **state)
{
	static const char bytes[] = "\x04\x00\x00\x00"
				    "a\0cd";
	struct reader r = reader_of(bytes, 8);
	size_t length = 99;

	(void)state;
	assert_ptr_equal(reader_blob(&r, 4, &length), bytes + 4);
	assert_int_equal(length, 4);
	assert_true(reader_end(&r));

	r = reader_of(bytes, 8);
	assert_null(reader_blob(&r, 3, &length));
	assert_int_equal(length, 0);
	assert_false(reader_ok(&r));
}

static void
other_bytes_than_expected_are_bad(void **state)
{
	struct reader r = reader_of("weir", 4);

	(void)state;
	reader_expect(&r, "we", 2);
	assert_true(reader_ok(&r));
	reader_expect(&r, "is", 2);
	assert_false(reader_ok(&r));
}

static void
a_part_has_its_own_end(void **state)
{
	struct reader r = reader_of("abcd", 4);
	struct reader sub = reader_sub(&r, 3);

	(void)state;
	assert_int_equal(reader_u8(&r), 'd');
	assert_true(reader_end(&r));
	assert_int_equal(reader_u8(&sub), 'a');
	assert_int_equal(reader_u32(&sub), 0);
	assert_false(reader_ok(&sub));
	assert_true(reader_ok(&r));
}

static void
a_part_that_is_not_there_is_bad_on_both_sides(void **state)
{
	struct reader r = reader_of("abcd", 4);
	struct reader sub = reader_sub(&r, 5);

	(void)state;
	assert_false(reader_ok(&r));
	assert_false(reader_ok(&sub));
	assert_false(reader_end(&sub));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers_are_little_endian),
		cmocka_unit_test(the_end_is_asked_for),
		cmocka_unit_test(no_bytes_are_a_record_too),
		cmocka_unit_test(a_short_read_gives_zeros_and_is_sticky),
		cmocka_unit_test(refuses_every_truncation),
		cmocka_unit_test(a_count_never_exceeds_what_the_bytes_can_hold),
		cmocka_unit_test(a_string_ends_with_nul_and_holds_none),
		cmocka_unit_test(a_string_longer_than_its_limit_is_refused),
		cmocka_unit_test(a_blob_is_borrowed_within_its_limit),
		cmocka_unit_test(other_bytes_than_expected_are_bad),
		cmocka_unit_test(a_part_has_its_own_end),
		cmocka_unit_test(a_part_that_is_not_there_is_bad_on_both_sides),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
