/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/fault.h"
#include "tests/lib/test.h"
#include "vault/reader.h"
#include "vault/writer.h"

static void
what_is_written_reads_back(void **state)
{
	OWNED_WRITER w = writer_of(1024);
	struct reader r;
	size_t length;
	char *s;

	(void)state;
	writer_u8(&w, 0xfe);
	writer_u16(&w, 0x1234);
	writer_u32(&w, 0xf2345678);
	writer_u64(&w, 0xf102030405060708);
	writer_string(&w, "str");
	writer_string(&w, NULL);
	writer_blob(&w, "a\0b", 3);
	writer_bytes(&w, "raw", 3);
	assert_true(writer_ok(&w));

	r = reader_of(w.bytes, w.length);
	assert_int_equal(reader_u8(&r), 0xfe);
	assert_int_equal(reader_u16(&r), 0x1234);
	assert_true(reader_u32(&r) == 0xf2345678);
	assert_true(reader_u64(&r) == 0xf102030405060708);
	s = reader_string(&r, 3);
	assert_string_equal(s, "str");
	free(s);
	s = reader_string(&r, 0);
	assert_string_equal(s, "");
	free(s);
	assert_memory_equal(reader_blob(&r, 3, &length), "a\0b", 3);
	assert_memory_equal(reader_bytes(&r, 3), "raw", 3);
	assert_true(reader_end(&r));
}

static void
integers_are_little_endian(void **state)
{
	static const uint8_t want[] = { 1, 3, 2, 7, 6, 5, 4, 15, 14, 13, 12, 11,
		10, 9, 8 };
	OWNED_WRITER w = writer_of(15);

	(void)state;
	writer_u8(&w, 1);
	writer_u16(&w, 0x0203);
	writer_u32(&w, 0x04050607);
	writer_u64(&w, 0x08090a0b0c0d0e0f);
	assert_true(writer_ok(&w));
	assert_int_equal(w.length, sizeof(want));
	assert_memory_equal(w.bytes, want, sizeof(want));
}

static void
the_maximum_holds_to_the_byte(void **state)
{
	static const size_t limits[] = { 0, 1, 255, 256, 257, 1000, 65536 };

	(void)state;
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		OWNED_WRITER w = writer_of(limits[i]);

		for (size_t n = 0; n < limits[i]; n++)
			writer_u8(&w, (uint8_t)n);
		assert_true(writer_ok(&w));
		assert_int_equal(w.length, limits[i]);
		assert_true(w.capacity <= limits[i]);
		for (size_t n = 0; n < limits[i]; n++)
			assert_int_equal(w.bytes[n], (uint8_t)n);

		writer_u8(&w, 0);
		assert_false(writer_ok(&w));
		assert_int_equal(w.length, limits[i]);
	}
}

static void
one_write_may_fill_it_whole(void **state)
{
	OWNED_WRITER w = writer_of(100000);
	uint8_t *at = writer_room(&w, 100000);

	(void)state;
	assert_non_null(at);
	memset(at, 7, 100000);
	assert_null(writer_room(&w, 1));
	assert_false(writer_ok(&w));
}

static void
a_huge_length_does_not_wrap_around(void **state)
{
	OWNED_WRITER w = writer_of(SIZE_MAX);

	(void)state;
	writer_u8(&w, 1);
	assert_null(writer_room(&w, SIZE_MAX));
	assert_false(writer_ok(&w));
}

static void
failure_is_sticky(void **state)
{
	OWNED_WRITER w = writer_of(4);
	size_t length;

	(void)state;
	writer_bytes(&w, "12345", 5);
	assert_false(writer_ok(&w));
	writer_u8(&w, 1);
	writer_patch_u32(&w, 0, 1);
	assert_false(writer_ok(&w));
	assert_int_equal(w.length, 0);
	assert_null(writer_take(&w, &length));
	assert_int_equal(length, 0);
}

static void
no_bytes_fit_always(void **state)
{
	OWNED_WRITER w = writer_of(0);

	(void)state;
	assert_non_null(writer_room(&w, 0));
	writer_bytes(&w, NULL, 0);
	assert_true(writer_ok(&w));
}

