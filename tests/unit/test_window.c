/* SPDX-License-Identifier: Apache-2.0 */
#include "fuse/window.h"
#include "tests/lib/test.h"

/* Nobody knows how far a reader goes on. */
static const struct pattern_ahead unknown = { UINT64_MAX, false };

static void
assert_ask(struct window_ask ask, uint64_t first, uint32_t count)
{
	assert_int_equal(ask.first, first);
	assert_int_equal(ask.count, count);
}

static void
a_window_of_one_asks_for_one_row_whatever_is_read(void **state)
{
	struct window w;
	struct window_ask ask;

	(void)state;
	window_init(&w, 1);
	for (uint64_t row = 0; row < 100; row++) {
		assert_ask(window_miss(&w, row, 1, &unknown), row, 1);
		assert_false(window_hit(&w, row, &unknown, &ask));
	}
}

static void
a_reader_from_the_start_doubles_up_to_the_maximum(void **state)
{
	static const uint32_t sizes[] = { 8, 16, 32, 64, 64, 64 };
	struct window w;
	uint64_t next = WINDOW_START;

	(void)state;
	window_init(&w, 64);
	assert_ask(window_miss(&w, 0, 1, &unknown), 0, WINDOW_START);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		assert_ask(window_miss(&w, next, 1, &unknown), next, sizes[i]);
		next += sizes[i];
	}
}

static void
the_maximum_holds_from_the_first_window_on(void **state)
{
	struct window w;

	(void)state;
	for (uint32_t max = 1; max <= 3; max++) {
		window_init(&w, max);
		assert_ask(window_miss(&w, 0, 1, &unknown), 0, max);
		assert_ask(window_miss(&w, max, 1, &unknown), max, max);
	}
}

static void
a_random_reader_gets_single_rows(void **state)
{
	static const uint64_t rows[] = { 500, 20, 900, 333, 7, 640, 111, 42 };
	struct window w;
	struct window_ask ask;

	(void)state;
	window_init(&w, 64);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_ask(window_miss(&w, rows[i], 1, &unknown), rows[i], 1);
		assert_false(window_hit(&w, rows[i], &unknown, &ask));
	}
}

static void
a_reader_that_goes_on_from_the_middle_grows_from_one(void **state)
{
	struct window w;

	(void)state;
	window_init(&w, 64);
	assert_ask(window_miss(&w, 100, 1, &unknown), 100, 1);
	assert_ask(window_miss(&w, 101, 1, &unknown), 101, 2);
	assert_ask(window_miss(&w, 103, 1, &unknown), 103, 4);
	assert_ask(window_miss(&w, 107, 1, &unknown), 107, 8);
}

static void
the_next_window_is_asked_for_half_a_window_from_the_end(void **state)
{
	struct window w;
	struct window_ask ask;

	(void)state;
	window_init(&w, 64);
	(void)window_miss(&w, 0, 1, &unknown); /* 0 .. 3 */
	assert_false(window_hit(&w, 0, &unknown, &ask));
	assert_false(window_hit(&w, 1, &unknown, &ask));
	assert_true(window_hit(&w, 2, &unknown, &ask));
	assert_ask(ask, 4, 8); /* 4 .. 11 */
	assert_false(window_hit(&w, 3, &unknown, &ask));
	assert_false(window_hit(&w, 7, &unknown, &ask));
	assert_true(window_hit(&w, 8, &unknown, &ask));
	assert_ask(ask, 12, 16);
}

static void
threads_that_overtake_each_other_are_one_stream(void **state)
{
	struct window w;
	struct window_ask ask;

	(void)state;
	window_init(&w, 64);
	(void)window_miss(&w, 0, 1, &unknown); /* 0 .. 3 */
	ask = window_miss(&w, 6, 1, &unknown);
	assert_ask(ask, 4, 8); /* with 4 and 5, which somebody will read */
	assert_ask(window_miss(&w, 19, 1, &unknown), 12, 16);
	/* A whole window beyond the end is another place. */
	assert_ask(window_miss(&w, 28 + 16, 1, &unknown), 44, 1);
}

static void
a_read_of_many_rows_gets_them_at_once(void **state)
{
	struct window w;

	(void)state;
	window_init(&w, 64);
	assert_ask(window_miss(&w, 0, 16, &unknown), 0, 16);
	assert_ask(window_miss(&w, 16, 16, &unknown), 16, 32);
	assert_ask(window_miss(&w, 500, 16, &unknown), 500, 16);
	/* One that overtook the reads before it takes theirs along. */
	assert_ask(window_miss(&w, 520, 40, &unknown), 516, 44);
	assert_ask(window_miss(&w, 700, 100, &unknown), 700, 64);
	window_init(&w, 1);
	assert_ask(window_miss(&w, 0, 16, &unknown), 0, 1);
	assert_ask(window_miss(&w, 1, UINT32_MAX, &unknown), 1, 1);
}

static void
what_is_answered_holds_the_row(void **state)
{
	struct window w;
	uint64_t seed = 1;

	(void)state;
	for (uint32_t max = 1; max <= 64; max++) {
		window_init(&w, max);
		for (int i = 0; i < 2000; i++) {
			struct window_ask ask;
			uint64_t row;

			seed = seed * 6364136223846793005U +
			    1442695040888963407U;
			row = (seed >> 33) % 300;
			ask = window_miss(&w, row,
			    1 + (uint32_t)(seed >> 50) % 99, &unknown);
			assert_in_range(row, ask.first,
			    ask.first + ask.count - 1);
			assert_in_range(ask.count, 1, max);
			row = (seed >> 40) % 300;
			if (window_hit(&w, row, &unknown, &ask))
				assert_in_range(ask.count, 1, max);
		}
	}
}

