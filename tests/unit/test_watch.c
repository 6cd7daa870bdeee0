/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/sentry.h"

/* Facts: what is exact. */

#define MIB (UINT64_C(1) << 20)
#define GIB (1024 * MIB)
#define DAY UINT64_C(86400)

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

/* Exactly this one so far. */
static const struct sentry_alert *
only(const struct sentry *l, const char *rule)
{
	if (l->count != 1)
		fail_msg("%zu alerts, the first: %s", l->count,
		    l->count > 0 ? l->alerts[0].rule : "none");
	assert_string_equal(l->alerts[0].rule, rule);
	return &l->alerts[0];
}

static uint64_t
loads(struct sentry *l, const char *who)
{
	sentry_put(l, "m", 1);
	sentry_grant(l, who, "m", MSG_GRANT_LOAD, 0);
	return sentry_open(l, who, "m", 1, MSG_GRANT_LOAD, "prod");
}

static void
reading_after_the_session_ended_is_said(void **state)
{
	struct sentry *l = *state;
	uint64_t s = loads(l, "user:eve");
	const struct sentry_alert *a;

	sentry_close(l, s, "its job is over");
	l->clock += 5;
	sentry_refused(l, "user:eve", "session ended");
	assert_int_equal(l->count, 0);
	l->clock += 1;
	sentry_refused(l, "user:eve", "session ended");
	a = only(l, "session-ended");
	assert_string_equal(a->principal, "user:eve");
	assert_int_equal(a->entry_count, 2);
	assert_int_equal(a->entries[0], a->at - 2);
	assert_int_equal(a->entries[1], a->at);
}

static void
reading_after_the_grant_was_removed_is_said(void **state)
{
	struct sentry *l = *state;
	uint64_t s = loads(l, "user:eve");

	sentry_close(l, s, "grant 1 was removed");
	l->clock += 60;
	sentry_refused(l, "user:eve", "grant removed");
	only(l, "session-ended");
}

static void
other_refusals_are_not_said(void **state)
{
	struct sentry *l = *state;

	loads(l, "user:eve");
	sentry_refused(l, "user:eve", "not a session of this connection");
	sentry_refused(l, "user:eve", "more chunks than the window");
	assert_int_equal(l->count, 0);
}

static void
refused(struct sentry *l, const char *ref, const char *reason)
{
	struct watch_event e = { .kind = ENTRY_SESSION_REFUSED,
		.by = "user:eve",
		.uid = 1000,
		.principal = "user:eve",
		.model = ref,
		.reason = reason };

	sentry_tell(l, &e);
}

static void
refusals_to_open_are_said_by_their_reason(void **state)
{
	static const struct {
		const char *reason, *rule;
	} cases[] = { { "host not listed for m:prod", "unlisted-host" },
		{ "outside the granted hours for m:prod", "off-schedule" },
		{ "too many sessions for m:prod", "too-many-sessions" },
		{ "budget spent: loads", "budget-spent" },
		{ "m:prod is not accepted: it was revoked (P1): leaked",
		    "revoked-version" },
		{ "no grant for m:prod", NULL },
		{ "m:prod is not signed", NULL } };
	struct sentry *l = *state;
	size_t said = 0;

	sentry_put(l, "m", 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		refused(l, "m:prod", cases[i].reason);
		said += cases[i].rule != NULL;
		assert_int_equal(l->count, said);
		if (cases[i].rule == NULL)
			continue;
		assert_string_equal(l->alerts[said - 1].rule, cases[i].rule);
		assert_string_equal(l->alerts[said - 1].model, "m");
		assert_non_null(
		    strstr(l->alerts[said - 1].reason, cases[i].reason));
	}
}

/* As keyd refuses keys: the alert says of which model. */
static void
a_spent_budget_is_said_of_its_model(void **state)
{
	struct sentry *l = *state;
	struct watch_event e = { .kind = ENTRY_REFUSED,
		.by = "user:mounts",
		.principal = "user:eve",
		.uid = 1000,
		.request = "release",
		.model = "m",
		.reason = "budget spent: principal" };
	const struct sentry_alert *a;

	sentry_tell(l, &e);
	a = only(l, "budget-spent");
	assert_string_equal(a->model, "m");
	assert_string_equal(a->principal, "user:eve");
	assert_string_equal(a->reason,
	    "user:eve has used up what is granted of m"
	    " (budget spent: principal)");
	sentry_tell(l, &e);
	assert_int_equal(l->count, 1);
	/* Another model's is another matter. */
	e.model = "n";
	sentry_tell(l, &e);
	assert_int_equal(l->count, 2);
	/* Where nothing can be had, nothing was used up. */
	e.model = "tiny";
	e.reason = "budget spent: a chunk alone is more than 2 %";
	sentry_tell(l, &e);
	assert_int_equal(l->count, 3);
	assert_non_null(strstr(l->alerts[2].reason,
	    "wants weights that nobody browses of tiny"));
}

