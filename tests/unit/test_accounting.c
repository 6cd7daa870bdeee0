/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/accounting.h"
#include "tests/lib/test.h"

#define HOUR_MS INT64_C(3600000)

static void
runs_by_the_time_since_boot(void **state)
{
	struct accounting a = accounting_begin(100, 5000, 5000, 40);

	(void)state;
	assert_int_equal(accounting_at(&a, 40), 100);
	assert_int_equal(accounting_at(&a, 75), 135);
}

static void
never_goes_back(void **state)
{
	struct accounting a = accounting_begin(100, 9000000, 1, 40);

	(void)state;
	assert_int_equal(accounting_at(&a, 40), 100);
	assert_int_equal(accounting_at(&a, 1), 100);
}

static void
goes_on_over_a_restart(void **state)
{
	struct accounting a = accounting_begin(100, HOUR_MS, 3 * HOUR_MS, 7);

	(void)state;
	assert_int_equal(accounting_at(&a, 7), 100 + 7200);
}

static void
a_clock_that_leaps_gives_a_day_at_most(void **state)
{
	struct accounting a = accounting_begin(100, HOUR_MS,
	    HOUR_MS + 24 * HOUR_MS, 7);
	struct accounting b = accounting_begin(100, HOUR_MS, 9999 * HOUR_MS, 7);

	(void)state;
	assert_int_equal(accounting_at(&a, 7), 100 + 86400);
	assert_int_equal(accounting_at(&b, 7), 100 + 86400);
}

static void
the_first_start_is_at_nothing(void **state)
{
	struct accounting a = accounting_begin(0, 0, 9999 * HOUR_MS, 7);

	(void)state;
	assert_int_equal(accounting_at(&a, 7), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs_by_the_time_since_boot),
		cmocka_unit_test(never_goes_back),
		cmocka_unit_test(goes_on_over_a_restart),
		cmocka_unit_test(a_clock_that_leaps_gives_a_day_at_most),
		cmocka_unit_test(the_first_start_is_at_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