static void
sixteen_readers_of_one_file_each_have_their_window(void **state)
{
	struct window w;
	uint64_t next[WINDOW_STREAMS];

	(void)state;
	window_init(&w, 64);
	for (uint64_t i = 0; i < WINDOW_STREAMS; i++) {
		assert_ask(window_miss(&w, (i + 1) * 1000, 1, &unknown),
		    (i + 1) * 1000, 1);
		next[i] = (i + 1) * 1000 + 1;
	}
	for (uint32_t size = 2; size <= 64; size *= 2)
		for (uint64_t i = 0; i < WINDOW_STREAMS; i++) {
			assert_ask(window_miss(&w, next[i], 1, &unknown),
			    next[i], size);
			next[i] += size;
		}
}

static void
the_stream_that_rested_longest_makes_room(void **state)
{
	struct window w;

	(void)state;
	window_init(&w, 64);
	for (uint64_t i = 0; i <= WINDOW_STREAMS; i++)
		(void)window_miss(&w, (i + 1) * 1000, 1, &unknown);
	/* The first one is forgotten, the second goes on. */
	assert_ask(window_miss(&w, 2001, 1, &unknown), 2001, 2);
	assert_ask(window_miss(&w, 1001, 1, &unknown), 1001, 1);
}

static void
a_key_let_go_is_asked_for_with_the_rest_of_its_window(void **state)
{
	struct window w;

	(void)state;
	window_init(&w, 64);
	(void)window_miss(&w, 0, 1, &unknown); /* 0 .. 3 */
	(void)window_miss(&w, 4, 1, &unknown); /* 4 .. 11 */
	assert_ask(window_miss(&w, 6, 1, &unknown), 6, 6);
	/* And its reader goes on as if nothing had been. */
	assert_ask(window_miss(&w, 12, 1, &unknown), 12, 16);
}

static void
nothing_beyond_a_run_is_asked_for(void **state)
{
	const struct pattern_ahead ahead = { 114, true };
	struct window w;
	struct window_ask ask;

	(void)state;
	window_init(&w, 64);
	/* All of it at once, and nothing ahead of its end. */
	assert_ask(window_miss(&w, 100, 1, &ahead), 100, 14);
	for (uint64_t row = 100; row < 114; row++)
		assert_false(window_hit(&w, row, &ahead, &ask));
	/* One that goes on after all takes what it needs. */
	assert_ask(window_miss(&w, 114, 2, &ahead), 114, 2);
	assert_ask(window_miss(&w, 116, 1, &unknown), 116, 4);
}

static void
a_run_longer_than_the_maximum_comes_in_windows(void **state)
{
	const struct pattern_ahead ahead = { 200, true };
	struct window w;
	struct window_ask ask;

	(void)state;
	window_init(&w, 64);
	assert_ask(window_miss(&w, 100, 1, &ahead), 100, 64);
	assert_false(window_hit(&w, 131, &ahead, &ask));
	assert_true(window_hit(&w, 132, &ahead, &ask));
	assert_ask(ask, 164, 36);
	assert_false(window_hit(&w, 199, &ahead, &ask));
}

static void
a_reader_at_random_gets_what_it_needs_even_near_another(void **state)
{
	struct window w;
	struct window_ask ask;

	(void)state;
	window_init(&w, 64);
	for (uint64_t row = 0; row < 100; row += 2) {
		const struct pattern_ahead ahead = { row, false };

		assert_ask(window_miss(&w, row, 1, &ahead), row, 1);
		assert_false(window_hit(&w, row, &ahead, &ask));
	}
	/* As one would get whose next read was not known to be anywhere. */
	assert_ask(window_miss(&w, 99, 1, &unknown), 99, 2);
}

static void
a_browser_gets_one_row_whatever_is_expected(void **state)
{
	const struct pattern_ahead ahead = { 114, true };
	struct window w;
	struct window_ask ask;

	(void)state;
	window_init(&w, 1);
	assert_ask(window_miss(&w, 100, 1, &ahead), 100, 1);
	assert_false(window_hit(&w, 100, &ahead, &ask));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_window_of_one_asks_for_one_row_whatever_is_read),
		cmocka_unit_test(
		    a_reader_from_the_start_doubles_up_to_the_maximum),
		cmocka_unit_test(the_maximum_holds_from_the_first_window_on),
		cmocka_unit_test(a_random_reader_gets_single_rows),
		cmocka_unit_test(
		    a_reader_that_goes_on_from_the_middle_grows_from_one),
		cmocka_unit_test(
		    the_next_window_is_asked_for_half_a_window_from_the_end),
		cmocka_unit_test(
		    threads_that_overtake_each_other_are_one_stream),
		cmocka_unit_test(a_read_of_many_rows_gets_them_at_once),
		cmocka_unit_test(what_is_answered_holds_the_row),
		cmocka_unit_test(
		    sixteen_readers_of_one_file_each_have_their_window),
		cmocka_unit_test(the_stream_that_rested_longest_makes_room),
		cmocka_unit_test(
		    a_key_let_go_is_asked_for_with_the_rest_of_its_window),
		cmocka_unit_test(nothing_beyond_a_run_is_asked_for),
		cmocka_unit_test(
		    a_run_longer_than_the_maximum_comes_in_windows),
		cmocka_unit_test(
		    a_reader_at_random_gets_what_it_needs_even_near_another),
		cmocka_unit_test(a_browser_gets_one_row_whatever_is_expected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