static void
statement(struct sentry *l, unsigned int version, bool revokes)
{
	struct watch_event e = { .kind = ENTRY_STATEMENT_SIGN,
		.by = "user:boss",
		.uid = -1,
		.model = "m",
		.version = sentry_version(version),
		.revokes = revokes,
		.promotes = !revokes };

	sentry_tell(l, &e);
}

static void
a_release_of_a_revoked_version_is_said(void **state)
{
	struct sentry *l = *state;
	uint64_t s = loads(l, "user:eve");
	uint64_t revoked;

	sentry_release(l, s, 1, 1000, 0, 0);
	assert_int_equal(l->count, 0);
	revoked = l->index;
	statement(l, 1, true);
	sentry_release(l, s, 1, 1000, 0, 0);
	assert_int_equal(only(l, "revoked-version")->entries[0], revoked);
}

static uint64_t
open_under(struct sentry *l, const char *who, uint64_t grant)
{
	struct watch_event e = { .kind = ENTRY_SESSION_OPEN,
		.by = who,
		.uid = 1000,
		.principal = who,
		.host = "node1",
		.model = "m",
		.version = sentry_version(1),
		.grant = grant,
		.type = MSG_GRANT_LOAD };

	e.session = ++l->ids;
	sentry_tell(l, &e);
	return e.session;
}

static void
an_older_version_by_its_digest_is_said(void **state)
{
	struct sentry *l = *state;
	uint64_t grant;

	sentry_put(l, "m", 1);
	grant = sentry_grant(l, "user:eve", "m", MSG_GRANT_LOAD, 0);
	sentry_put(l, "m", 2);
	l->clock += 3599;
	open_under(l, "user:bob", grant);
	assert_int_equal(l->count, 0);
	l->clock += 1;
	sentry_open(l, "user:amy", "m", 1, MSG_GRANT_LOAD, "prod");
	assert_int_equal(l->count, 0);
	open_under(l, "user:eve", grant);
	assert_string_equal(only(l, "older-version")->principal, "user:eve");
}

static void
who_goes_on_with_a_version_or_was_granted_it_is_not_said(void **state)
{
	struct sentry *l = *state;
	uint64_t any, exact;

	sentry_put(l, "m", 1);
	any = sentry_grant(l, "user:job", "m", MSG_GRANT_LOAD, 0);
	exact = sentry_grant(l, "user:lab", "m", MSG_GRANT_LOAD, 1);
	sentry_close(l, open_under(l, "user:job", any), "its client has gone");
	sentry_put(l, "m", 2);
	l->clock += 30 * DAY;
	open_under(l, "user:job", any);
	open_under(l, "user:lab", exact);
	assert_int_equal(l->count, 0);
	open_under(l, "user:eve", any);
	only(l, "older-version");
}

static void
a_program_that_is_not_listed_is_said(void **state)
{
	struct sentry *l = *state;
	struct watch_event e = { .kind = ENTRY_SESSION_EXE,
		.by = "user:eve",
		.uid = 1000,
		.session = loads(l, "user:eve"),
		.exe = "/usr/bin/python3" };
	const struct sentry_alert *a;

	sentry_tell(l, &e);
	assert_int_equal(l->count, 0);
	e.unlisted = true;
	sentry_tell(l, &e);
	a = only(l, "unlisted-exe");
	assert_string_equal(a->principal, "user:eve");
	assert_int_equal(a->severity, WATCH_MEDIUM);
	/* Nor is one of a session that nobody knows. */
	e.session += 1000;
	sentry_tell(l, &e);
	assert_int_equal(l->count, 1);
}

static void
decoy(struct sentry *l, const char *model, enum entry_kind kind)
{
	struct watch_event e = { .kind = kind,
		.by = "user:owner",
		.uid = -1,
		.model = model };

	sentry_tell(l, &e);
}

static void
the_first_chunk_of_a_decoy_is_said(void **state)
{
	struct sentry *l = *state;
	uint64_t s = loads(l, "user:eve");

	decoy(l, "m", ENTRY_DECOY_ADD);
	assert_int_equal(l->count, 0);
	sentry_release(l, s, 1, 0, 0, 0);
	assert_int_equal(only(l, "decoy")->severity, WATCH_HIGH);
	decoy(l, "m", ENTRY_DECOY_RM);
	l->clock += 30 * DAY;
	sentry_release(l, s, 1, 1000, 0, 0);
	assert_int_equal(l->count, 1);
}

