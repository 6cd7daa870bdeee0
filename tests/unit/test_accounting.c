/* SPDX-License-Identifier: Apache-2.0 */
#include <stdbool.h>
#include <string.h>

#include "keys/accounting.h"
#include "tests/lib/test.h"

#define HOUR_MS INT64_C(3600000)
#define DAY_MS (24 * HOUR_MS)

static struct accounting_start
boot(uint8_t number, int64_t boot_s)
{
	struct accounting_start s = { .boot_s = boot_s };

	memset(s.boot, number, sizeof(s.boot));
	return s;
}

/* keyd starts, and says so. */
static struct accounting
starts(struct accounting_past *p, int64_t wall_ms, uint8_t number,
    int64_t boot_s)
{
	const struct accounting_start s = boot(number, boot_s);
	const struct accounting a = accounting_begin(p, wall_ms, &s);

	accounting_fold(p, accounting_at(&a, boot_s), wall_ms, &s);
	return a;
}

static void
runs_by_the_time_since_boot(void **state)
{
	struct accounting_past p = { .clock = 100, .mark_ms = 5000 };
	struct accounting a = starts(&p, 5000, 1, 40);

	(void)state;
	assert_int_equal(accounting_at(&a, 40), 100);
	assert_int_equal(accounting_at(&a, 75), 135);
}

static void
never_goes_back(void **state)
{
	struct accounting_past p = { .clock = 100, .mark_ms = 9000000 };
	struct accounting a = starts(&p, 1, 1, 40);

	(void)state;
	assert_int_equal(accounting_at(&a, 40), 100);
	assert_int_equal(accounting_at(&a, 1), 100);
	/* Nor in the same boot, when that is one that was put back. */
	accounting_fold(&p, 150, 1, NULL);
	a = starts(&p, 1, 1, 20);
	assert_int_equal(accounting_at(&a, 20), 150);
	assert_int_equal(accounting_at(&a, 21), 151);
}

static void
a_restart_in_the_same_boot_goes_by_it_alone(void **state)
{
	struct accounting_past p = { .clock = 100, .mark_ms = HOUR_MS };
	struct accounting a = starts(&p, HOUR_MS, 1, 40);

	(void)state;
	accounting_fold(&p, accounting_at(&a, 50), HOUR_MS, NULL);
	a = starts(&p, 9999 * HOUR_MS, 1, 60);
	assert_int_equal(accounting_at(&a, 60), 120);
	/* A stop of three days, while the wall clock stood. */
	a = starts(&p, HOUR_MS, 1, 60 + 3 * 86400);
	assert_int_equal(accounting_at(&a, 60 + 3 * 86400), 120 + 3 * 86400);
	/* As often as one likes: nothing is lost or gained by it. */
	for (int i = 1; i <= 50; i++)
		a = starts(&p, i * DAY_MS, 1, 60 + 3 * 86400 + i);
	assert_int_equal(a.base, 120 + 3 * 86400 + 50);
}

static void
a_reboot_goes_by_the_wall_clock(void **state)
{
	struct accounting_past p = { .clock = 100, .mark_ms = HOUR_MS };
	struct accounting a = starts(&p, HOUR_MS, 1, 4000);

	(void)state;
	a = starts(&p, 3 * HOUR_MS, 2, 7);
	assert_int_equal(accounting_at(&a, 7), 100 + 7200);
	/* One boot's id is none of another's time. */
	a = starts(&p, 3 * HOUR_MS, 1, 500000);
	assert_int_equal(accounting_at(&a, 500000), 100 + 7200);
}

static void
a_boot_that_nobody_knows_is_another_one(void **state)
{
	struct accounting_past p = { .clock = 100, .mark_ms = HOUR_MS };
	struct accounting a = starts(&p, HOUR_MS, 0, 10);

	(void)state;
	a = starts(&p, HOUR_MS, 0, 500000);
	assert_int_equal(a.base, 100);
	a = starts(&p, 2 * HOUR_MS, 0, 500000);
	assert_int_equal(a.base, 100 + 3600);
}

static void
a_clock_that_leaps_gives_a_day_at_most(void **state)
{
	static const struct {
		int64_t gap_ms;
		uint64_t given;
	} leaps[] = {
		{ DAY_MS - 1000, 86399 },
		{ DAY_MS, 86400 },
		{ DAY_MS + 1000, 86400 },
		{ 9999 * DAY_MS, 86400 },
		{ INT64_MAX - HOUR_MS, 86400 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(leaps) / sizeof(leaps[0]); i++) {
		struct accounting_past p = { .clock = 100, .mark_ms = HOUR_MS };
		struct accounting a = starts(&p, HOUR_MS + leaps[i].gap_ms, 2,
		    7);

		assert_int_equal(accounting_at(&a, 7), 100 + leaps[i].given);
	}
}

static void
to_and_fro_over_reboots_gives_nothing_twice(void **state)
{
	struct accounting_past p = { .clock = 100, .mark_ms = HOUR_MS };
	uint8_t number = 0;

	(void)state;
	for (int i = 0; i < 50; i++) {
		(void)starts(&p, HOUR_MS + DAY_MS, ++number, 7);
		(void)starts(&p, HOUR_MS, ++number, 7);
	}
	assert_int_equal(p.clock, 100 + 86400);
}

static void
what_ran_while_the_clock_was_behind_is_not_had_again(void **state)
{
	struct accounting_past p = { .clock = 0 };
	struct accounting a = starts(&p, 10 * DAY_MS, 1, 0);

	(void)state;
	/* Put back by nine days, a day runs; and it is put right. */
	accounting_fold(&p, accounting_at(&a, 86400), 2 * DAY_MS, NULL);
	a = starts(&p, 11 * DAY_MS, 2, 0);
	assert_int_equal(a.base, 86400);
	a = starts(&p, 11 * DAY_MS + HOUR_MS, 3, 0);
	assert_int_equal(a.base, 86400 + 3600);
}

static void
the_first_start_is_at_nothing(void **state)
{
	struct accounting_past p = { .clock = 0 };
	struct accounting a = starts(&p, 9999 * HOUR_MS, 1, 7);

	(void)state;
	assert_int_equal(accounting_at(&a, 7), 0);
}

/* An entry that says more than there can be. */
static void
a_mark_has_an_end(void **state)
{
	struct accounting_past p = { .clock = 100, .mark_ms = HOUR_MS };
	const struct accounting_start next = boot(2, 7);
	struct accounting a;

	(void)state;
	accounting_fold(&p, UINT64_MAX, HOUR_MS, NULL);
	assert_true(p.mark_ms > DAY_MS);
	a = accounting_begin(&p, INT64_MAX, &next);
	assert_true(a.base == UINT64_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs_by_the_time_since_boot),
		cmocka_unit_test(never_goes_back),
		cmocka_unit_test(a_restart_in_the_same_boot_goes_by_it_alone),
		cmocka_unit_test(a_reboot_goes_by_the_wall_clock),
		cmocka_unit_test(a_boot_that_nobody_knows_is_another_one),
		cmocka_unit_test(a_clock_that_leaps_gives_a_day_at_most),
		cmocka_unit_test(to_and_fro_over_reboots_gives_nothing_twice),
		cmocka_unit_test(
		    what_ran_while_the_clock_was_behind_is_not_had_again),
		cmocka_unit_test(the_first_start_is_at_nothing),
		cmocka_unit_test(a_mark_has_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
