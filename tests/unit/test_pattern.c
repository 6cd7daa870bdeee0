/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "fuse/pattern.h"
#include "fuse/window.h"
#include "tests/lib/test.h"

#define MAX 64

/* A reader, and what it is given keys of. */
struct reader_of_rows {
	struct pattern pattern;
	struct window window;
	bool held[8192];
	size_t taken;
	size_t asked; /* times */
};

static void
take(struct reader_of_rows *r, struct window_ask ask)
{
	r->asked++;
	for (uint64_t i = ask.first; i < ask.first + ask.count; i++) {
		assert_true(i < sizeof(r->held));
		r->taken += !r->held[i];
		r->held[i] = true;
	}
}

static void
begin(struct reader_of_rows *r)
{
	memset(r, 0, sizeof(*r));
	pattern_init(&r->pattern);
	window_init(&r->window, MAX);
}

/* As a mount does it. */
static void
read_row(struct reader_of_rows *r, uint64_t row)
{
	struct pattern_ahead ahead;
	struct window_ask ask;

	pattern_note(&r->pattern, row, 1);
	ahead = pattern_ahead(&r->pattern, row);
	if (!r->held[row])
		take(r, window_miss(&r->window, row, 1, &ahead));
	assert_true(r->held[row]);
	if (window_hit(&r->window, row, &ahead, &ask))
		take(r, ask);
}

static uint64_t
read_run(struct reader_of_rows *r, uint64_t row, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		read_row(r, row + i);
	return count;
}

static void
a_reader_from_the_start_is_sequential_and_unbounded(void **state)
{
	struct pattern p;

	(void)state;
	pattern_init(&p);
	assert_int_equal(pattern_kind(&p), PATTERN_SEQUENTIAL);
	for (uint64_t row = 0; row < 1000; row++) {
		pattern_note(&p, row, 1);
		assert_int_equal(pattern_kind(&p), PATTERN_SEQUENTIAL);
		assert_true(pattern_ahead(&p, row).end == UINT64_MAX);
	}
}

static void
slices_of_one_size_are_known_from_the_third_on(void **state)
{
	struct pattern p;

	(void)state;
	pattern_init(&p);
	for (uint64_t slice = 0; slice < 20; slice++)
		for (uint64_t i = 0; i < 14; i++) {
			uint64_t row = 7 + slice * 112 + i;

			pattern_note(&p, row, 1);
			if (slice < 2) {
				assert_int_equal(pattern_kind(&p),
				    PATTERN_SEQUENTIAL);
				continue;
			}
			assert_int_equal(pattern_kind(&p), PATTERN_STRIDED);
			assert_true(pattern_ahead(&p, row).sure);
			assert_int_equal(pattern_ahead(&p, row).end,
			    7 + slice * 112 + 14);
		}
}

static void
a_rank_of_eight_gets_keys_of_its_slices_and_hardly_more(void **state)
{
	static const uint64_t tensors[] = { 40, 16, 16, 40, 120, 120, 120 };
	static struct reader_of_rows r;
	uint64_t row = 3, read = 0;

	(void)state;
	begin(&r);
	read += read_run(&r, 0, 1); /* the header */
	for (int layer = 0; layer < 14; layer++)
		for (size_t i = 0; i < 7; i++) {
			read += read_run(&r, row + 5 * (tensors[i] / 8),
			    tensors[i] / 8);
			row += tensors[i];
		}
	/* What it took too much is of the first layer, and of one run. */
	assert_in_range(r.taken, read, read + 80);

	/* Without the pattern it is more than half as much again. */
	begin(&r);
	row = 3;
	for (int layer = 0; layer < 14; layer++)
		for (size_t i = 0; i < 7; i++) {
			for (uint64_t k = 0; k < tensors[i] / 8; k++) {
				pattern_init(&r.pattern);
				read_row(&r, row + 5 * (tensors[i] / 8) + k);
			}
			row += tensors[i];
		}
	assert_in_range(r.taken, read * 3 / 2, read * 4);
}

static void
eight_ranks_with_handles_of_their_own_take_every_row_once(void **state)
{
	static struct reader_of_rows r;
	struct pattern ranks[8];

	(void)state;
	begin(&r);
	for (size_t rank = 0; rank < 8; rank++)
		pattern_init(&ranks[rank]);
	for (uint64_t at = 0; at < 60; at++)
		for (uint64_t i = 0; i < 10; i++)
			for (size_t rank = 0; rank < 8; rank++) {
				r.pattern = ranks[rank];
				read_row(&r, at * 80 + rank * 10 + i);
				ranks[rank] = r.pattern;
			}
	/* The file, and no more beyond it than one window. */
	assert_in_range(r.taken, 4800, 4800 + MAX);
}

static uint64_t
next_random(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005U + 1442695040888963407U;
	return *seed >> 33;
}

