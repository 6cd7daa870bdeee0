/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "keys/broker_state.h"
#include "keys/lookout.h"
#include "tests/lib/desk.h"
#include "tests/lib/test.h"
#include "tests/unit/watch_dummy.h"
#include "vault/err.h"
#include "vault/log.h"

#define PATIENCE 2000 /* times 5 ms */

static int
setup(void **state)
{
	struct desk *d = calloc(1, sizeof(*d));

	assert_non_null(d);
	log_sink(test_hush, NULL);
	desk_new(d, true);
	*state = d;
	return 0;
}

static int
teardown(void **state)
{
	desk_free(*state);
	free(*state);
	return 0;
}

/* What the watch in this test raises an alert for. */
static void
check(struct desk *d, uint64_t damaged)
{
	struct desk_person owner;
	const struct msg_check_report m = { .objects = 1, .damaged = damaged };
	OWNED_WRITER body = writer_of(256);

	desk_person_come(&owner, d, 0);
	msg_check_report_write(&body, &m);
	assert_int_equal(desk_ask(&owner, MSG_CHECK_REPORT, &body, NULL), 0);
	desk_person_go(&owner);
}

static void
a_moment(void)
{
	const struct timespec t = { .tv_nsec = 5000000 };

	nanosleep(&t, NULL);
}

/* Everything was looked at, and what came of it is in the trail. */
static void
all_looked_at(struct desk *d)
{
	for (int i = 0; i < PATIENCE; i++) {
		broker_durable(d->broker);
		if (lookout_settle(d->lookout, 1) &&
		    d->broker->alerts_owed == 0 &&
		    lookout_settle(d->lookout, 0))
			return;
		a_moment();
	}
	fail_msg("the lookout does not settle");
}

static void
restart(struct desk *d, bool watched, bool cleanly)
{
	if (cleanly)
		DESK_MUST(broker_stop(d->broker));
	d->watched = watched;
	desk_restart(d, false);
}

static void
what_is_raised_becomes_an_alert_of_keyds_own(void **state)
{
	struct desk *d = *state;
	json_t *j;

	restart(d, true, true);
	check(d, 7);
	all_looked_at(d);
	assert_int_equal(desk_count(d, "alert"), 1);
	j = desk_last(d, "alert");
	assert_string_equal(json_string_value(json_object_get(j, "by")),
	    "keyd");
	assert_string_equal(json_string_value(json_object_get(j, "rule")),
	    WATCH_DUMMY_RULE);
	assert_int_equal(json_integer_value(json_object_get(j, "session")), 7);
	json_decref(j);
}

static void
many_at_once_have_numbers_of_their_own(void **state)
{
	struct desk *d = *state;
	uint64_t count;
	json_t *j;

	restart(d, true, true);
	for (uint64_t i = 1; i <= 300; i++)
		check(d, i);
	all_looked_at(d);
	assert_int_equal(desk_count(d, "alert"), 300);
	j = desk_last(d, "alert");
	assert_int_equal(json_integer_value(json_object_get(j, "alert")), 300);
	json_decref(j);
	DESK_MUST(catalogue_alert_count(d->catalogue, &count));
	assert_int_equal(count, 300);
}

static void
what_is_in_the_trail_is_not_raised_again(void **state)
{
	struct desk *d = *state;

	restart(d, true, true);
	check(d, 1);
	check(d, 2);
	all_looked_at(d);
	restart(d, true, true);
	all_looked_at(d);
	assert_int_equal(desk_count(d, "alert"), 2);
	restart(d, true, false); /* by a crash */
	all_looked_at(d);
	assert_int_equal(desk_count(d, "alert"), 2);
	check(d, 1);
	all_looked_at(d);
	assert_int_equal(desk_count(d, "alert"), 3);
}

/* Also without the note of how far it has come. */
static void
an_alert_that_says_the_same_is_found_in_the_trail(void **state)
{
	struct desk *d = *state;

	restart(d, true, true);
	check(d, 1);
	check(d, 1);
	check(d, 2);
	all_looked_at(d);
	DESK_MUST(broker_stop(d->broker));
	catalogue_set_watched(d->catalogue, 0);
	DESK_MUST(catalogue_flush(d->catalogue));
	restart(d, true, false);
	all_looked_at(d);
	assert_int_equal(desk_count(d, "alert"), 3);
}

/* The control of the two before, too: without a lookout nothing is raised. */
static void
what_a_killed_keyd_did_not_record_is_raised_by_the_next(void **state)
{
	struct desk *d = *state;

	restart(d, true, true);
	check(d, 1);
	all_looked_at(d);
	restart(d, false, true);
	check(d, 2);
	check(d, 3);
	assert_int_equal(desk_count(d, "alert"), 1);
	restart(d, true, false);
	all_looked_at(d);
	assert_int_equal(desk_count(d, "alert"), 3);
	restart(d, true, false);
	all_looked_at(d);
	assert_int_equal(desk_count(d, "alert"), 3);
}

static void
a_clean_stop_waits_for_what_was_not_looked_at(void **state)
{
	struct desk *d = *state;

	restart(d, true, true);
	for (uint64_t i = 1; i <= 50; i++)
		check(d, i);
	DESK_MUST(broker_stop(d->broker));
	assert_int_equal(desk_count(d, "alert"), 50);
	assert_true(catalogue_watched(d->catalogue) > 100);
}

