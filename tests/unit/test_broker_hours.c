/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "keys/broker_state.h"
#include "tests/lib/desk.h"
#include "tests/lib/test.h"
#include "vault/entry.h"
#include "vault/err.h"
#include "vault/log.h"

/* grant-or-nothing by the clock: keyd's is set by hand here. */

static int64_t clock_ms;
int64_t __wrap_broker_record_clock(void);
int64_t
__wrap_broker_record_clock(void)
{
	return clock_ms;
}

static void
set_clock(const char *time)
{
	assert_int_equal(entry_time_parse(&clock_ms, time), 0);
}

#define FRAME_HEAD 16 /* then the status */

static const size_t sizes[] = { 3 * 65536 };

struct scene {
	struct desk d;
	struct desk_person owner, daemon;
};

static int
setup(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));
	struct digest version;

	assert_non_null(s);
	log_sink(test_hush, NULL);
	set_clock("2026-11-23T10:00:00Z"); /* a Monday */
	desk_new(&s->d, true);
	desk_person_come(&s->owner, &s->d, 0);
	desk_person_come(&s->daemon, &s->d, 1);
	assert_int_equal(desk_put(&s->owner, "llama", sizes, 1, &version), 0);
	*state = s;
	return 0;
}

static int
teardown(void **state)
{
	struct scene *s = *state;

	desk_person_go(&s->owner);
	desk_person_go(&s->daemon);
	desk_free(&s->d);
	free(s);
	return 0;
}

/* A load grant to user:daemon with these days, hours and sessions at once. */
static void
grant(struct scene *s, const char *days, const char *hours, uint32_t sessions)
{
	OWNED_WRITER body = writer_of(4096);
	char model[] = "llama", none[] = "", to[] = "user:daemon", why[] = "w";
	char d[32], h[32];
	const struct msg_grant_add m = {
		.model = model,
		.channel = none,
		.version = none,
		.to = to,
		.type = MSG_GRANT_LOAD,
		.loads = 9,
		.reason = why,
		.days = d,
		.hours = h,
		.max_sessions = sessions,
	};

	snprintf(d, sizeof(d), "%s", days);
	snprintf(h, sizeof(h), "%s", hours);
	msg_grant_add_write(&body, &m);
	assert_int_equal(desk_ask(&s->owner, MSG_GRANT_ADD, &body, NULL), 0);
}

static int
open_llama(struct scene *s, struct msg_session *m)
{
	return desk_open(&s->daemon, "llama", MSG_MOUNT, "", m);
}

static int
release(struct scene *s, uint64_t session)
{
	struct msg_release_reply reply;
	int err = desk_release(&s->daemon, session, 0, 1, &reply);

	if (err == 0)
		msg_release_reply_clear(&reply);
	return err;
}

/* What keyd does by itself is on the disk before what it is asked for after. */
static void
settle(struct scene *s)
{
	uint64_t id;

	assert_int_equal(desk_grant(&s->owner, "llama", "user:sync",
			     MSG_GRANT_BROWSE, false, &id),
	    0);
}

static void
last_reason(struct scene *s, const char *kind, const char *reason)
{
	json_t *e = desk_last(&s->d, kind);
	const char *is = json_string_value(json_object_get(e, "reason"));

	assert_non_null(is);
	assert_non_null(strstr(is, reason));
	json_decref(e);
}

static void
nothing_is_released_outside_the_hours(void **state)
{
	struct scene *s = *state;
	struct msg_session m;
	int64_t end;

	grant(s, "mon-fri", "08:00-18:00", 0);
	assert_int_equal(open_llama(s, &m), 0);
	assert_int_equal(entry_time_parse(&end, "2026-11-23T18:00:00Z"), 0);
	assert_true(m.versions[0].expires_ms == end);
	assert_int_equal(release(s, m.session), 0);
	set_clock("2026-11-23T17:59:59.999Z");
	assert_int_equal(release(s, m.session), 0);
	set_clock("2026-11-23T18:00:00Z");
	assert_int_equal(release(s, m.session), ERR_DENIED);
	assert_non_null(strstr(s->daemon.sentence, "weir grant add llama"));
	last_reason(s, "refused", "outside the granted hours");
	msg_session_clear(&m);
	assert_int_equal(open_llama(s, &m), ERR_DENIED);
	last_reason(s, "session.refused", "outside the granted hours");
	set_clock("2026-11-24T07:59:59.999Z");
	assert_int_equal(open_llama(s, &m), ERR_DENIED);
	set_clock("2026-11-24T08:00:00Z");
	assert_int_equal(open_llama(s, &m), 0);
	msg_session_clear(&m);
	set_clock("2026-11-28T10:00:00Z");
	assert_int_equal(open_llama(s, &m), ERR_DENIED);
}