static void
reads_anywhere_are_random_and_get_what_they_need(void **state)
{
	static struct reader_of_rows r;
	static bool wanted[4000];
	uint64_t seed = 1;
	size_t count = 0, random = 0;

	(void)state;
	begin(&r);
	for (int i = 0; i < 2000; i++) {
		uint64_t row = 1 + next_random(&seed) % 3999;

		count += !wanted[row];
		wanted[row] = true;
		read_row(&r, row);
		random += pattern_kind(&r.pattern) == PATTERN_RANDOM;
	}
	assert_true(random > 1500);
	assert_in_range(r.taken, count, count + count / 100);
}

static void
a_reader_that_stops_jumping_is_sequential_soon(void **state)
{
	struct pattern p;
	uint64_t seed = 1;

	(void)state;
	pattern_init(&p);
	for (int i = 0; i < 100; i++)
		pattern_note(&p, next_random(&seed) % 1000000, 1);
	assert_int_equal(pattern_kind(&p), PATTERN_RANDOM);
	for (uint64_t row = 2000000; row < 2000006; row++)
		pattern_note(&p, row, 1);
	assert_int_equal(pattern_kind(&p), PATTERN_SEQUENTIAL);
	for (int i = 0; i < 20; i++)
		pattern_note(&p, next_random(&seed) % 1000000, 1);
	assert_int_equal(pattern_kind(&p), PATTERN_RANDOM);
}

static void
threads_that_overtake_each_other_are_one_run(void **state)
{
	struct pattern p;

	(void)state;
	pattern_init(&p);
	for (uint64_t row = 0; row < 400; row += 2) {
		pattern_note(&p, row + 1, 1);
		pattern_note(&p, row, 1);
		assert_int_equal(pattern_kind(&p), PATTERN_SEQUENTIAL);
	}
	/* One jump in all: to the first read. */
	assert_int_equal(p.step_count, 0);
}

static void
sixteen_threads_with_pieces_of_their_own_are_not_random(void **state)
{
	struct pattern p;

	(void)state;
	pattern_init(&p);
	for (uint64_t piece = 0; piece < 10; piece++)
		for (uint64_t i = 0; i < 16; i++)
			for (uint64_t thread = 0; thread < 16; thread++) {
				pattern_note(&p,
				    piece * 4096 + thread * 256 + i, 1);
				if (i >= 8)
					assert_int_not_equal(pattern_kind(&p),
					    PATTERN_RANDOM);
			}
}

static void
a_run_that_is_longer_than_the_ones_before_is_not_held_up(void **state)
{
	struct pattern p;

	(void)state;
	pattern_init(&p);
	for (uint64_t slice = 0; slice < 5; slice++)
		for (uint64_t i = 0; i < 4; i++)
			pattern_note(&p, slice * 50 + i, 1);
	assert_int_equal(pattern_kind(&p), PATTERN_STRIDED);
	pattern_note(&p, 204, 1); /* one more may be what was not aligned */
	assert_int_equal(pattern_kind(&p), PATTERN_STRIDED);
	pattern_note(&p, 205, 1);
	assert_int_equal(pattern_kind(&p), PATTERN_SEQUENTIAL);
	assert_true(pattern_ahead(&p, 205).end == UINT64_MAX);
}

static void
rows_at_the_end_of_numbers_do_no_harm(void **state)
{
	struct pattern p;
	uint64_t seed = 7;

	(void)state;
	pattern_init(&p);
	for (int i = 0; i < 100000; i++) {
		uint64_t row = (1ULL << 48) - 1 - next_random(&seed) % 3;

		if (next_random(&seed) % 2 == 0)
			row = next_random(&seed) % 3;
		pattern_note(&p, row, 1 + (uint32_t)(seed >> 40) % 72);
		assert_true(pattern_ahead(&p, row).end >= row);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_reader_from_the_start_is_sequential_and_unbounded),
		cmocka_unit_test(
		    slices_of_one_size_are_known_from_the_third_on),
		cmocka_unit_test(
		    a_rank_of_eight_gets_keys_of_its_slices_and_hardly_more),
		cmocka_unit_test(
		    eight_ranks_with_handles_of_their_own_take_every_row_once),
		cmocka_unit_test(
		    reads_anywhere_are_random_and_get_what_they_need),
		cmocka_unit_test(
		    a_reader_that_stops_jumping_is_sequential_soon),
		cmocka_unit_test(threads_that_overtake_each_other_are_one_run),
		cmocka_unit_test(
		    sixteen_threads_with_pieces_of_their_own_are_not_random),
		cmocka_unit_test(
		    a_run_that_is_longer_than_the_ones_before_is_not_held_up),
		cmocka_unit_test(rows_at_the_end_of_numbers_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