static void
another_uid_that_reads_is_said(void **state)
{
	struct sentry *l = *state;
	uint64_t s = loads(l, "user:eve");

	sentry_extents(l, s, 1000, 1000);
	assert_int_equal(l->count, 0);
	sentry_extents(l, s, 1000, 1001);
	assert_non_null(strstr(only(l, "other-reader")->reason, "uid 1001"));
}

static void
a_session_opened_by_another_is_of_who_reads_first(void **state)
{
	struct sentry *l = *state;
	struct watch_event e = { .kind = ENTRY_SESSION_OPEN,
		.by = "user:root",
		.uid = 0,
		.principal = "user:eve",
		.session = 9,
		.model = "m",
		.version = sentry_version(1),
		.type = MSG_GRANT_LOAD };

	sentry_tell(l, &e);
	sentry_extents(l, 9, 1000, 1000);
	assert_int_equal(l->count, 0);
	sentry_extents(l, 9, 1000, 0);
	only(l, "other-reader");
}

static void
a_clock_that_jumps_is_said(void **state)
{
	struct sentry *l = *state;
	uint64_t s = loads(l, "user:eve");

	l->ahead_ms += 300000;
	sentry_release(l, s, 1, 1000, 0, 0);
	assert_int_equal(l->count, 0);
	l->ahead_ms += 300001;
	sentry_release(l, s, 1, 1000, 0, 0);
	assert_non_null(strstr(only(l, "clock-jump")->reason, "forward"));
	l->clock += 3600;
	l->ahead_ms -= 300001;
	sentry_release(l, s, 1, 1000, 0, 0);
	assert_int_equal(l->count, 2);
	assert_non_null(strstr(l->alerts[1].reason, "back by 300 s"));
}

static void
starts(struct sentry *l)
{
	struct watch_event e = { .kind = ENTRY_KEYD_START,
		.by = "keyd",
		.uid = -1 };

	sentry_tell(l, &e);
}

static void
a_long_stop_is_no_jump_of_the_clock(void **state)
{
	struct sentry *l = *state;

	starts(l);
	l->clock += DAY;
	l->ahead_ms += (int64_t)(20 * DAY * 1000);
	starts(l);
	assert_int_equal(l->count, 0);
	/* A stop of less than a day is counted in full. */
	l->clock += DAY - 1;
	l->ahead_ms += 400000;
	starts(l);
	only(l, "clock-jump");
}

static void
a_long_stop_in_one_boot_is_told_from_a_jump(void **state)
{
	struct sentry *l = *state;
	struct watch_event e = { .kind = ENTRY_KEYD_START,
		.by = "keyd",
		.uid = -1,
		.boot = "5d0f4fd0f2f24dd9a1e8a4a4d4f5c001" };

	sentry_tell(l, &e);
	l->clock += 3 * DAY;
	sentry_tell(l, &e);
	assert_int_equal(l->count, 0);
	l->clock += 3 * DAY;
	l->ahead_ms += 400000;
	sentry_tell(l, &e);
	only(l, "clock-jump");
}

static void
numbers_of_entries_that_go_back_are_said(void **state)
{
	struct sentry *l = *state;

	starts(l);
	starts(l);
	assert_int_equal(l->count, 0);
	l->index++; /* not everything need be shown to it */
	starts(l);
	assert_int_equal(l->count, 0);
	l->index--;
	starts(l);
	assert_int_equal(only(l, "trail-broken")->severity, WATCH_HIGH);
}

static void
accounting_time_that_goes_back_is_said(void **state)
{
	struct sentry *l = *state;

	starts(l);
	l->clock--;
	l->ahead_ms += 1000;
	starts(l);
	only(l, "trail-broken");
}

static void
keys_that_were_never_read_with_are_said(void **state)
{
	struct sentry *l = *state;
	uint64_t s = loads(l, "user:eve");

	sentry_release(l, s, 1, 256 * MIB, 0, 0);
	l->clock += 15;
	sentry_release(l, s, 1, GIB, 0, 0); /* too new to count */
	sentry_close(l, s, "its client has been gone for 60 seconds");
	assert_int_equal(l->count, 0);

	s = sentry_open(l, "user:eve", "m", 1, MSG_GRANT_LOAD, "prod");
	sentry_release(l, s, 1, 256 * MIB + 1, 0, 0);
	l->clock += 15;
	sentry_release(l, s, 1, 1, 0, 0);
	sentry_close(l, s, "its client has been gone for 60 seconds");
	assert_non_null(strstr(only(l, "unread-releases")->reason,
	    "268 MB that its worker never told of"));
}

