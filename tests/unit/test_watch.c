/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/lookout.h"

/* Facts: what is exact. */

#define MIB (UINT64_C(1) << 20)
#define GIB (1024 * MIB)
#define DAY UINT64_C(86400)

static int
setup(void **state)
{
	struct lookout *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return -1;
	lookout_begin(l);
	*state = l;
	return 0;
}

static int
teardown(void **state)
{
	lookout_end(*state);
	free(*state);
	return 0;
}

/* Exactly this one so far. */
static const struct lookout_alert *
only(const struct lookout *l, const char *rule)
{
	if (l->count != 1)
		fail_msg("%zu alerts, the first: %s", l->count,
		    l->count > 0 ? l->alerts[0].rule : "none");
	assert_string_equal(l->alerts[0].rule, rule);
	return &l->alerts[0];
}

static uint64_t
loads(struct lookout *l, const char *who)
{
	lookout_put(l, "m", 1);
	lookout_grant(l, who, "m", MSG_GRANT_LOAD, 0);
	return lookout_open(l, who, "m", 1, MSG_GRANT_LOAD, "prod");
}

static void
reading_after_the_session_ended_is_said(void **state)
{
	struct lookout *l = *state;
	uint64_t s = loads(l, "user:eve");
	const struct lookout_alert *a;

	lookout_close(l, s, "its job is over");
	l->clock += 5;
	lookout_refused(l, "user:eve", "session ended");
	assert_int_equal(l->count, 0);
	l->clock += 1;
	lookout_refused(l, "user:eve", "session ended");
	a = only(l, "session-ended");
	assert_string_equal(a->principal, "user:eve");
	assert_int_equal(a->entry_count, 2);
	assert_int_equal(a->entries[0], a->at - 2);
	assert_int_equal(a->entries[1], a->at);
}

static void
reading_after_the_grant_was_removed_is_said(void **state)
{
	struct lookout *l = *state;
	uint64_t s = loads(l, "user:eve");

	lookout_close(l, s, "grant 1 was removed");
	l->clock += 60;
	lookout_refused(l, "user:eve", "grant removed");
	only(l, "session-ended");
}

static void
other_refusals_are_not_said(void **state)
{
	struct lookout *l = *state;

	loads(l, "user:eve");
	lookout_refused(l, "user:eve", "not a session of this connection");
	lookout_refused(l, "user:eve", "more chunks than the window");
	assert_int_equal(l->count, 0);
}

