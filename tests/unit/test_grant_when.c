/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "keys/grant_when.h"
#include "tests/lib/test.h"
#include "vault/entry.h"
#include "vault/err.h"

static struct grant_when
when(const char *days, const char *hours, const char *zone)
{
	struct grant_when w;

	assert_null(grant_when_parse(&w, days, hours, zone));
	return w;
}

static int64_t
at(const char *time)
{
	int64_t ms;

	assert_int_equal(entry_time_parse(&ms, time), 0);
	return ms;
}

static bool
holds(const struct grant_when *w, const char *time)
{
	return grant_when_holds(w, at(time));
}

/* 2026-11-23 is a Monday. */

static void
without_days_and_hours_it_holds_always(void **state)
{
	const struct grant_when w = when("", "", "");

	(void)state;
	assert_true(grant_when_holds(&w, 0));
	assert_true(grant_when_holds(&w, -1));
	assert_true(grant_when_holds(&w, INT64_MAX));
	assert_true(grant_when_ends(&w, at("2026-11-23")) == 0);
}

static void
each_day_is_from_midnight_to_midnight(void **state)
{
	static const char names[7][4] = { "mon", "tue", "wed", "thu", "fri",
		"sat", "sun" };
	const int64_t day = INT64_C(86400000), monday = at("2026-11-23");

	(void)state;
	for (int i = 0; i < 7; i++) {
		const struct grant_when w = when(names[i], "", "");
		int64_t first = monday + i * day;

		assert_false(grant_when_holds(&w, first - 1));
		assert_true(grant_when_holds(&w, first));
		assert_true(grant_when_holds(&w, first + day - 1));
		assert_false(grant_when_holds(&w, first + day));
		assert_true(grant_when_ends(&w, first) == first + day);
	}
}

