/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys/budget.h"
#include "tests/lib/test.h"
#include "vault/err.h"

#define DAY UINT64_C(86400)

/* A family of `rows` chunks of 100 bytes each, and one version of them all. */
static struct budget *
family(uint32_t rows, uint32_t *version)
{
	uint32_t *chunks = calloc(rows, sizeof(*chunks));
	struct budget *b;

	assert_non_null(chunks);
	assert_int_equal(budget_new(&b), 0);
	for (uint32_t i = 0; i < rows; i++)
		assert_int_equal(budget_add_chunk(b, 100, &chunks[i]), 0);
	assert_int_equal(budget_add_version(b, chunks, rows, version), 0);
	free(chunks);
	return b;
}

/* A reader within its budget, or told to stop. */
static enum budget_answer
browse(struct budget *b, const char *who, uint32_t version, uint64_t row,
    uint64_t clock)
{
	const struct budget_ask ask = { .principal = who,
		.version = version,
		.first = row,
		.count = 1,
		.type = MSG_GRANT_BROWSE,
		.clock = clock };
	struct budget_debit d;

	assert_int_equal(budget_judge(b, &ask, &d), 0);
	if (d.answer <= BUDGET_SLOW)
		assert_int_equal(budget_debit(b, &ask, &d), 0);
	return d.answer;
}

/* How many of the rows from first on somebody gets. */
static uint32_t
take(struct budget *b, const char *who, uint32_t version, uint32_t first,
    uint32_t rows, uint64_t clock)
{
	uint32_t got = 0;

	for (uint32_t i = first; i < first + rows; i++)
		got += browse(b, who, version, i, clock) <= BUDGET_SLOW;
	return got;
}

static enum budget_answer
load(struct budget *b, uint64_t session, uint32_t loads, bool per_day,
    uint64_t row, uint64_t clock)
{
	const struct budget_ask ask = { .principal = "user:job",
		.first = row,
		.count = 1,
		.type = MSG_GRANT_LOAD,
		.session = session,
		.grant = 1,
		.loads = loads,
		.per_day = per_day,
		.clock = clock };
	struct budget_debit d;

	assert_int_equal(budget_judge(b, &ask, &d), 0);
	if (d.answer == BUDGET_OK)
		assert_int_equal(budget_debit(b, &ask, &d), 0);
	return d.answer;
}

static uint32_t
load_rows(struct budget *b, uint64_t session, uint32_t loads, bool per_day,
    uint32_t rows, uint64_t clock)
{
	uint32_t got = 0;

	for (uint32_t i = 0; i < rows; i++)
		got += load(b, session, loads, per_day, i, clock) == BUDGET_OK;
	return got;
}

static void
one_principal_gets_two_percent_and_no_chunk_more(void **state)
{
	uint32_t v;
	struct budget *b = family(1000, &v);

	(void)state;
	assert_int_equal(browse(b, "user:a", v, 0, 0), BUDGET_OK);
	assert_int_equal(take(b, "user:a", v, 1, 9, 0), 9);
	/* 1 % is behind. */
	assert_int_equal(browse(b, "user:a", v, 10, 0), BUDGET_SLOW);
	assert_int_equal(take(b, "user:a", v, 11, 9, 0), 9);
	assert_int_equal(browse(b, "user:a", v, 20, 0), BUDGET_SPENT);
	/* What one has had costs nothing more. */
	assert_int_equal(browse(b, "user:a", v, 3, 0), BUDGET_OK);
	budget_free(b);
}

static void
what_was_read_counts_for_thirty_days(void **state)
{
	uint32_t v;
	struct budget *b = family(1000, &v);

	(void)state;
	assert_int_equal(take(b, "user:a", v, 0, 20, 0), 20);
	assert_int_equal(take(b, "user:a", v, 20, 1, 30 * DAY), 0);
	assert_int_equal(take(b, "user:a", v, 20, 1, 30 * DAY + 3600), 1);
	budget_free(b);
}

static void
reading_again_renews(void **state)
{
	uint32_t v;
	struct budget *b = family(1000, &v);

	(void)state;
	assert_int_equal(take(b, "user:a", v, 0, 20, 0), 20);
	assert_int_equal(take(b, "user:a", v, 0, 20, 29 * DAY), 20);
	assert_int_equal(take(b, "user:a", v, 20, 1, 31 * DAY), 0);
	assert_int_equal(take(b, "user:a", v, 20, 1, 60 * DAY), 1);
	budget_free(b);
}