static void
the_session_ends_with_the_hours(void **state)
{
	struct scene *s = *state;
	struct msg_session m;

	grant(s, "", "22:00-06:00", 0);
	set_clock("2026-11-23T23:00:00Z");
	assert_int_equal(open_llama(s, &m), 0);
	set_clock("2026-11-24T05:59:59.999Z");
	broker_tick(s->d.broker, 1000);
	settle(s);
	assert_int_equal(s->daemon.events, 0);
	set_clock("2026-11-24T06:00:00Z");
	broker_tick(s->d.broker, 2000);
	settle(s);
	assert_int_equal(s->daemon.events, 1);
	assert_true(s->daemon.ended == m.session);
	last_reason(s, "session.close", "the granted hours are over");
	msg_session_clear(&m);
}

static void
a_keyd_that_starts_outside_the_hours_ends_it(void **state)
{
	struct scene *s = *state;
	struct msg_session m;

	grant(s, "mon", "", 0);
	assert_int_equal(open_llama(s, &m), 0);
	msg_session_clear(&m);
	desk_person_go(&s->owner);
	desk_person_go(&s->daemon);
	set_clock("2026-11-24T00:00:00Z");
	desk_restart(&s->d, false);
	desk_person_come(&s->owner, &s->d, 0);
	desk_person_come(&s->daemon, &s->d, 1);
	settle(s);
	last_reason(s, "session.close", "the granted hours are over");
}

static void
sessions_at_once_are_counted_and_let_go(void **state)
{
	struct scene *s = *state;
	struct msg_session one, two, three;

	grant(s, "", "", 2);
	assert_int_equal(open_llama(s, &one), 0);
	assert_int_equal(open_llama(s, &two), 0);
	assert_int_equal(open_llama(s, &three), ERR_DENIED);
	last_reason(s, "session.refused", "too many sessions");
	assert_non_null(strstr(s->daemon.sentence, "weir session ls"));
	/* They are counted over a restart. */
	desk_person_go(&s->owner);
	desk_person_go(&s->daemon);
	desk_restart(&s->d, false);
	desk_person_come(&s->owner, &s->d, 0);
	desk_person_come(&s->daemon, &s->d, 1);
	assert_int_equal(open_llama(s, &three), ERR_DENIED);
	broker_tick(s->d.broker, 61000);
	settle(s);
	assert_int_equal(open_llama(s, &three), 0);
	msg_session_clear(&one);
	msg_session_clear(&two);
	msg_session_clear(&three);
}

/* Somebody who comes back: a program that crashed, or a thief who hangs up. */
static void
a_session_that_was_left_gives_its_place(void **state)
{
	struct scene *s = *state;
	struct msg_session one, two;
	OWNED_WRITER w = writer_of(FRAME_BUFFER);
	struct msg_session_resume m;

	grant(s, "", "", 1);
	assert_int_equal(open_llama(s, &one), 0);
	assert_int_equal(open_llama(s, &two), ERR_DENIED);
	desk_person_go(&s->daemon);
	desk_person_come(&s->daemon, &s->d, 1);
	assert_int_equal(open_llama(s, &two), 0);
	last_reason(s, "session.close", "its client has gone");
	/* It is nobody's any more. */
	m.session = one.session;
	memcpy(m.token, one.token, sizeof(m.token));
	msg_session_resume_write(&w, &m);
	assert_int_equal(desk_ask(&s->daemon, MSG_SESSION_RESUME, &w, NULL),
	    ERR_NOT_FOUND);
	assert_int_equal(release(s, one.session), ERR_DENIED);
	msg_session_clear(&one);
	msg_session_clear(&two);
}