static void
very_many_keys_are_said_however_new(void **state)
{
	struct sentry *l = *state;
	uint64_t s = loads(l, "user:eve");

	sentry_release(l, s, 1, 4 * GIB, 0, 0);
	sentry_close(l, s, "its client has gone");
	assert_int_equal(l->count, 0);
	s = sentry_open(l, "user:eve", "m", 1, MSG_GRANT_LOAD, "prod");
	sentry_release(l, s, 1, 4 * GIB + 1, 0, 0);
	sentry_close(l, s, "its client has gone");
	only(l, "unread-releases");
}

static void
who_unmounts_has_told_of_its_reads(void **state)
{
	struct sentry *l = *state;
	uint64_t s = loads(l, "user:eve");

	/* It read ahead, and then no more was wanted. */
	sentry_release(l, s, 1, 2 * GIB, 0, 0);
	sentry_extents(l, s, 256 * MIB, 1000);
	sentry_close(l, s, "unmounted");
	s = sentry_open(l, "user:eve", "m", 1, MSG_GRANT_LOAD, "prod");
	sentry_release(l, s, 1, 256 * MIB, 0, 0);
	sentry_close(l, s, "unmounted");
	assert_int_equal(l->count, 0);
	s = sentry_open(l, "user:eve", "m", 1, MSG_GRANT_LOAD, "prod");
	sentry_release(l, s, 1, 2 * GIB, 0, 0);
	sentry_extents(l, s, 256 * MIB - 1, 1000);
	sentry_close(l, s, "unmounted");
	only(l, "unread-releases");
}

static void
what_was_read_is_not_missed(void **state)
{
	struct sentry *l = *state;
	uint64_t s = loads(l, "user:eve");

	for (int i = 0; i < 10; i++) {
		sentry_release(l, s, 1, 2 * GIB, 0, 0);
		sentry_extents(l, s, 2 * GIB, 1000);
		l->clock += 15;
	}
	sentry_close(l, s, "its client has gone");
	assert_int_equal(l->count, 0);
}

static void
damage_is_said(void **state)
{
	struct sentry *l = *state;
	uint64_t s = loads(l, "user:eve");
	struct watch_event check = { .kind = ENTRY_CHECK, .by = "user:boss" };
	struct watch_event fault = { .kind = ENTRY_FAULT,
		.by = "user:eve",
		.session = s,
		.reason = "bytes that are not the ones vouched for" };

	sentry_tell(l, &check);
	assert_int_equal(l->count, 0);
	sentry_tell(l, &fault);
	assert_string_equal(only(l, "damage")->model, "m");
	check.damaged = 1;
	sentry_tell(l, &check);
	assert_int_equal(l->count, 2);
}

static void
what_is_known_otherwise_is_only_remembered(void **state)
{
	struct sentry *l = *state;
	struct watch_event e = { .index = WATCH_KNOWN,
		.kind = ENTRY_PUT,
		.by = "keyd",
		.model = "m",
		.version = sentry_version(1),
		.total = SENTRY_WEIGHTS };
	uint64_t s;

	starts(l);
	assert_int_equal(watch_feed(l->watch, &e, NULL, NULL), 0);
	starts(l);
	sentry_grant(l, "user:eve", "m", MSG_GRANT_BROWSE, 0);
	s = sentry_open(l, "user:eve", "m", 1, MSG_GRANT_BROWSE, "prod");
	assert_int_equal(l->count, 0);
	sentry_release(l, s, 1, 5000 * SENTRY_PPM, 5000, 5000);
	only(l, "burst"); /* it knows what a share of it is */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		T(reading_after_the_session_ended_is_said),
		T(reading_after_the_grant_was_removed_is_said),
		T(other_refusals_are_not_said),
		T(refusals_to_open_are_said_by_their_reason),
		T(a_spent_budget_is_said_of_its_model),
		T(a_release_of_a_revoked_version_is_said),
		T(an_older_version_by_its_digest_is_said),
		T(who_goes_on_with_a_version_or_was_granted_it_is_not_said),
		T(a_program_that_is_not_listed_is_said),
		T(the_first_chunk_of_a_decoy_is_said),
		T(another_uid_that_reads_is_said),
		T(a_session_opened_by_another_is_of_who_reads_first),
		T(a_clock_that_jumps_is_said),
		T(a_long_stop_is_no_jump_of_the_clock),
		T(a_long_stop_in_one_boot_is_told_from_a_jump),
		T(numbers_of_entries_that_go_back_are_said),
		T(accounting_time_that_goes_back_is_said),
		T(keys_that_were_never_read_with_are_said),
		T(very_many_keys_are_said_however_new),
		T(who_unmounts_has_told_of_its_reads),
		T(what_was_read_is_not_missed),
		T(damage_is_said),
		T(what_is_known_otherwise_is_only_remembered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
