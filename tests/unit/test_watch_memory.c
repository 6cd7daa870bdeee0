/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/sentry.h"

/* What the watch remembers: pauses, and how much. */

#define HOUR UINT64_C(3600)
#define DAY (24 * HOUR)

static int
setup(void **state)
{
	struct sentry *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return -1;
	sentry_begin(l);
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

/* Only this rule counts, so that what it says is kept. */
static void
only(struct sentry *l, enum watch_rule_id rule)
{
	for (unsigned int i = 0; i < WATCH_RULES; i++)
		l->rules.rules[i].enabled = i == rule;
}

static uint64_t
browses(struct sentry *l, const char *who)
{
	sentry_grant(l, who, "m", MSG_GRANT_BROWSE, 0);
	return sentry_open(l, who, "m", 1, MSG_GRANT_BROWSE, "prod");
}

static void
the_same_is_not_said_again_while_its_pause_lasts(void **state)
{
	struct sentry *l = *state;
	uint64_t a, b;

	sentry_put(l, "m", 1);
	a = browses(l, "user:amy");
	b = browses(l, "user:bob");
	for (int i = 0; i < 10; i++)
		sentry_release(l, a, 1, 1, 10000, 0);
	assert_int_equal(sentry_count(l, "browse-half"), 1);
	sentry_release(l, b, 1, 1, 10000, 0);
	assert_int_equal(sentry_count(l, "browse-half"), 2);
	l->clock += DAY - 1;
	sentry_release(l, a, 1, 1, 10000, 0);
	assert_int_equal(sentry_count(l, "browse-half"), 2);
	l->clock += 1;
	sentry_release(l, a, 1, 1, 10000, 0);
	assert_int_equal(sentry_count(l, "browse-half"), 3);
}

static void
an_alert_in_the_trail_counts_as_said(void **state)
{
	struct sentry *l = *state;
	struct watch_event said = { .kind = ENTRY_ALERT,
		.by = "keyd",
		.rule = "browse-half",
		.principal = "user:amy",
		.model = "m" };
	struct watch_event other = { .kind = ENTRY_ALERT,
		.by = "keyd",
		.rule = "a rule of a newer weir",
		.principal = "user:amy",
		.model = "m" };
	uint64_t a;

	sentry_put(l, "m", 1);
	a = browses(l, "user:amy");
	sentry_tell(l, &said);
	sentry_tell(l, &other);
	sentry_release(l, a, 1, 1, 10000, 0);
	assert_int_equal(l->count, 0);
	l->clock += DAY;
	sentry_release(l, a, 1, 1, 10000, 0);
	assert_int_equal(l->count, 1);
}

static void
a_rule_that_is_off_says_nothing(void **state)
{
	struct sentry *l = *state;
	uint64_t a;

	l->rules.rules[WATCH_BROWSE_HALF].enabled = false;
	sentry_put(l, "m", 1);
	a = browses(l, "user:amy");
	sentry_release(l, a, 1, 1, 10000, 0);
	assert_int_equal(l->count, 0);
}

static int
fails(void *arg, const struct watch_alert *a)
{
	(void)arg;
	(void)a;
	return -42;
}

static void
an_error_of_who_listens_ends_the_call(void **state)
{
	struct sentry *l = *state;
	struct watch_event e = { .index = 1000,
		.kind = ENTRY_CHECK,
		.by = "user:boss",
		.damaged = 1 };

	assert_int_equal(watch_feed(l->watch, &e, fails, NULL), -42);
}

/* Some of everything, by a small generator of its own. */
static void
play(struct sentry *l, uint32_t seed, int rounds)
{
	uint64_t sessions[64] = { 0 };
	char who[32], model[32];

	for (int i = 0; i < rounds; i++) {
		uint64_t *s;

		seed = seed * 1664525 + 1013904223;
		s = &sessions[seed >> 8 & 63];
		snprintf(who, sizeof(who), "user:u%u", seed >> 16 & 1023);
		snprintf(model, sizeof(model), "m%u", seed >> 12 & 1023);
		l->clock += seed >> 28;
		if (*s == 0) {
			sentry_put(l, model, 1);
			sentry_grant(l, who, model, MSG_GRANT_BROWSE, 0);
			*s = sentry_open(l, who, model, 1,
			    (seed & 64) != 0 ? MSG_GRANT_BROWSE :
					       MSG_GRANT_LOAD,
			    "prod");
		} else if ((seed & 15) == 0) {
			sentry_close(l, *s, "its client has gone");
			if ((seed & 16) != 0)
				sentry_refused(l, who, "session ended");
			*s = 0;
		} else
			sentry_release(l, *s, 1, seed >> 8, seed >> 18,
			    seed >> 17);
	}
}

static void
the_same_entries_give_the_same_alerts(void **state)
{
	struct sentry *l = *state, *again = calloc(1, sizeof(*again));

	assert_non_null(again);
	sentry_begin(again);
	play(l, 7, 20000);
	play(again, 7, 20000);
	assert_true(l->count > 30);
	assert_int_equal(l->count, again->count);
	assert_memory_equal(l->alerts, again->alerts, sizeof(l->alerts));
	sentry_end(again);
	free(again);
}

/* A crowd of sessions, principals and models that nobody closes. */
static void
crowd(struct sentry *l, unsigned int from, unsigned int n)
{
	char who[32], model[32];

	for (unsigned int i = from; i < from + n; i++) {
		snprintf(who, sizeof(who), "user:u%u", i);
		snprintf(model, sizeof(model), "m%u", i);
		sentry_put(l, model, 1);
		sentry_grant(l, who, model, MSG_GRANT_BROWSE, 0);
		sentry_release(l,
		    sentry_open(l, who, model, 1, MSG_GRANT_BROWSE, "prod"), 1,
		    5000 * SENTRY_PPM, 10000, 0);
	}
}

static void
memory_is_bounded(void **state)
{
	struct sentry *l = *state;
	size_t full;

	/* Pauses, too, are of no more than so many. */
	only(l, WATCH_BROWSE_HALF);
	l->rules.max_sessions = 64;
	l->rules.max_principals = 64;
	l->rules.max_models = 1024;
	l->rules.max_readings = 1024;
	l->rules.max_grants = 64;
	crowd(l, 0, 2000);
	full = mallinfo2().uordblks;
	crowd(l, 2000, 20000);
	assert_int_equal(l->count, 22000);
	assert_true(mallinfo2().uordblks < full + (64 << 10));
}

static void
what_it_forgets_is_said(void **state)
{
	struct sentry *l = *state;

	only(l, WATCH_FORGETS);
	l->rules.max_sessions = 64;
	crowd(l, 0, 64);
	assert_int_equal(sentry_count(l, "forgets"), 0);
	crowd(l, 64, 1);
	assert_int_equal(sentry_count(l, "forgets"), 1);
}

/* As large as a session may be, in as little room as there may be. */
static void
many_versions_in_little_room_are_no_harm(void **state)
{
	struct sentry *l = *state;

	l->rules.max_sessions = 16;
	l->rules.max_principals = 16;
	l->rules.max_grants = 16;
	play(l, 3, 100000);
	assert_true(l->count > 0);
}

static void
decoys_are_never_forgotten(void **state)
{
	struct sentry *l = *state;
	uint64_t s;
	struct watch_event e = { .kind = ENTRY_DECOY_ADD,
		.by = "user:owner",
		.model = "gold" };

	l->rules.max_models = 1024;
	sentry_tell(l, &e);
	only(l, WATCH_DECOY);
	crowd(l, 0, 3000);
	assert_int_equal(l->count, 0);
	s = sentry_open(l, "user:eve", "gold", 1, MSG_GRANT_LOAD, "prod");
	sentry_release(l, s, 1, 1, 0, 0);
	assert_int_equal(sentry_count(l, "decoy"), 1);
}

/* By its digest, under a grant for the model. */
static uint64_t
opens(struct sentry *l, const char *who, unsigned int version)
{
	sentry_grant(l, who, "m", MSG_GRANT_LOAD, 0);
	return sentry_open(l, who, "m", version, MSG_GRANT_LOAD, NULL);
}

/* As many as are remembered of a model, and of what somebody opened. */
#define REMEMBERED 64

static void
who_has_opened_very_many_versions_is_told_of_as_well(void **state)
{
	struct sentry *l = *state;

	for (unsigned int v = 1; v <= REMEMBERED; v++)
		sentry_put(l, "m", 1000 + v);
	for (unsigned int v = 1; v <= REMEMBERED; v++)
		sentry_close(l, opens(l, "user:eve", 2000 + v),
		    "its client has gone");
	l->clock += DAY;
	assert_int_equal(l->count, 0);
	opens(l, "user:eve", 1001);
	assert_int_equal(sentry_count(l, "older-version"), 1);
}

static void
a_version_older_than_all_that_are_remembered_is_older(void **state)
{
	struct sentry *l = *state;

	for (unsigned int v = 1; v <= REMEMBERED; v++)
		sentry_put(l, "m", v);
	l->clock += DAY;
	/* Of one that was never put nobody can say. */
	opens(l, "user:amy", 999);
	assert_int_equal(l->count, 0);
	sentry_put(l, "m", REMEMBERED + 1);
	opens(l, "user:bob", REMEMBERED + 1);
	assert_int_equal(l->count, 0);
	opens(l, "user:eve", 1);
	assert_int_equal(sentry_count(l, "older-version"), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		T(the_same_is_not_said_again_while_its_pause_lasts),
		T(an_alert_in_the_trail_counts_as_said),
		T(a_rule_that_is_off_says_nothing),
		T(an_error_of_who_listens_ends_the_call),
		T(the_same_entries_give_the_same_alerts),
		T(memory_is_bounded),
		T(what_it_forgets_is_said),
		T(many_versions_in_little_room_are_no_harm),
		T(decoys_are_never_forgotten),
		T(who_has_opened_very_many_versions_is_told_of_as_well),
		T(a_version_older_than_all_that_are_remembered_is_older),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