/* 50 copies of one version, each with some chunks of its own. */
static void
copies_that_share_chunks_buy_nothing(void **state)
{
	uint32_t v, copy[50], chunks[1010], got;
	struct budget *b = family(1000, &v);

	(void)state;
	for (uint32_t i = 0; i < 1000; i++)
		chunks[i] = i;
	for (size_t c = 0; c < 50; c++) {
		for (uint32_t i = 1000; i < 1010; i++)
			assert_int_equal(budget_add_chunk(b, 100, &chunks[i]),
			    0);
		assert_int_equal(budget_add_version(b, chunks, 1010, &copy[c]),
		    0);
	}
	got = take(b, "user:a", v, 0, 20, 0);
	for (size_t c = 0; c < 50; c++)
		got += take(b, "user:a", copy[c], (uint32_t)(20 * c), 20, 0) -
		    (c == 0 ? 20 : 0);
	assert_int_equal(got, 20);
	budget_free(b);
}

static void
all_together_get_five_percent(void **state)
{
	char name[32];
	uint32_t v, got = 0;
	struct budget *b = family(10000, &v);

	(void)state;
	for (uint32_t i = 0; i < 64; i++) {
		snprintf(name, sizeof(name), "user:%u", i);
		got += take(b, name, v, i * 150, 150, 0);
	}
	assert_in_range(got, 300, 500);
	budget_free(b);
}

static void
three_cannot_lock_out_a_fourth(void **state)
{
	uint32_t v;
	struct budget *b = family(10000, &v);

	(void)state;
	assert_int_equal(take(b, "user:a", v, 0, 400, 0), 200);
	assert_in_range(take(b, "user:b", v, 400, 400, 0), 20, 100);
	assert_in_range(take(b, "user:c", v, 800, 400, 0), 20, 20);
	assert_int_equal(browse(b, "user:b", v, 5000, 0), BUDGET_NARROW);
	assert_int_equal(take(b, "user:d", v, 9000, 20, 0), 20);
	budget_pool_reset(b);
	assert_in_range(browse(b, "user:b", v, 5000, 0), BUDGET_OK,
	    BUDGET_SLOW);
	budget_free(b);
}

static void
headers_cost_nothing(void **state)
{
	uint32_t chunks[2], v;
	struct budget *b;

	(void)state;
	assert_int_equal(budget_new(&b), 0);
	assert_int_equal(budget_add_chunk(b, 0, &chunks[0]), 0);
	assert_int_equal(budget_add_chunk(b, 100, &chunks[1]), 0);
	assert_int_equal(budget_add_version(b, chunks, 2, &v), 0);
	assert_int_equal(browse(b, "user:a", v, 0, 0), BUDGET_OK);
	assert_true(browse(b, "user:a", v, 1, 0) > BUDGET_SLOW);
	budget_free(b);
}

static void
a_grant_of_two_loads_is_two_and_a_tenth(void **state)
{
	uint32_t v, got;
	struct budget *b = family(1000, &v);

	(void)state;
	got = load_rows(b, 1, 2, false, 1000, 0);
	got += load_rows(b, 2, 2, false, 1000, 0);
	assert_int_equal(got, 2000);
	got += load_rows(b, 3, 2, false, 1000, 400 * DAY);
	assert_int_equal(got, 2100);
	assert_int_equal(load(b, 4, 2, false, 500, 800 * DAY), BUDGET_LOADED);
	budget_free(b);
}

static void
repeats_are_metered_apart(void **state)
{
	uint32_t v, again = 0;
	struct budget *b = family(100, &v);

	(void)state;
	assert_int_equal(load_rows(b, 1, 1, false, 100, 0), 100);
	while (load(b, 1, 1, false, again % 100, 0) == BUDGET_OK)
		again++;
	assert_int_equal(again, 320);
	assert_int_equal(load(b, 1, 1, false, 0, 0), BUDGET_REPEATED);
	budget_free(b);
}

/* As after so many loads, without the loading. */
static void
had_loads(struct budget *b, uint32_t version, uint64_t fresh, uint64_t all)
{
	const struct budget_sum sum = { .fresh = fresh, .all = all };

	assert_int_equal(budget_restore_grant(b, 1, version, &sum), 0);
}

/* Millionths of a load outgrow 32 bits at 4,295 loads. */
static void
a_grant_of_very_many_loads_ends_as_well(void **state)
{
	static const uint32_t loads[] = { 1, 4000, 4090, 4091, 100000,
		UINT32_MAX };
	const uint64_t weights = 1000 * 100;
	uint32_t v;

	(void)state;
	for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++) {
		uint64_t most = loads[i] * (weights + weights / 20);
		struct budget *b = family(1000, &v);

		had_loads(b, v, most - 100, most - 100);
		assert_int_equal(load(b, 1, loads[i], false, 0, 0), BUDGET_OK);
		assert_int_equal(load(b, 1, loads[i], false, 1, 0),
		    BUDGET_LOADED);
		had_loads(b, v, 0, BUDGET_REPEATS * most - 100);
		assert_int_equal(load(b, 1, loads[i], false, 0, 0), BUDGET_OK);
		assert_int_equal(load(b, 1, loads[i], false, 0, 0),
		    BUDGET_REPEATED);
		budget_free(b);
	}
}

