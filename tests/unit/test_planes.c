/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/test.h"
#include "vault/owned.h"
#include "vault/planes.h"

static void
fill(uint8_t *buf, size_t n, uint32_t seed)
{
	uint32_t x = seed * 2 + 1;

	for (size_t i = 0; i < n; i++) {
		x = x * 1664525 + 1013904223;
		buf[i] = (uint8_t)(x >> 24);
	}
}

/* Buffers exactly as large as they may be, so that ASan sees more. */
static void
same_both_ways(size_t width, size_t n)
{
	OWNED_MEM(uint8_t) in = malloc(n + (n == 0));
	OWNED_MEM(uint8_t) fast = malloc(n + (n == 0));
	OWNED_MEM(uint8_t) plain = malloc(n + (n == 0));
	OWNED_MEM(uint8_t) back = malloc(n + (n == 0));
	const uint8_t *planes[PLANES_MAX] = { NULL };
	size_t at = 0;

	fill(in, n, (uint32_t)n);
	planes_split(width, in, n, fast);
	planes_split_plain(width, in, n, plain);
	assert_memory_equal(fast, plain, n);
	for (size_t p = 0; p < width; p++) {
		planes[p] = fast + at;
		for (size_t i = 0; i < planes_size(n, width, p); i++)
			assert_int_equal(fast[at + i], in[p + i * width]);
		at += planes_size(n, width, p);
	}
	assert_int_equal(at, n);
	planes_merge(width, planes, n, back);
	assert_memory_equal(back, in, n);
	memset(back, 0, n);
	planes_merge_plain(width, planes, n, back);
	assert_memory_equal(back, in, n);
}

static void
vectors_and_plain_code_give_the_same_planes_of_any_length(void **state)
{
	(void)state;
	for (size_t n = 0; n < 300; n++) {
		same_both_ways(2, n);
		same_both_ways(4, n);
	}
	for (size_t n = 65530; n <= 65536; n++) {
		same_both_ways(2, n);
		same_both_ways(4, n);
	}
}

static void
plane_sizes_are_what_the_format_says(void **state)
{
	(void)state;
	assert_int_equal(planes_size(65536, 2, 1), 32768);
	assert_int_equal(planes_size(65535, 2, 0), 32768);
	assert_int_equal(planes_size(65535, 2, 1), 32767);
	assert_int_equal(planes_size(5, 4, 0), 2);
	assert_int_equal(planes_size(5, 4, 1), 1);
	assert_int_equal(planes_size(3, 4, 3), 0);
	assert_int_equal(planes_size(0, 4, 0), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    vectors_and_plain_code_give_the_same_planes_of_any_length),
		cmocka_unit_test(plane_sizes_are_what_the_format_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
