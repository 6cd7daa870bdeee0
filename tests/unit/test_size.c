/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"
#include "vault/size.h"

static void
sums_are_exact_up_to_the_largest_number(void **state)
{
	uint64_t out = 0;

	(void)state;
	assert_true(size_add(2, 3, &out));
	assert_int_equal(out, 5);
	assert_true(size_add(UINT64_MAX, 0, &out));
	assert_true(out == UINT64_MAX);
	assert_true(size_add(UINT64_MAX - 1, 1, &out));
	assert_true(out == UINT64_MAX);
}

static void
a_sum_that_overflows_leaves_the_output_alone(void **state)
{
	uint64_t out = 42;

	(void)state;
	assert_false(size_add(UINT64_MAX, 1, &out));
	assert_false(size_add(UINT64_MAX, UINT64_MAX, &out));
	assert_int_equal(out, 42);
}

static void
products_are_exact_up_to_the_largest_number(void **state)
{
	uint64_t out = 0;

	(void)state;
	assert_true(size_mul(6, 7, &out));
	assert_int_equal(out, 42);
	assert_true(size_mul(UINT64_MAX, 1, &out));
	assert_true(out == UINT64_MAX);
	assert_true(size_mul(UINT64_MAX, 0, &out));
	assert_int_equal(out, 0);
	assert_true(size_mul(UINT32_MAX, UINT64_C(1) + UINT32_MAX, &out));
	assert_true(out == UINT64_MAX - UINT32_MAX);
}

static void
a_product_that_overflows_leaves_the_output_alone(void **state)
{
	uint64_t out = 42;

	(void)state;
	assert_false(size_mul(UINT64_C(1) << 32, UINT64_C(1) << 32, &out));
	assert_false(size_mul(UINT64_MAX, 2, &out));
	assert_int_equal(out, 42);
}

static void
units_round_up_without_overflow(void **state)
{
	(void)state;
	assert_int_equal(size_units(0, 4096), 0);
	assert_int_equal(size_units(1, 4096), 1);
	assert_int_equal(size_units(4096, 4096), 1);
	assert_int_equal(size_units(4097, 4096), 2);
	assert_true(size_units(UINT64_MAX, 1) == UINT64_MAX);
	assert_true(size_units(UINT64_MAX, 2) == UINT64_C(1) << 63);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_are_exact_up_to_the_largest_number),
		cmocka_unit_test(a_sum_that_overflows_leaves_the_output_alone),
		cmocka_unit_test(products_are_exact_up_to_the_largest_number),
		cmocka_unit_test(
		    a_product_that_overflows_leaves_the_output_alone),
		cmocka_unit_test(units_round_up_without_overflow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
