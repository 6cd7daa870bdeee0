/* SPDX-License-Identifier: Apache-2.0 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/test.h"
#include "vault/cut.h"
#include "vault/object.h"

#define KIB UINT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

static void
the_limit_is_the_power_nearest_to_a_1024th(void **state)
{
	static const struct {
		uint64_t size;
		uint32_t limit;
	} cases[] = {
		{ 0, CUT_MIN },
		{ 1, CUT_MIN },
		{ 64 * MIB, CUT_MIN },
		{ 96 * MIB, CUT_MIN }, /* 96 KiB: two equally near */
		{ 96 * MIB + 1, 128 * KIB },
		{ 128 * MIB, 128 * KIB },
		{ 192 * MIB, 128 * KIB },
		{ 192 * MIB + 1, 256 * KIB },
		{ 768 * MIB, 512 * KIB },
		{ 768 * MIB + 1, MIB },
		{ 3 * GIB, 2 * MIB },
		{ 3 * GIB + 1, CUT_MAX },
		{ 4 * GIB, CUT_MAX },
		{ 1024 * GIB, CUT_MAX },
		{ UINT64_MAX, CUT_MAX },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(cut_limit(cases[i].size), cases[i].limit);
}

/* All the cuts of c; *count of them, the last one at its size. */
static uint64_t *
walk(struct cut c, size_t *count)
{
	uint64_t *ends = malloc(
	    (c.size / (CUT_MIN / 4) + 8 + c.header_bytes / CUT_MIN) *
	    sizeof(*ends));
	size_t n = 0;

	assert_non_null(ends);
	for (uint64_t at = 0; at < c.size; at = ends[n++])
		ends[n] = cut_next(&c, at);
	*count = n;
	return ends;
}

static void
check_cuts(struct cut c, const uint64_t *want, size_t count)
{
	size_t n;
	OWNED_MEM(uint64_t) ends = walk(c, &n);

	assert_int_equal(n, count);
	for (size_t i = 0; i < n; i++)
		assert_true(ends[i] == want[i]);
}

static void
plain_files_are_cut_at_the_limit(void **state)
{
	static const uint64_t two[] = { CUT_MIN, CUT_MIN + 1 };
	static const uint64_t one[] = { CUT_MIN };
	static const uint64_t byte[] = { 1 };

	(void)state;
	check_cuts((struct cut){ .size = 1 }, byte, 1);
	check_cuts((struct cut){ .size = CUT_MIN }, one, 1);
	check_cuts((struct cut){ .size = CUT_MIN + 1 }, two, 2);
}

static void
an_empty_file_has_no_chunk(void **state)
{
	(void)state;
	check_cuts((struct cut){ 0 }, NULL, 0);
}

static void
a_header_has_chunks_of_its_own(void **state)
{
	static const uint64_t small[] = { 100, 100 + CUT_MIN };
	static const uint64_t large[] = { CUT_MIN, 70000, 70000 + CUT_MIN,
		140000 };
	static const uint64_t alone[] = { CUT_MIN, 70000 };
	static const uint64_t exact[] = { CUT_MIN, 2 * CUT_MIN };
	const struct tensor t = { .offset = 100 };

	(void)state;
	check_cuts((struct cut){ .size = 100 + CUT_MIN,
		       .header_bytes = 100,
		       .tensors = &t,
		       .tensor_count = 1 },
	    small, 2);
	check_cuts((struct cut){ .size = 140000, .header_bytes = 70000 }, large,
	    4);
	check_cuts((struct cut){ .size = 70000, .header_bytes = 70000 }, alone,
	    2);
	check_cuts((struct cut){ .size = 2 * CUT_MIN, .header_bytes = CUT_MIN },
	    exact, 2);
}

static void
tensors_cut_once_a_chunk_holds_a_quarter(void **state)
{
	const uint64_t head = 1000, quarter = CUT_MIN / 4;
	const struct tensor t[] = {
		{ .offset = head },
		{ .offset = head + quarter - 1 }, /* too early */
		{ .offset = head + quarter },	  /* the first that may */
		{ .offset = head + quarter + 1 }, /* too early again */
		{ .offset = head + 3 * quarter }, /* cuts */
		{ .offset = head + 3 * quarter + CUT_MIN }, /* at the limit */
	};
	const uint64_t want[] = { head, head + quarter, head + 3 * quarter,
		head + 3 * quarter + CUT_MIN,
		head + 3 * quarter + CUT_MIN + 9 };

	(void)state;
	check_cuts((struct cut){ .size = want[4],
		       .header_bytes = head,
		       .tensors = t,
		       .tensor_count = 6 },
	    want, 5);
}