/* One that was taken up again is counted. */
static void
a_session_that_was_resumed_keeps_its_place(void **state)
{
	struct scene *s = *state;
	struct msg_session one, two;
	OWNED_WRITER w = writer_of(FRAME_BUFFER);
	struct msg_session_resume m;

	grant(s, "", "", 1);
	assert_int_equal(open_llama(s, &one), 0);
	desk_person_go(&s->daemon);
	desk_person_come(&s->daemon, &s->d, 1);
	m.session = one.session;
	memcpy(m.token, one.token, sizeof(m.token));
	msg_session_resume_write(&w, &m);
	assert_int_equal(desk_ask(&s->daemon, MSG_SESSION_RESUME, &w, NULL), 0);
	assert_int_equal(open_llama(s, &two), ERR_DENIED);
	last_reason(s, "session.refused", "too many sessions");
	msg_session_clear(&one);
}

/* A browse grant to user:daemon, in these hours. */
static void
browse(struct scene *s, char *model, char *hours)
{
	OWNED_WRITER body = writer_of(4096);
	char none[] = "", to[] = "user:daemon", why[] = "w";
	const struct msg_grant_add m = {
		.model = model,
		.channel = none,
		.version = none,
		.to = to,
		.type = MSG_GRANT_BROWSE,
		.reason = why,
		.hours = hours,
	};

	msg_grant_add_write(&body, &m);
	DESK_MUST(desk_ask(&s->owner, MSG_GRANT_ADD, &body, NULL));
}

/* A session of both models, as user:daemon. */
static uint64_t
open_both(struct scene *s, const char *one, const char *other)
{
	const char *const models[] = { one, other };
	OWNED_WRITER body = writer_of(8192);
	char hex[DIGEST_HEX_SIZE], ref[128];
	struct msg_session m;
	struct digest version;
	struct reader reply;
	uint64_t id;

	writer_string(&body, "");
	writer_u8(&body, MSG_MOUNT);
	writer_string(&body, "/mnt");
	writer_string(&body, "host");
	writer_u32(&body, 7);
	writer_string(&body, "");
	writer_u8(&body, MSG_UNSIGNED);
	writer_u16(&body, 2);
	for (int i = 0; i < 2; i++) {
		DESK_MUST(catalogue_version_channel(s->d.catalogue, models[i],
		    "latest", &version));
		snprintf(ref, sizeof(ref), "%s@%s", models[i],
		    digest_hex(&version, hex));
		writer_string(&body, ref);
	}
	DESK_MUST(desk_ask(&s->daemon, MSG_SESSION_OPEN, &body, &reply));
	DESK_MUST(msg_session_read(&m, &reply));
	id = m.session;
	msg_session_clear(&m);
	return id;
}

/* Above 1 % keys wait.  The session goes on, for the other version's sake. */
static void
keys_that_are_held_back_end_with_the_hours_of_their_grant(void **state)
{
	static const size_t large[] = { 250 * 65536 };
	struct scene *s = *state;
	OWNED_WRITER body = writer_of(64);
	struct msg_release m = { .first = 2, .count = 1 };
	struct msg_release_reply had;
	struct digest version;
	char big[] = "big", llama[] = "llama", hours[] = "08:00-18:00",
	     all[] = "";

	DESK_MUST(desk_put(&s->owner, big, large, 1, &version));
	browse(s, big, hours);
	browse(s, llama, all);
	m.session = open_both(s, big, llama);
	for (uint64_t i = 0; i < 2; i++) {
		DESK_MUST(desk_release(&s->daemon, m.session, i, 1, &had));
		msg_release_reply_clear(&had);
	}
	msg_release_write(&body, &m);
	desk_send(&s->daemon, MSG_RELEASE, &body);
	settle(s);
	assert_int_equal(desk_count(&s->d, "release"), 3);
	assert_false(s->daemon.answered);
	set_clock("2026-11-23T18:00:00Z");
	broker_tick(s->d.broker, s->d.broker->now_ms + 2000);
	assert_true(s->daemon.answered);
	assert_int_equal(s->daemon.answer.bytes[FRAME_HEAD], -ERR_DENIED);
	assert_int_equal(desk_count(&s->d, "session.close"), 0);
}

#define TEST(x) cmocka_unit_test_setup_teardown(x, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_is_released_outside_the_hours),
		TEST(the_session_ends_with_the_hours),
		TEST(a_keyd_that_starts_outside_the_hours_ends_it),
		TEST(keys_that_are_held_back_end_with_the_hours_of_their_grant),
		TEST(sessions_at_once_are_counted_and_let_go),
		TEST(a_session_that_was_left_gives_its_place),
		TEST(a_session_that_was_resumed_keeps_its_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