/* --- by itself --- */

static void
wake(void *unused)
{
	(void)unused;
}

static struct lookout *
lookout_of(struct desk *d, uint64_t from, bool lazy)
{
	const struct lookout_how how = {
		.vault = d->vault,
		.rules = &d->rules,
		.from = from,
		.seen = from,
		.now_ms = broker_record_clock(),
		.lazy = lazy,
		.wake = wake,
	};
	struct lookout *l;

	watch_rules_default(&d->rules);
	DESK_MUST(lookout_new(&l, &how));
	return l;
}

static bool
settled(struct lookout *l)
{
	return lookout_settle(l, 10000);
}

/* A queue that was full lost them: the trail's files have them. */
static void
what_it_was_not_told_of_it_reads_in_the_trail(void **state)
{
	struct desk *d = *state;
	uint64_t from = catalogue_applied(d->catalogue), at;
	OWNED(lookout) l = lookout_of(d, from, false);
	static const char last[] =
	    "{\"v\":1,\"time\":\"2026-01-01T00:00:00.000Z\",\"kind\":\"check\","
	    "\"by\":\"user:root\",\"damaged\":9}";
	struct note_checkpoint published;
	unsigned int n = 0;

	check(d, 1);
	check(d, 2);
	DESK_MUST(trail_publish(d->trail, &published, NULL));
	at = catalogue_applied(d->catalogue);
	lookout_see(l, at, last, sizeof(last) - 1);
	while (!settled(l) && n < 10) {
		const struct watch_alert *a = lookout_raised(l);

		assert_non_null(a);
		n++;
		assert_int_equal(a->session, n < 3 ? n : 9);
		lookout_drop(l);
	}
	assert_int_equal(n, 3);
	assert_int_equal(lookout_seen(l), at + 1);
}

static void
starts_and_stops_alone_do_not_wake_a_lazy_one(void **state)
{
	static const char start[] = "{\"v\":1,\"time\":\"2026-01-01T00:00:00."
				    "000Z\",\"kind\":\"keyd.start\",\"by\":"
				    "\"keyd\"}";
	static const char work[] = "{\"v\":1,\"time\":\"2026-01-01T00:00:00."
				   "000Z\",\"kind\":\"check\",\"by\":\"keyd\"}";
	struct desk *d = *state;
	uint64_t from = catalogue_applied(d->catalogue);
	OWNED(lookout) l = lookout_of(d, from, true);

	lookout_see(l, from, start, sizeof(start) - 1);
	assert_true(lookout_settle(l, 0)); /* there is nothing to wait for */
	assert_int_equal(lookout_seen(l), from);
	lookout_see(l, from + 1, work, sizeof(work) - 1);
	assert_false(settled(l));
	assert_non_null(lookout_raised(l));
	assert_int_equal(lookout_seen(l), from + 1); /* not dropped yet */
	lookout_drop(l);
	assert_true(settled(l));
	assert_int_equal(lookout_seen(l), from + 2);
}

static void
nobody_waits_for_one_that_is_ended(void **state)
{
	static const char work[] = "{\"v\":1,\"time\":\"2026-01-01T00:00:00."
				   "000Z\",\"kind\":\"check\",\"by\":\"keyd\"}";
	struct desk *d = *state;
	uint64_t from = catalogue_applied(d->catalogue);
	OWNED(lookout) l = lookout_of(d, from, false);

	/* More than it keeps for somebody who takes none. */
	for (uint64_t i = 0; i < 2000; i++)
		lookout_see(l, from + i, work, sizeof(work) - 1);
	assert_false(lookout_settle(l, 1));
}

/* Until all from before its start is published, and looked at. */
static void
one_that_is_behind_says_so(void **state)
{
	struct desk *d = *state;
	struct note_checkpoint published;
	uint64_t from;
	struct lookout *l;

	check(d, 1);
	from = catalogue_applied(d->catalogue);
	l = lookout_of(d, from + 1, false);
	assert_true(lookout_is_behind(l));
	assert_false(lookout_settle(l, 1));
	assert_true(lookout_is_behind(l));
	lookout_free(l);
	DESK_MUST(trail_publish(d->trail, &published, NULL));
	l = lookout_of(d, from, false);
	assert_true(settled(l));
	assert_false(lookout_is_behind(l));
	lookout_free(l);
	/* A lazy one has nothing to do. */
	l = lookout_of(d, from, true);
	assert_false(lookout_is_behind(l));
	lookout_free(l);
}

int
main(void)
{
#define T(x) cmocka_unit_test_setup_teardown(x, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(what_is_raised_becomes_an_alert_of_keyds_own),
		T(many_at_once_have_numbers_of_their_own),
		T(what_is_in_the_trail_is_not_raised_again),
		T(an_alert_that_says_the_same_is_found_in_the_trail),
		T(what_a_killed_keyd_did_not_record_is_raised_by_the_next),
		T(a_clean_stop_waits_for_what_was_not_looked_at),
		T(what_it_was_not_told_of_it_reads_in_the_trail),
		T(starts_and_stops_alone_do_not_wake_a_lazy_one),
		T(nobody_waits_for_one_that_is_ended),
		T(one_that_is_behind_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
