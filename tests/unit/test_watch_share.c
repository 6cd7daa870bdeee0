/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/sentry.h"

/* Statistics: shares, windows, shapes. */

#define MINUTE UINT64_C(60)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

static int
setup(void **state)
{
	struct sentry *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return -1;
	sentry_begin(l);
	l->clock = 30 * DAY * 100;
	*state = l;
	return 0;
}

static int
teardown(void **state)
{
	sentry_end(*state);
	free(*state);
	return 0;
}

/* Only this rule counts. */
static void
only(struct sentry *l, enum watch_rule_id rule)
{
	for (unsigned int i = 0; i < WATCH_RULES; i++)
		l->rules.rules[i].enabled = i == rule;
}

static uint64_t
browses(struct sentry *l, const char *who, const char *model)
{
	sentry_put(l, model, 1);
	sentry_grant(l, who, model, MSG_GRANT_BROWSE, 0);
	return sentry_open(l, who, model, 1, MSG_GRANT_BROWSE, "prod");
}

static void
half_of_the_budget_is_said_at_its_limit(void **state)
{
	struct sentry *l = *state;
	uint64_t s = browses(l, "user:eve", "m");

	only(l, WATCH_BROWSE_HALF);
	sentry_release(l, s, 1, 1, 9999, 9999);
	assert_int_equal(l->count, 0);
	sentry_release(l, s, 1, 1, 10000, 10000);
	assert_int_equal(l->count, 1);
	assert_string_equal(l->alerts[0].rule, "browse-half");
	assert_non_null(strstr(l->alerts[0].reason,
	    "user:eve has read 1 % of the weights of m in 30 days"));
	assert_non_null(strstr(l->alerts[0].advice, "weir grant show 1"));
	assert_int_equal(l->alerts[0].entry_count, 2);
}

/* Spread evenly over the length, but for the last byte of a share. */
static void
window_is_met(struct sentry *l, uint64_t length, uint64_t ppm, size_t window)
{
	uint64_t s, share = ppm * SENTRY_PPM;

	only(l, WATCH_BURST);
	for (size_t i = 0; i < WATCH_WINDOWS; i++)
		l->rules.burst[i] = i == window ? ppm : 1000000;
	s = browses(l, "user:eve", "m");
	for (int i = 0; i < 10; i++) {
		sentry_release(l, s, 1, share / 10 - (i == 9), 0, 0);
		l->clock += length / 12;
	}
	assert_int_equal(l->count, 0);
	sentry_release(l, s, 1, 1, 0, 0);
	assert_int_equal(l->count, 1);
}

/* In the first second of accounting time the clock says 0. */
static void
what_is_read_as_the_clock_begins_counts(void **state)
{
	struct sentry *l = *state;
	const uint64_t share = 5000 * SENTRY_PPM;
	uint64_t s;

	only(l, WATCH_BURST);
	l->clock = 0;
	s = browses(l, "user:eve", "m");
	sentry_release(l, s, 1, share / 2, 0, 0);
	assert_int_equal(l->count, 0);
	l->clock = 1;
	sentry_release(l, s, 1, share / 2, 0, 0);
	assert_int_equal(l->count, 1);
}

static void
each_window_of_new_coverage_is_met_at_its_limit(void **state)
{
	static const uint64_t lengths[] = { MINUTE, HOUR, DAY, 7 * DAY,
		30 * DAY };

	for (size_t w = 0; w < WATCH_WINDOWS; w++) {
		struct sentry *l = *state;

		window_is_met(l, lengths[w], 5000, w);
		teardown(state);
		assert_int_equal(setup(state), 0);
	}
}

static void
what_is_older_than_the_window_does_not_count(void **state)
{
	struct sentry *l = *state;
	uint64_t s = browses(l, "user:eve", "m");

	only(l, WATCH_BURST);
	for (size_t i = 1; i < WATCH_WINDOWS; i++)
		l->rules.burst[i] = 1000000;
	for (int i = 0; i < 100; i++) {
		sentry_release(l, s, 1, 4999 * SENTRY_PPM, 0, 0);
		l->clock += MINUTE;
	}
	assert_int_equal(l->count, 0);
}

static void
what_all_have_read_together_is_said_at_both_limits(void **state)
{
	struct sentry *l = *state;
	uint64_t a = browses(l, "user:amy", "m"), b;

	only(l, WATCH_POOL_NEAR);
	l->rules.rules[WATCH_POOL_NARROW].enabled = true;
	b = sentry_open(l, "user:bob", "m", 1, MSG_GRANT_BROWSE, "prod");
	sentry_release(l, a, 1, 1, 15000, 15000);
	sentry_release(l, b, 1, 1, 9999, 24999);
	assert_int_equal(l->count, 0);
	sentry_release(l, b, 1, 1, 10000, 25000);
	assert_int_equal(sentry_count(l, "pool-near"), 1);
	assert_string_equal(l->alerts[0].principal, "");
	assert_non_null(
	    strstr(l->alerts[0].reason, "most: user:amy 1.50 %, user:bob 1 %"));
	sentry_release(l, b, 1, 1, 14999, 29999);
	assert_int_equal(l->count, 1);
	sentry_release(l, b, 1, 1, 15000, 30000);
	assert_int_equal(sentry_count(l, "pool-narrow"), 1);
}