static void
ranges_and_lists_of_days_add_up(void **state)
{
	static const struct {
		const char *text;
		uint8_t days;
	} cases[] = {
		{ "mon-fri", 0x1f },
		{ "fri-mon", 0x71 },
		{ "sat-sun", 0x60 },
		{ "mon,wed,sat-sun", 0x65 },
		{ "tue-tue", 0x02 },
		{ "mon-sun", 0x7f },
		{ "mon,mon", 0x01 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(when(cases[i].text, "", "").days,
		    cases[i].days);
}

static void
hours_begin_with_their_first_and_end_before_their_last(void **state)
{
	const struct grant_when w = when("", "08:00-18:00", "");

	(void)state;
	assert_false(holds(&w, "2026-11-23T07:59:59.999Z"));
	assert_true(holds(&w, "2026-11-23T08:00:00Z"));
	assert_true(holds(&w, "2026-11-23T17:59:59.999Z"));
	assert_false(holds(&w, "2026-11-23T18:00:00Z"));
	assert_true(grant_when_ends(&w, at("2026-11-23T08:00:00Z")) ==
	    at("2026-11-23T18:00:00Z"));
}

static void
hours_over_midnight_belong_to_the_day_before(void **state)
{
	const struct grant_when w = when("mon-fri", "22:00-06:00", "");

	(void)state;
	assert_false(holds(&w, "2026-11-23T05:59:00Z")); /* sunday's */
	assert_false(holds(&w, "2026-11-23T21:59:59Z"));
	assert_true(holds(&w, "2026-11-23T22:00:00Z"));
	assert_true(holds(&w, "2026-11-24T00:00:00Z"));
	assert_true(holds(&w, "2026-11-28T05:59:59Z")); /* friday's */
	assert_false(holds(&w, "2026-11-28T06:00:00Z"));
	assert_false(holds(&w, "2026-11-28T22:00:00Z"));
	assert_true(grant_when_ends(&w, at("2026-11-27T23:00:00Z")) ==
	    at("2026-11-28T06:00:00Z"));
	assert_true(grant_when_ends(&w, at("2026-11-28T05:00:00Z")) ==
	    at("2026-11-28T06:00:00Z"));
}

static void
until_midnight_is_24_00(void **state)
{
	const struct grant_when evening = when("fri", "20:00-24:00", "");
	const struct grant_when whole = when("fri", "00:00-24:00", "");
	const struct grant_when other = when("", "20:00-00:00", "");

	(void)state;
	assert_true(holds(&evening, "2026-11-27T23:59:59.999Z"));
	assert_false(holds(&evening, "2026-11-28T00:00:00Z"));
	assert_true(grant_when_ends(&evening, at("2026-11-27T20:00:00Z")) ==
	    at("2026-11-28"));
	assert_true(holds(&whole, "2026-11-27T00:00:00Z"));
	assert_false(holds(&whole, "2026-11-28T00:00:00Z"));
	assert_true(holds(&other, "2026-11-27T23:59:59.999Z"));
	assert_false(holds(&other, "2026-11-28T00:00:00Z"));
}

static void
the_zone_moves_days_and_hours(void **state)
{
	const struct grant_when east = when("mon", "08:00-18:00", "+14:00");
	const struct grant_when west = when("mon", "", "-12:00");
	const struct grant_when half = when("", "08:00-18:00", "+05:30");

	(void)state;
	assert_false(holds(&east, "2026-11-22T17:59:59Z"));
	assert_true(holds(&east, "2026-11-22T18:00:00Z"));
	assert_true(holds(&east, "2026-11-23T03:59:59Z"));
	assert_false(holds(&east, "2026-11-23T04:00:00Z"));
	assert_false(holds(&west, "2026-11-23T11:59:59Z"));
	assert_true(holds(&west, "2026-11-23T12:00:00Z"));
	assert_true(grant_when_ends(&west, at("2026-11-23T12:00:00Z")) ==
	    at("2026-11-24T12:00:00Z"));
	assert_true(holds(&half, "2026-11-23T02:30:00Z"));
	assert_false(holds(&half, "2026-11-23T02:29:59Z"));
}

static void
no_clock_is_put_forward_or_back(void **state)
{
	const struct grant_when w = when("", "02:00-03:00", "+01:00");

	(void)state;
	/* In central Europe there was no such hour on this day. */
	assert_true(holds(&w, "2026-03-29T01:00:00Z"));
	assert_true(holds(&w, "2026-03-29T01:59:59Z"));
	assert_false(holds(&w, "2026-03-29T02:00:00Z"));
}

static void
days_that_touch_end_together(void **state)
{
	const struct grant_when w = when("fri-mon", "", "");
	const struct grant_when all = when("mon-sun", "", "");

	(void)state;
	assert_true(grant_when_ends(&w, at("2026-11-20T12:00:00Z")) ==
	    at("2026-11-24"));
	assert_true(grant_when_ends(&all, at("2026-11-20T12:00:00Z")) == 0);
}

static void
what_was_before_1970_has_days_too(void **state)
{
	const struct grant_when w = when("wed", "23:00-24:00", "");

	(void)state;
	assert_true(grant_when_holds(&w, -1)); /* 1969-12-31 */
	assert_false(grant_when_holds(&w, 0));
	assert_false(grant_when_holds(&w, -INT64_C(3600001)));
}

/* Minute by minute through two weeks: the end is the first minute at which it
 * holds no more. */
static void
the_end_is_where_it_ends_to_hold(void **state)
{
	static const char *const days[] = { "", "mon-fri", "tue", "sat,mon" };
	static const char *const hours[] = { "", "08:00-18:00", "22:00-06:00",
		"23:59-00:01" };
	const int64_t minute = 60000, start = at("2026-11-20");

	(void)state;
	for (size_t i = 0; i < 16; i++) {
		const struct grant_when w = when(days[i / 4], hours[i % 4],
		    i == 0 ? "" : "-03:30");

		for (int64_t m = 0; m < 14 * 1440; m += 7) {
			int64_t now = start + m * minute, end;

			if (!grant_when_holds(&w, now))
				continue;
			end = grant_when_ends(&w, now);
			if (end == 0) {
				assert_int_equal(i, 0);
				continue;
			}
			assert_true(end > now);
			assert_true(grant_when_holds(&w, end - 1));
			assert_false(grant_when_holds(&w, end));
		}
	}
}

static void
what_is_no_time_is_refused(void **state)
{
	static const char *const wrong[][3] = {
		{ "mon-", "", "" },
		{ "-fri", "", "" },
		{ "monday", "", "" },
		{ "Mon", "", "" },
		{ "mon,", "", "" },
		{ ",mon", "", "" },
		{ "mon fri", "", "" },
		{ "mo", "", "" },
		{ "mon-fri-sun", "", "" },
		{ "", "8:00-18:00", "" },
		{ "", "08:00", "" },
		{ "", "08:00-18:00 ", "" },
		{ "", "08:00-08:00", "" },
		{ "", "08:60-18:00", "" },
		{ "", "24:00-18:00", "" },
		{ "", "08:00-24:01", "" },
		{ "", "08:00_18:00", "" },
		{ "", "-8:00-18:00", "" },
		{ "", "", "UTC" },
		{ "mon", "", "utc" },
		{ "mon", "", "CET" },
		{ "mon", "", "02:00" },
		{ "mon", "", "+2:00" },
		{ "mon", "", "+14:01" },
		{ "mon", "", "-12:01" },
		{ "mon", "", "+02:60" },
		{ "mon", "", "+02:00x" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct grant_when w = { .days = 77 };

		assert_non_null(grant_when_parse(&w, wrong[i][0], wrong[i][1],
		    wrong[i][2]));
		assert_int_equal(w.days, 77);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_days_and_hours_it_holds_always),
		cmocka_unit_test(each_day_is_from_midnight_to_midnight),
		cmocka_unit_test(ranges_and_lists_of_days_add_up),
		cmocka_unit_test(
		    hours_begin_with_their_first_and_end_before_their_last),
		cmocka_unit_test(hours_over_midnight_belong_to_the_day_before),
		cmocka_unit_test(until_midnight_is_24_00),
		cmocka_unit_test(the_zone_moves_days_and_hours),
		cmocka_unit_test(no_clock_is_put_forward_or_back),
		cmocka_unit_test(days_that_touch_end_together),
		cmocka_unit_test(what_was_before_1970_has_days_too),
		cmocka_unit_test(the_end_is_where_it_ends_to_hold),
		cmocka_unit_test(what_is_no_time_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