static void
loads_a_day_come_back_after_a_day(void **state)
{
	uint32_t v;
	struct budget *b = family(100, &v);

	(void)state;
	assert_int_equal(load_rows(b, 1, 1, true, 100, 0), 100);
	assert_int_equal(load_rows(b, 2, 1, true, 100, 22 * 3600), 5);
	assert_int_equal(load_rows(b, 3, 1, true, 100, 23 * 3600 - 1), 0);
	assert_int_equal(load_rows(b, 4, 1, true, 100, 23 * 3600), 100);
	budget_free(b);
}

static void
a_nightly_job_may_be_early(void **state)
{
	uint32_t v;
	struct budget *b = family(100, &v);
	uint64_t clock = 100 * 3600;

	(void)state;
	for (uint64_t night = 1; night < 60; night++) {
		uint64_t jitter = night * 1237 % 3600;

		assert_int_equal(load_rows(b, night, 1, true, 100,
				     clock + night * 24 * 3600 - jitter),
		    100);
	}
	budget_free(b);
}

/* Of 50 chunks one is the 2 %; of 49 each is more. */
static void
of_fewer_than_50_chunks_none_is_had_and_used_says_why(void **state)
{
	const struct budget_ask ask = { .principal = "user:b",
		.type = MSG_GRANT_BROWSE };

	(void)state;
	for (uint32_t rows = 49; rows <= 50; rows++) {
		struct budget_used used;
		uint32_t v;
		struct budget *b = family(rows, &v);

		assert_int_equal(budget_used(b, &ask, &used), 0);
		assert_false(used.spent);
		assert_int_equal(used.chunk_ppm > BUDGET_HARD_PPM, rows == 49);
		assert_int_equal(take(b, "user:b", v, 0, rows, 0),
		    rows == 49 ? 0 : 1);
		budget_free(b);
	}
}

static void
a_session_that_has_ended_still_counts(void **state)
{
	struct budget_ask ask = { .principal = "user:job",
		.type = MSG_GRANT_LOAD,
		.grant = 1 };
	struct budget_used used;
	uint32_t v;
	struct budget *b = family(100, &v);

	(void)state;
	assert_int_equal(load_rows(b, 1, 1, false, 60, 0), 60);
	budget_session_end(b, 1);
	assert_int_equal(load_rows(b, 2, 1, false, 60, 0), 45);
	assert_int_equal(budget_used(b, &ask, &used), 0);
	assert_int_equal(used.loaded, 10500);
	assert_int_equal(used.repeats, 0);
	assert_int_equal(used.weights, 10000);
	budget_free(b);
}

static void
what_is_not_there_is_a_mistake(void **state)
{
	const uint32_t nowhere = 7;
	struct budget_ask ask = { .principal = "user:a", .count = 2 };
	struct budget_debit d;
	uint32_t v;
	struct budget *b = family(1, &v);

	(void)state;
	assert_int_equal(budget_judge(b, &ask, &d), ERR_USAGE);
	ask.count = 1;
	ask.version = 1;
	assert_int_equal(budget_debit(b, &ask, &d), ERR_USAGE);
	assert_int_equal(budget_add_version(b, &nowhere, 1, &v), ERR_USAGE);
	budget_free(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    one_principal_gets_two_percent_and_no_chunk_more),
		cmocka_unit_test(what_was_read_counts_for_thirty_days),
		cmocka_unit_test(reading_again_renews),
		cmocka_unit_test(copies_that_share_chunks_buy_nothing),
		cmocka_unit_test(all_together_get_five_percent),
		cmocka_unit_test(three_cannot_lock_out_a_fourth),
		cmocka_unit_test(headers_cost_nothing),
		cmocka_unit_test(a_grant_of_two_loads_is_two_and_a_tenth),
		cmocka_unit_test(repeats_are_metered_apart),
		cmocka_unit_test(a_grant_of_very_many_loads_ends_as_well),
		cmocka_unit_test(loads_a_day_come_back_after_a_day),
		cmocka_unit_test(a_nightly_job_may_be_early),
		cmocka_unit_test(
		    of_fewer_than_50_chunks_none_is_had_and_used_says_why),
		cmocka_unit_test(a_session_that_has_ended_still_counts),
		cmocka_unit_test(what_is_not_there_is_a_mistake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