static void
a_string_of_65535_bytes_is_the_longest(void **state)
{
	OWNED_WRITER w = writer_of(1 << 20);
	char *s = malloc(65537);

	(void)state;
	assert_non_null(s);
	memset(s, 's', 65536);
	s[65535] = '\0';
	writer_string(&w, s);
	assert_true(writer_ok(&w));
	assert_int_equal(w.length, 65537);

	s[65535] = 's';
	s[65536] = '\0';
	writer_string(&w, s);
	assert_false(writer_ok(&w));
	free(s);
}

static void
a_length_can_be_patched(void **state)
{
	OWNED_WRITER w = writer_of(64);

	(void)state;
	writer_u8(&w, 9);
	writer_u32(&w, 0);
	writer_u8(&w, 9);
	writer_patch_u32(&w, 1, 0x01020304);
	assert_memory_equal(w.bytes, "\x09\x04\x03\x02\x01\x09", 6);
	writer_patch_u32(&w, 2, 0);
	assert_memory_equal(w.bytes, "\x09\x04\x00\x00\x00\x00", 6);
}

static void
reset_wipes_and_starts_again(void **state)
{
	OWNED_WRITER w = writer_of(8);
	const uint8_t *memory;

	(void)state;
	writer_bytes(&w, "secret", 6);
	memory = w.bytes;
	writer_u64(&w, 1);
	assert_false(writer_ok(&w));
	writer_reset(&w);
	assert_true(writer_ok(&w));
	assert_int_equal(w.length, 0);
	assert_ptr_equal(w.bytes, memory);
	assert_memory_equal(memory, "\0\0\0\0\0\0", 6);
	writer_u64(&w, 1);
	assert_true(writer_ok(&w));
}

static void
taken_bytes_belong_to_the_caller(void **state)
{
	OWNED_WRITER w = writer_of(8);
	size_t length = 99;
	uint8_t *bytes;

	(void)state;
	bytes = writer_take(&w, &length);
	assert_non_null(bytes);
	assert_int_equal(length, 0);
	free(bytes);

	writer_bytes(&w, "mine", 4);
	bytes = writer_take(&w, &length);
	assert_int_equal(length, 4);
	assert_memory_equal(bytes, "mine", 4);
	assert_int_equal(w.length, 0);
	assert_null(w.bytes);
	free(bytes);

	writer_bytes(&w, "12345678", 8); /* and the maximum is the same */
	assert_true(writer_ok(&w));
	writer_u8(&w, 9);
	assert_false(writer_ok(&w));
}

static void
running_out_of_memory_keeps_what_was_written(void **state)
{
	bool fired = true;

	(void)state;
	for (unsigned int n = 1; fired; n++) {
		OWNED_WRITER w = writer_of(1 << 16);

		fault_fail(FAULT_MEMORY, n, ENOMEM);
		for (int i = 0; i < 1000; i++)
			writer_u32(&w, 0x01010101);
		fired = fault_off();
		assert_true(writer_ok(&w) == !fired);
		assert_int_equal(w.length % 4, 0);
		for (size_t i = 0; i < w.length; i++)
			assert_int_equal(w.bytes[i], 1);
		if (n == 1)
			assert_true(fired);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_reads_back),
		cmocka_unit_test(integers_are_little_endian),
		cmocka_unit_test(the_maximum_holds_to_the_byte),
		cmocka_unit_test(one_write_may_fill_it_whole),
		cmocka_unit_test(a_huge_length_does_not_wrap_around),
		cmocka_unit_test(failure_is_sticky),
		cmocka_unit_test(no_bytes_fit_always),
		cmocka_unit_test(a_string_of_65535_bytes_is_the_longest),
		cmocka_unit_test(a_length_can_be_patched),
		cmocka_unit_test(reset_wipes_and_starts_again),
		cmocka_unit_test(taken_bytes_belong_to_the_caller),
		cmocka_unit_test(running_out_of_memory_keeps_what_was_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
