/* SPDX-License-Identifier: Apache-2.0 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/lockbox.h"
#include "vault/object.h"

#define FIXED 20
#define ROW 68

static struct lockbox_row
row_of(uint32_t i)
{
	struct lockbox_row row = { .sealing = digest_of(&i, sizeof(i)) };

	memset(row.key, (int)(i % 251), sizeof(row.key));
	row.length = 1 + i;
	return row;
}

static void
write_page(struct writer *w, uint32_t index, uint32_t rows)
{
	OWNED(lockbox) b = NULL;

	assert_int_equal(lockbox_new(&b, index), 0);
	for (uint32_t i = 0; i < rows; i++) {
		struct lockbox_row row = row_of(i);

		assert_int_equal(lockbox_add(b, &row), 0);
	}
	assert_int_equal(lockbox_write(b, w), 0);
}

/* The result for n bytes that end where their memory ends. */
static int
parse(const uint8_t *bytes, size_t n, uint32_t index)
{
	OWNED_MEM(uint8_t) copy = malloc(n > 0 ? n : 1);
	OWNED(lockbox) b = NULL;

	memcpy(copy, bytes, n);
	return lockbox_parse(&b, copy, n, index);
}

static void
a_page_comes_back_as_it_was_written(void **state)
{
	static const uint32_t counts[] = { 1, 2, 4095, LOCKBOX_PAGE_ROWS };

	(void)state;
	for (size_t c = 0; c < 4; c++) {
		OWNED_WRITER w = writer_of(1 << 20);
		OWNED(lockbox) b = NULL;

		write_page(&w, 7, counts[c]);
		assert_int_equal(w.length, FIXED + counts[c] * ROW);
		assert_int_equal(lockbox_parse(&b, w.bytes, w.length, 7), 0);
		assert_int_equal(lockbox_count(b), counts[c]);
		for (uint32_t i = 0; i < counts[c]; i++) {
			struct lockbox_row want = row_of(i);

			assert_memory_equal(lockbox_at(b, i), &want,
			    sizeof(want));
		}
	}
}

static void
a_page_is_laid_out_as_documented(void **state)
{
	struct lockbox_row row = row_of(0);
	OWNED_WRITER w = writer_of(1 << 20);

	(void)state;
	write_page(&w, 258, 1);
	assert_memory_equal(w.bytes, "weirbox\n\1\0\0\0\2\1\0\0\1\0\0\0", 20);
	assert_memory_equal(w.bytes + 20, row.key, 32);
	assert_memory_equal(w.bytes + 52, row.sealing.bytes, 32);
	assert_memory_equal(w.bytes + 84, "\1\0\0\0", 4);
}

static void
every_truncation_and_extension_is_refused(void **state)
{
	OWNED_WRITER w = writer_of(1 << 20);

	(void)state;
	write_page(&w, 0, 3);
	for (size_t n = 0; n < w.length; n++)
		assert_int_equal(parse(w.bytes, n, 0), ERR_FORMAT);
	assert_int_equal(parse(w.bytes, w.length, 0), 0);
	writer_u8(&w, 0);
	assert_int_equal(parse(w.bytes, w.length, 0), ERR_FORMAT);
}

static void
every_flipped_bit_of_the_head_is_refused(void **state)
{
	OWNED_WRITER w = writer_of(1 << 20);

	(void)state;
	write_page(&w, 5, 3);
	for (size_t bit = 0; bit < 8 * FIXED; bit++) {
		w.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(parse(w.bytes, w.length, 5), ERR_FORMAT);
		w.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static void
a_page_of_another_number_is_refused(void **state)
{
	OWNED_WRITER w = writer_of(1 << 20);

	(void)state;
	write_page(&w, 5, 3);
	assert_int_equal(parse(w.bytes, w.length, 5), 0);
	assert_int_equal(parse(w.bytes, w.length, 4), ERR_FORMAT);
}

static void
a_page_has_1_to_4096_rows(void **state)
{
	OWNED(lockbox) b = NULL;
	OWNED_WRITER w = writer_of(1 << 20);
	struct lockbox_row row = row_of(1);
	uint32_t n;

	(void)state;
	assert_int_equal(lockbox_new(&b, 0), 0);
	assert_int_equal(lockbox_write(b, &w), ERR_FORMAT);
	for (n = 0; n < LOCKBOX_PAGE_ROWS; n++)
		assert_int_equal(lockbox_add(b, &row), 0);
	assert_int_equal(lockbox_add(b, &row), ERR_LIMIT);
	assert_int_equal(lockbox_write(b, &w), 0);
	assert_int_equal(parse(w.bytes, w.length, 0), 0);

	writer_bytes(&w, &(struct lockbox_row){ .length = 1 }, ROW);
	writer_patch_u32(&w, 16, LOCKBOX_PAGE_ROWS + 1);
	assert_int_equal(parse(w.bytes, w.length, 0), ERR_FORMAT);
	writer_patch_u32(&w, 16, 0);
	assert_int_equal(parse(w.bytes, FIXED, 0), ERR_FORMAT);
}

static void
a_row_has_1_byte_to_4_MiB(void **state)
{
	OWNED_WRITER w = writer_of(1 << 20);

	(void)state;
	write_page(&w, 0, 1);
	writer_patch_u32(&w, 84, 0);
	assert_int_equal(parse(w.bytes, w.length, 0), ERR_FORMAT);
	writer_patch_u32(&w, 84, OBJECT_CHUNK_MAX);
	assert_int_equal(parse(w.bytes, w.length, 0), 0);
	writer_patch_u32(&w, 84, OBJECT_CHUNK_MAX + 1);
	assert_int_equal(parse(w.bytes, w.length, 0), ERR_FORMAT);
}

static void
a_writer_without_room_gets_nothing(void **state)
{
	OWNED_WRITER w = writer_of(FIXED + 2 * ROW - 1);
	OWNED(lockbox) b = NULL;
	struct lockbox_row row = row_of(1);

	(void)state;
	assert_int_equal(lockbox_new(&b, 0), 0);
	assert_int_equal(lockbox_add(b, &row), 0);
	assert_int_equal(lockbox_add(b, &row), 0);
	assert_int_equal(lockbox_write(b, &w), ERR_LIMIT);
	assert_int_equal(w.length, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_page_comes_back_as_it_was_written),
		cmocka_unit_test(a_page_is_laid_out_as_documented),
		cmocka_unit_test(every_truncation_and_extension_is_refused),
		cmocka_unit_test(every_flipped_bit_of_the_head_is_refused),
		cmocka_unit_test(a_page_of_another_number_is_refused),
		cmocka_unit_test(a_page_has_1_to_4096_rows),
		cmocka_unit_test(a_row_has_1_byte_to_4_MiB),
		cmocka_unit_test(a_writer_without_room_gets_nothing),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