static void
refused(struct lookout *l, const char *ref, const char *reason)
{
	struct watch_event e = { .kind = ENTRY_SESSION_REFUSED,
		.by = "user:eve",
		.uid = 1000,
		.principal = "user:eve",
		.model = ref,
		.reason = reason };

	lookout_tell(l, &e);
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
	struct lookout *l = *state;
	size_t said = 0;

	lookout_put(l, "m", 1);
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

static void
statement(struct lookout *l, unsigned int version, bool revokes)
{
	struct watch_event e = { .kind = ENTRY_STATEMENT_SIGN,
		.by = "user:boss",
		.uid = -1,
		.model = "m",
		.version = lookout_version(version),
		.revokes = revokes,
		.promotes = !revokes };

	lookout_tell(l, &e);
}

static void
a_release_of_a_revoked_version_is_said(void **state)
{
	struct lookout *l = *state;
	uint64_t s = loads(l, "user:eve");
	uint64_t revoked;

	lookout_release(l, s, 1, 1000, 0, 0);
	assert_int_equal(l->count, 0);
	revoked = l->index;
	statement(l, 1, true);
	lookout_release(l, s, 1, 1000, 0, 0);
	assert_int_equal(only(l, "revoked-version")->entries[0], revoked);
}

static uint64_t
open_under(struct lookout *l, const char *who, uint64_t grant)
{
	struct watch_event e = { .kind = ENTRY_SESSION_OPEN,
		.by = who,
		.uid = 1000,
		.principal = who,
		.host = "node1",
		.model = "m",
		.version = lookout_version(1),
		.grant = grant,
		.type = MSG_GRANT_LOAD };

	e.session = ++l->ids;
	lookout_tell(l, &e);
	return e.session;
}

static void
an_older_version_by_its_digest_is_said(void **state)
{
	struct lookout *l = *state;
	uint64_t grant;

	lookout_put(l, "m", 1);
	grant = lookout_grant(l, "user:eve", "m", MSG_GRANT_LOAD, 0);
	lookout_put(l, "m", 2);
	l->clock += 3599;
	open_under(l, "user:bob", grant);
	assert_int_equal(l->count, 0);
	l->clock += 1;
	lookout_open(l, "user:amy", "m", 1, MSG_GRANT_LOAD, "prod");
	assert_int_equal(l->count, 0);
	open_under(l, "user:eve", grant);
	assert_string_equal(only(l, "older-version")->principal, "user:eve");
}

static void
who_goes_on_with_a_version_or_was_granted_it_is_not_said(void **state)
{
	struct lookout *l = *state;
	uint64_t any, exact;

	lookout_put(l, "m", 1);
	any = lookout_grant(l, "user:job", "m", MSG_GRANT_LOAD, 0);
	exact = lookout_grant(l, "user:lab", "m", MSG_GRANT_LOAD, 1);
	lookout_close(l, open_under(l, "user:job", any), "its client has gone");
	lookout_put(l, "m", 2);
	l->clock += 30 * DAY;
	open_under(l, "user:job", any);
	open_under(l, "user:lab", exact);
	assert_int_equal(l->count, 0);
	open_under(l, "user:eve", any);
	only(l, "older-version");
}

static void
decoy(struct lookout *l, const char *model, enum entry_kind kind)
{
	struct watch_event e = { .kind = kind,
		.by = "user:owner",
		.uid = -1,
		.model = model };

	lookout_tell(l, &e);
}

static void
the_first_chunk_of_a_decoy_is_said(void **state)
{
	struct lookout *l = *state;
	enum entry_kind add, rm;
	uint64_t s;

	if (entry_kind_parse(&add, "decoy.add") != 0 ||
	    entry_kind_parse(&rm, "decoy.rm") != 0)
		skip(); /* this weir has no decoys */
	s = loads(l, "user:eve");
	decoy(l, "m", add);
	assert_int_equal(l->count, 0);
	lookout_release(l, s, 1, 0, 0, 0);
	assert_int_equal(only(l, "decoy")->severity, WATCH_HIGH);
	decoy(l, "m", rm);
	l->clock += 30 * DAY;
	lookout_release(l, s, 1, 1000, 0, 0);
	assert_int_equal(l->count, 1);
}

static void
another_uid_that_reads_is_said(void **state)
{
	struct lookout *l = *state;
	uint64_t s = loads(l, "user:eve");

	lookout_extents(l, s, 1000, 1000);
	assert_int_equal(l->count, 0);
	lookout_extents(l, s, 1000, 1001);
	assert_non_null(strstr(only(l, "other-reader")->reason, "uid 1001"));
}

static void
a_session_opened_by_another_is_of_who_reads_first(void **state)
{
	struct lookout *l = *state;
	struct watch_event e = { .kind = ENTRY_SESSION_OPEN,
		.by = "user:root",
		.uid = 0,
		.principal = "user:eve",
		.session = 9,
		.model = "m",
		.version = lookout_version(1),
		.type = MSG_GRANT_LOAD };

	lookout_tell(l, &e);
	lookout_extents(l, 9, 1000, 1000);
	assert_int_equal(l->count, 0);
	lookout_extents(l, 9, 1000, 0);
	only(l, "other-reader");
}

static void
a_clock_that_jumps_is_said(void **state)
{
	struct lookout *l = *state;
	uint64_t s = loads(l, "user:eve");

	l->ahead_ms += 300000;
	lookout_release(l, s, 1, 1000, 0, 0);
	assert_int_equal(l->count, 0);
	l->ahead_ms += 300001;
	lookout_release(l, s, 1, 1000, 0, 0);
	assert_non_null(strstr(only(l, "clock-jump")->reason, "forward"));
	l->clock += 3600;
	l->ahead_ms -= 300001;
	lookout_release(l, s, 1, 1000, 0, 0);
	assert_int_equal(l->count, 2);
	assert_non_null(strstr(l->alerts[1].reason, "back by 300 s"));
}

static void
starts(struct lookout *l)
{
	struct watch_event e = { .kind = ENTRY_KEYD_START,
		.by = "keyd",
		.uid = -1 };

	lookout_tell(l, &e);
}

static void
a_long_stop_is_no_jump_of_the_clock(void **state)
{
	struct lookout *l = *state;

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
an_entry_that_is_missing_is_said(void **state)
{
	struct lookout *l = *state;

	starts(l);
	starts(l);
	assert_int_equal(l->count, 0);
	l->index++;
	starts(l);
	assert_int_equal(only(l, "trail-broken")->severity, WATCH_HIGH);
}

static void
accounting_time_that_goes_back_is_said(void **state)
{
	struct lookout *l = *state;

	starts(l);
	l->clock--;
	l->ahead_ms += 1000;
	starts(l);
	only(l, "trail-broken");
}

static void
keys_that_were_never_read_with_are_said(void **state)
{
	struct lookout *l = *state;
	uint64_t s = loads(l, "user:eve");

	lookout_release(l, s, 1, 256 * MIB, 0, 0);
	l->clock += 15;
	lookout_release(l, s, 1, GIB, 0, 0); /* too new to count */
	lookout_close(l, s, "its client has been gone for 60 seconds");
	assert_int_equal(l->count, 0);

	s = lookout_open(l, "user:eve", "m", 1, MSG_GRANT_LOAD, "prod");
	lookout_release(l, s, 1, 256 * MIB + 1, 0, 0);
	l->clock += 15;
	lookout_release(l, s, 1, 1, 0, 0);
	lookout_close(l, s, "its client has been gone for 60 seconds");
	assert_non_null(strstr(only(l, "unread-releases")->reason,
	    "268 MB that its worker never told of"));
}

static void
very_many_keys_are_said_however_new(void **state)
{
	struct lookout *l = *state;
	uint64_t s = loads(l, "user:eve");

	lookout_release(l, s, 1, 4 * GIB, 0, 0);
	lookout_close(l, s, "its client has gone");
	assert_int_equal(l->count, 0);
	s = lookout_open(l, "user:eve", "m", 1, MSG_GRANT_LOAD, "prod");
	lookout_release(l, s, 1, 4 * GIB + 1, 0, 0);
	lookout_close(l, s, "its client has gone");
	only(l, "unread-releases");
}

static void
what_was_read_is_not_missed(void **state)
{
	struct lookout *l = *state;
	uint64_t s = loads(l, "user:eve");

	for (int i = 0; i < 10; i++) {
		lookout_release(l, s, 1, 2 * GIB, 0, 0);
		lookout_extents(l, s, 2 * GIB, 1000);
		l->clock += 15;
	}
	lookout_close(l, s, "its client has gone");
	assert_int_equal(l->count, 0);
}

static void
damage_is_said(void **state)
{
	struct lookout *l = *state;
	uint64_t s = loads(l, "user:eve");
	struct watch_event check = { .kind = ENTRY_CHECK, .by = "user:boss" };
	struct watch_event fault = { .kind = ENTRY_FAULT,
		.by = "user:eve",
		.session = s,
		.reason = "bytes that are not the ones vouched for" };

	lookout_tell(l, &check);
	assert_int_equal(l->count, 0);
	lookout_tell(l, &fault);
	assert_string_equal(only(l, "damage")->model, "m");
	check.damaged = 1;
	lookout_tell(l, &check);
	assert_int_equal(l->count, 2);
}

static void
what_is_known_otherwise_is_only_remembered(void **state)
{
	struct lookout *l = *state;
	struct watch_event e = { .index = WATCH_KNOWN,
		.kind = ENTRY_PUT,
		.by = "keyd",
		.model = "m",
		.version = lookout_version(1),
		.total = LOOKOUT_WEIGHTS };
	uint64_t s;

	starts(l);
	assert_int_equal(watch_feed(l->watch, &e, NULL, NULL), 0);
	starts(l);
	lookout_grant(l, "user:eve", "m", MSG_GRANT_BROWSE, 0);
	s = lookout_open(l, "user:eve", "m", 1, MSG_GRANT_BROWSE, "prod");
	assert_int_equal(l->count, 0);
	lookout_release(l, s, 1, 5000 * LOOKOUT_PPM, 5000, 5000);
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
		T(a_release_of_a_revoked_version_is_said),
		T(an_older_version_by_its_digest_is_said),
		T(who_goes_on_with_a_version_or_was_granted_it_is_not_said),
		T(the_first_chunk_of_a_decoy_is_said),
		T(another_uid_that_reads_is_said),
		T(a_session_opened_by_another_is_of_who_reads_first),
		T(a_clock_that_jumps_is_said),
		T(a_long_stop_is_no_jump_of_the_clock),
		T(an_entry_that_is_missing_is_said),
		T(accounting_time_that_goes_back_is_said),
		T(keys_that_were_never_read_with_are_said),
		T(very_many_keys_are_said_however_new),
		T(what_was_read_is_not_missed),
		T(damage_is_said),
		T(what_is_known_otherwise_is_only_remembered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