static void
many_models_in_a_day_are_said(void **state)
{
	struct sentry *l = *state;
	char model[16];

	only(l, WATCH_MANY_MODELS);
	for (int i = 0; i < 7; i++) {
		snprintf(model, sizeof(model), "m%d", i);
		sentry_release(l, browses(l, "user:eve", model), 1, 1, 0, 0);
	}
	sentry_release(l, browses(l, "user:eve", "m0"), 1, 1, 0, 0);
	assert_int_equal(l->count, 0);
	/* Headers are no weights. */
	sentry_release(l, browses(l, "user:eve", "m7"), 1, 0, 0, 0);
	assert_int_equal(l->count, 0);
	sentry_release(l, browses(l, "user:eve", "m7"), 1, 1, 0, 0);
	assert_int_equal(l->count, 1);
	assert_int_equal(l->alerts[0].entry_count, 8);
}

static void
a_model_a_day_is_not_said(void **state)
{
	struct sentry *l = *state;
	char model[16];

	only(l, WATCH_MANY_MODELS);
	for (int i = 0; i < 60; i++) {
		snprintf(model, sizeof(model), "m%d", i);
		sentry_release(l, browses(l, "user:eve", model), 1, 1, 0, 0);
		l->clock += DAY;
	}
	assert_int_equal(l->count, 0);
}

static void
reads_from(struct sentry *l, int host, enum msg_grant_type type, uint64_t fresh)
{
	char name[16];
	struct watch_event e = { .kind = ENTRY_SESSION_OPEN,
		.by = "user:eve",
		.uid = 1000,
		.principal = "user:eve",
		.host = name,
		.model = "m",
		.channel = "prod",
		.version = sentry_version(1),
		.type = type };

	snprintf(name, sizeof(name), "node%d", host);
	e.session = ++l->ids;
	sentry_tell(l, &e);
	sentry_release(l, e.session, 1, fresh, 0, 0);
}

static void
many_hosts_are_said_of_who_browses(void **state)
{
	struct sentry *l = *state;

	only(l, WATCH_MANY_HOSTS);
	for (int i = 0; i < 50; i++)
		reads_from(l, i, MSG_GRANT_LOAD, 1);
	for (int i = 0; i < 50; i++) /* a smoke test reads no weights */
		reads_from(l, i, MSG_GRANT_BROWSE, 0);
	for (int i = 0; i < 30; i++)
		reads_from(l, i % 3, MSG_GRANT_BROWSE, 1);
	assert_int_equal(l->count, 0);
	reads_from(l, 3, MSG_GRANT_BROWSE, 1);
	assert_int_equal(l->count, 1);
	assert_int_equal(l->alerts[0].entry_count, 4);
}

static void
repeat(struct sentry *l, uint64_t session, uint64_t weights)
{
	struct watch_event e = { .kind = ENTRY_RELEASE,
		.by = "user:eve",
		.session = session,
		.version = sentry_version(1),
		.weights = weights };

	sentry_tell(l, &e);
}

static void
a_load_that_goes_round_and_round_is_said(void **state)
{
	struct sentry *l = *state;
	uint64_t s;

	sentry_put(l, "m", 1);
	sentry_grant(l, "user:eve", "m", MSG_GRANT_LOAD, 0);
	s = sentry_open(l, "user:eve", "m", 1, MSG_GRANT_LOAD, "prod");
	sentry_release(l, s, 1, SENTRY_WEIGHTS, 1000000, 0);
	repeat(l, s, 3 * SENTRY_WEIGHTS - 1);
	assert_int_equal(l->count, 0);
	repeat(l, s, 1);
	assert_int_equal(sentry_count(l, "repeats"), 1);
}

static void
in_order(struct sentry *l, uint64_t session, uint64_t row, uint64_t fresh)
{
	struct watch_event e = { .kind = ENTRY_RELEASE,
		.by = "user:eve",
		.session = session,
		.version = sentry_version(1),
		.first = row,
		.count = 1,
		.weights = fresh,
		.fresh = fresh };

	sentry_tell(l, &e);
}