static uint64_t
next_random(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

/* Chunks are within the limit, follow each other, end at the header's end,
 * and are shorter than they may be only where a tensor or the end is. */
static void
check_rules(const struct cut *c)
{
	const uint64_t limit = cut_limit(c->size);
	size_t n;
	OWNED_MEM(uint64_t) ends = walk(*c, &n);
	uint64_t at = 0;

	for (size_t i = 0; i < n; at = ends[i++]) {
		bool found = false;

		assert_true(ends[i] > at && ends[i] - at <= limit);
		assert_false(at < c->header_bytes && ends[i] > c->header_bytes);
		if (ends[i] - at == limit || ends[i] == c->size ||
		    ends[i] == c->header_bytes)
			continue;
		assert_true(at >= c->header_bytes);
		assert_true(ends[i] - at >= limit / 4);
		for (size_t k = 0; k < c->tensor_count; k++) {
			uint64_t start = c->tensors[k].offset;

			found = found || start == ends[i];
			/* No earlier one would have done. */
			assert_false(
			    start >= at + limit / 4 && start < ends[i]);
		}
		assert_true(found);
	}
	assert_true(at == c->size);
}

static void
every_layout_obeys_the_rules(void **state)
{
	uint64_t x = 88172645463325252;

	(void)state;
	for (int round = 0; round < 300; round++) {
		struct tensor t[50] = { 0 };
		struct cut c = { .tensors = t };
		uint64_t at;

		c.header_bytes = next_random(&x) % 150000;
		at = c.header_bytes;
		for (; c.tensor_count < 50; c.tensor_count++) {
			t[c.tensor_count].offset = at;
			at += next_random(&x) %
			    (UINT64_C(1) << next_random(&x) % 18);
		}
		c.size = at + next_random(&x) % 100000 + 1;
		check_rules(&c);
	}
}

/* The cuts find a tensor's start again in the next one or the one after. */
static void
a_longer_tensor_leaves_the_cuts_behind_it_where_they_were(void **state)
{
	struct tensor t[41];
	struct cut c = { .tensors = t, .tensor_count = 40, .header_bytes = 8 };
	OWNED_MEM(uint64_t) before = NULL;
	OWNED_MEM(uint64_t) after = NULL;
	uint64_t x = 88172645463325252;
	size_t n, m, moved = 0;

	(void)state;
	memset(t, 0, sizeof(t));
	t[0].offset = 8;
	for (size_t i = 0; i < 40; i++)
		t[i + 1].offset = t[i].offset + 100000 +
		    next_random(&x) % 400000;
	c.size = t[40].offset;
	before = walk(c, &n);
	for (size_t i = 3; i < 41; i++)
		t[i].offset += 4096;
	c.size = t[40].offset;
	after = walk(c, &m);
	for (size_t i = 0; i < n; i++) {
		size_t j = 0;

		while (j < m && after[j] != before[i] &&
		    after[j] != before[i] + 4096)
			j++;
		moved += j == m;
	}
	assert_true(n > 150);
	assert_true(moved < 10);
}

static void
a_hundred_thousand_tiny_tensors_are_few_chunks(void **state)
{
	OWNED_MEM(struct tensor) t = calloc(100000, sizeof(*t));
	struct cut c = { .tensors = t,
		.tensor_count = 100000,
		.size = 100000 * 64 };
	OWNED_MEM(uint64_t) ends = NULL;
	size_t n;

	(void)state;
	assert_non_null(t);
	for (size_t i = 0; i < 100000; i++)
		t[i].offset = i * 64;
	ends = walk(c, &n);
	/* Never less than a quarter of the limit each. */
	assert_true(n <= c.size / (CUT_MIN / 4) + 1);
}

static void
a_segment_has_the_width_of_the_tensor_in_its_middle(void **state)
{
	const uint64_t g = OBJECT_SEGMENT;
	const struct tensor t[] = {
		{ .offset = 100, .length = g, .type = TENSOR_BF16 },
		{ .offset = 100 + g, .length = 2 * g, .type = TENSOR_F32 },
		{ .offset = 100 + 4 * g, .length = 8, .type = TENSOR_F16 },
		{ .offset = 108 + 4 * g, .length = g, .type = TENSOR_GGML + 2 },
	};
	struct cut c = {
		.size = 108 + 5 * g,
		.header_bytes = 100,
		.tensors = t,
		.tensor_count = 4,
	};
	uint8_t widths[8];

	(void)state;
	cut_widths(&c, 0, 100, widths);
	assert_int_equal(widths[0], CODEC_BYTES);
	cut_widths(&c, 100, 4 * g, widths);
	assert_int_equal(widths[0], CODEC_WIDTH2);
	assert_int_equal(widths[1], CODEC_WIDTH4);
	assert_int_equal(widths[2], CODEC_WIDTH4);
	assert_int_equal(widths[3], CODEC_BYTES); /* no tensor's */
	cut_widths(&c, 100 + 4 * g, 15, widths);
	assert_int_equal(widths[0], CODEC_WIDTH2);
	cut_widths(&c, 115 + 4 * g, g - 7, widths);
	assert_int_equal(widths[0], CODEC_BYTES);
	c = (struct cut){ .size = 9 };
	cut_widths(&c, 0, 9, widths);
	assert_int_equal(widths[0], CODEC_GUESS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_limit_is_the_power_nearest_to_a_1024th),
		cmocka_unit_test(plain_files_are_cut_at_the_limit),
		cmocka_unit_test(an_empty_file_has_no_chunk),
		cmocka_unit_test(a_header_has_chunks_of_its_own),
		cmocka_unit_test(
		    a_segment_has_the_width_of_the_tensor_in_its_middle),
		cmocka_unit_test(tensors_cut_once_a_chunk_holds_a_quarter),
		cmocka_unit_test(every_layout_obeys_the_rules),
		cmocka_unit_test(
		    a_longer_tensor_leaves_the_cuts_behind_it_where_they_were),
		cmocka_unit_test(
		    a_hundred_thousand_tiny_tensors_are_few_chunks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
