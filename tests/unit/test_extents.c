/* SPDX-License-Identifier: Apache-2.0 */
#include "fuse/extents.h"

#include <string.h>

#include "tests/lib/fault.h"
#include "tests/lib/test.h"
#include "vault/err.h"

static int
add(struct extents *e, uint64_t offset, uint64_t length, uint32_t uid,
    uint32_t pid)
{
	const struct extent x = { .offset = offset,
		.length = length,
		.uid = uid,
		.pid = pid };

	return extents_add(e, &x);
}

static void
assert_item(const struct extents *e, size_t i, uint64_t offset, uint64_t length)
{
	assert_in_range(i, 0, e->count - 1);
	assert_int_equal(e->items[i].offset, offset);
	assert_int_equal(e->items[i].length, length);
}

static void
a_sequential_reader_is_one_range(void **state)
{
	struct extents e = { 0 };

	(void)state;
	for (uint64_t i = 0; i < 1000; i++)
		assert_int_equal(add(&e, i * 4096, 4096, 7, 8), 0);
	assert_int_equal(e.count, 1);
	assert_item(&e, 0, 0, 4096000);
	extents_clear(&e);
}

static void
ranges_that_overlap_or_touch_are_one_in_any_order(void **state)
{
	struct extents e = { 0 };

	(void)state;
	assert_int_equal(add(&e, 300, 100, 1, 1), 0);
	assert_int_equal(add(&e, 100, 100, 1, 1), 0);
	assert_int_equal(e.count, 2);
	assert_int_equal(add(&e, 200, 100, 1, 1), 0);
	assert_int_equal(e.count, 1);
	assert_item(&e, 0, 100, 300);
	assert_int_equal(add(&e, 150, 10, 1, 1), 0);
	assert_item(&e, 0, 100, 300);
	assert_int_equal(add(&e, 50, 1000, 1, 1), 0);
	assert_int_equal(e.count, 1);
	assert_item(&e, 0, 50, 1000);
	extents_clear(&e);
}

static void
a_gap_of_one_byte_keeps_two_ranges_apart(void **state)
{
	struct extents e = { 0 };

	(void)state;
	assert_int_equal(add(&e, 0, 100, 1, 1), 0);
	assert_int_equal(add(&e, 101, 100, 1, 1), 0);
	assert_int_equal(e.count, 2);
	assert_item(&e, 0, 0, 100);
	assert_item(&e, 1, 101, 100);
	extents_clear(&e);
}

static void
readers_are_never_mixed(void **state)
{
	struct extents e = { 0 };

	(void)state;
	assert_int_equal(add(&e, 0, 100, 1, 1), 0);
	assert_int_equal(add(&e, 0, 100, 1, 2), 0);
	assert_int_equal(add(&e, 0, 100, 2, 1), 0);
	assert_int_equal(add(&e, 100, 100, 1, 1), 0);
	assert_int_equal(e.count, 3);
	assert_int_equal(e.items[0].uid, 1);
	assert_int_equal(e.items[0].pid, 1);
	assert_item(&e, 0, 0, 200);
	assert_item(&e, 1, 0, 100);
	assert_int_equal(e.items[2].uid, 2);
	assert_item(&e, 2, 0, 100);
	extents_clear(&e);
}

static void
of_too_many_the_two_nearest_become_one(void **state)
{
	struct extents e = { 0 };

	(void)state;
	for (uint64_t i = 0; i < EXTENTS_MAX; i++)
		assert_int_equal(add(&e, i * 1000, 10, 1, 1), 0);
	assert_int_equal(e.count, EXTENTS_MAX);
	/* 100 behind the end of number 5, 880 before number 6. */
	assert_int_equal(add(&e, 5110, 10, 1, 1), 0);
	assert_int_equal(e.count, EXTENTS_MAX);
	assert_item(&e, 5, 5000, 120);
	assert_item(&e, 6, 6000, 10);
	extents_clear(&e);
}

static void
what_was_read_is_always_covered(void **state)
{
	static uint8_t read[1 << 16], told[1 << 16];
	struct extents e = { 0 };
	uint64_t seed = 7;

	(void)state;
	for (int i = 0; i < 3000; i++) {
		uint64_t offset, length;

		seed = seed * 6364136223846793005U + 1442695040888963407U;
		offset = (seed >> 33) % 65000;
		length = 1 + (seed >> 20) % 16;
		memset(read + offset, 1, length);
		assert_int_equal(add(&e, offset, length, 1, 1), 0);
		assert_in_range(e.count, 1, EXTENTS_MAX);
	}
	for (size_t i = 0; i < e.count; i++) {
		memset(told + e.items[i].offset, 1, e.items[i].length);
		if (i > 0)
			assert_true(e.items[i].offset >
			    e.items[i - 1].offset + e.items[i - 1].length);
	}
	for (size_t i = 0; i < sizeof(read); i++)
		assert_true(told[i] >= read[i]);
	extents_clear(&e);
}

static void
too_many_readers_are_refused_and_change_nothing(void **state)
{
	struct extents e = { 0 };

	(void)state;
	for (uint32_t i = 0; i < EXTENTS_MAX; i++)
		assert_int_equal(add(&e, 0, 10, 1, i + 10), 0);
	assert_int_equal(add(&e, 0, 10, 1, 5), ERR_LIMIT);
	assert_int_equal(e.count, EXTENTS_MAX);
	assert_int_equal(e.items[0].pid, 10);
	assert_int_equal(e.items[EXTENTS_MAX - 1].pid, EXTENTS_MAX + 9);
	/* Those that are there go on. */
	assert_int_equal(add(&e, 10, 10, 1, 10), 0);
	assert_item(&e, 0, 0, 20);
	extents_clear(&e);
}

static void
out_of_memory_changes_nothing(void **state)
{
	struct extents e = { 0 };

	(void)state;
	assert_int_equal(add(&e, 0, 10, 1, 1), 0);
	for (uint64_t i = 1; i < 4; i++)
		assert_int_equal(add(&e, i * 100, 10, 1, 1), 0);
	fault_fail(FAULT_MEMORY, 1, 0);
	assert_int_equal(add(&e, 1000, 10, 1, 1), ERR_NOMEM);
	assert_true(fault_off());
	assert_int_equal(e.count, 4);
	assert_int_equal(add(&e, 1000, 10, 1, 1), 0);
	assert_int_equal(e.count, 5);
	extents_clear(&e);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sequential_reader_is_one_range),
		cmocka_unit_test(
		    ranges_that_overlap_or_touch_are_one_in_any_order),
		cmocka_unit_test(a_gap_of_one_byte_keeps_two_ranges_apart),
		cmocka_unit_test(readers_are_never_mixed),
		cmocka_unit_test(of_too_many_the_two_nearest_become_one),
		cmocka_unit_test(what_was_read_is_always_covered),
		cmocka_unit_test(
		    too_many_readers_are_refused_and_change_nothing),
		cmocka_unit_test(out_of_memory_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