static void
from_front_to_back_is_said(void **state)
{
	struct sentry *l = *state;
	uint64_t s = browses(l, "user:eve", "m");
	uint64_t share = l->rules.crawl_share * SENTRY_PPM / 16;

	only(l, WATCH_CRAWL);
	for (uint64_t row = 0; row < 15; row++)
		in_order(l, s, row, share);
	assert_int_equal(l->count, 0);
	in_order(l, s, 15, share - 1);
	assert_int_equal(l->count, 0);
	in_order(l, s, 16, 1);
	assert_int_equal(l->count, 1);
	assert_non_null(strstr(l->alerts[0].reason, "in 17 releases"));
}

static void
here_and_there_is_no_crawl(void **state)
{
	struct sentry *l = *state;
	uint64_t s = browses(l, "user:eve", "m");

	only(l, WATCH_CRAWL);
	for (uint64_t row = 0; row < 1000; row++)
		in_order(l, s, row * 7 % 1000, SENTRY_WEIGHTS / 1000);
	assert_int_equal(l->count, 0);
}

/* ---- over hours ---- */

static void
hours(struct sentry *l, uint64_t session, int n, uint64_t ppm)
{
	for (int i = 0; i < n; i++) {
		sentry_release(l, session, 1, ppm * SENTRY_PPM, 0, 0);
		l->clock += HOUR;
	}
}

static void
a_drip_is_said_before_it_took_half_of_the_budget(void **state)
{
	struct sentry *l = *state;
	uint64_t s = browses(l, "user:eve", "m");

	only(l, WATCH_DRIP);
	/* z is (100 - 50) / 100, so each hour adds .25: 9 after 36, and 0.4 %
	 * after 40. */
	hours(l, s, 39, 100);
	assert_int_equal(l->count, 0);
	hours(l, s, 1, 100);
	assert_int_equal(l->count, 1);
	assert_non_null(strstr(l->alerts[0].reason, "0.0100 % this hour"));
	assert_non_null(strstr(l->alerts[0].reason, "0.4000 % since"));
}

static void
who_looks_in_every_day_is_no_drip(void **state)
{
	struct sentry *l = *state;
	uint64_t s = browses(l, "user:amy", "m");

	only(l, WATCH_DRIP);
	l->rules.rules[WATCH_SPIKE].enabled = true;
	for (int day = 0; day < 60; day++) {
		hours(l, s, 4, 80);
		l->clock += 20 * HOUR;
	}
	assert_int_equal(l->count, 0);
}

/* An unsteady past, then three hours far above it. */
static void
hours_far_above_the_own_past_are_said(void **state)
{
	struct sentry *l = *state;
	uint64_t s = browses(l, "user:amy", "m");

	only(l, WATCH_SPIKE);
	for (int i = 0; i < 40; i++) {
		hours(l, s, 1, (uint64_t)(40 + i % 5 * 10));
		l->clock += 2 * HOUR;
	}
	assert_int_equal(l->count, 0);
	/* Median 60; spread 148 by MAD 10 is 14.8, below the least: 100. */
	hours(l, s, 2, 2000);
	assert_int_equal(l->count, 0);
	hours(l, s, 1, 659);
	assert_int_equal(l->count, 0);
	hours(l, s, 2, 2000);
	assert_int_equal(l->count, 0);
	hours(l, s, 1, 660);
	assert_int_equal(sentry_count(l, "spike"), 1);
}

static void
loads_are_silent(void **state)
{
	struct sentry *l = *state;
	uint64_t s;

	sentry_put(l, "m", 1);
	sentry_grant(l, "user:job", "m", MSG_GRANT_LOAD, 0);
	for (int i = 0; i < 100; i++) { /* a job that crashes every 30 s */
		s = sentry_open(l, "user:job", "m", 1, MSG_GRANT_LOAD, "prod");
		for (uint64_t row = 0; row < 100; row++)
			in_order(l, s, row, SENTRY_WEIGHTS / 100);
		sentry_extents(l, s, SENTRY_WEIGHTS * 8, 1000);
		l->clock += 30;
		sentry_close(l, s, "its client has gone");
	}
	assert_int_equal(l->count, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		T(half_of_the_budget_is_said_at_its_limit),
		T(what_is_read_as_the_clock_begins_counts),
		T(each_window_of_new_coverage_is_met_at_its_limit),
		T(what_is_older_than_the_window_does_not_count),
		T(what_all_have_read_together_is_said_at_both_limits),
		T(many_models_in_a_day_are_said),
		T(a_model_a_day_is_not_said),
		T(many_hosts_are_said_of_who_browses),
		T(a_load_that_goes_round_and_round_is_said),
		T(from_front_to_back_is_said),
		T(here_and_there_is_no_crawl),
		T(a_drip_is_said_before_it_took_half_of_the_budget),
		T(who_looks_in_every_day_is_no_drip),
		T(hours_far_above_the_own_past_are_said),
		T(loads_are_silent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
