/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "keys/frame.h"
#include "keys/session.h"
#include "tests/lib/loan.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/log.h"
#include "vault/manifest.h"
#include "vault/version.h"

static int
close_session(struct desk_person *p, uint64_t id)
{
	OWNED_WRITER body = writer_of(64);
	char reason[] = "done";
	const struct msg_id_reason m = { .id = id, .reason = reason };

	msg_id_reason_write(&body, &m);
	return desk_ask(p, MSG_SESSION_CLOSE, &body, NULL);
}

/* "" when there is no such session. */
static const char *
state_of(struct desk_person *p, uint64_t id, char out[static 32])
{
	const char *text;
	json_t *j = desk_list(p, MSG_SESSION_LS,
	    &(struct msg_list){ .id = id });

	text = json_string_value(
	    json_object_get(json_array_get(json_object_get(j, "sessions"), 0),
		"state"));
	snprintf(out, 32, "%s", text != NULL ? text : "");
	json_decref(j);
	return out;
}

/* --- what sessions report --- */

static void
extents_are_recorded_whatever_is_in_them(void **state)
{
	struct loan *s = *state;
	struct msg_extent extents[MSG_EXTENTS_MAX];
	struct msg_extents m = {
		.session = loan_open(&s->daemon),
		.count = MSG_EXTENTS_MAX,
		.extents = extents,
	};
	OWNED_WRITER body = writer_of(FRAME_MAX);
	char exe[MSG_TEXT_MAX - 512];
	unsigned int reads = 0;
	json_t *e;

	memset(exe, '\x01', sizeof(exe)); /* six characters each in JSON */
	exe[sizeof(exe) - 1] = '\0';
	for (uint32_t i = 0; i < MSG_EXTENTS_MAX; i++)
		extents[i] = (struct msg_extent){ .offset = i, .exe = exe };
	msg_extents_write(&body, &m);
	assert_true(writer_ok(&body));
	assert_int_equal(desk_ask(&s->daemon, MSG_EXTENTS, &body, NULL), 0);
	assert_int_equal(desk_count(&s->d, "extents"), 8);
	e = desk_last(&s->d, "extents");
	reads = (unsigned int)json_array_size(json_object_get(e, "reads"));
	assert_int_equal(reads, 32);
	json_decref(e);
}

static void
a_fault_is_recorded_and_counted(void **state)
{
	struct loan *s = *state;
	OWNED_WRITER body = writer_of(4096);
	char reason[] = "block 3 does not match";
	const struct msg_fault m = {
		.session = loan_open(&s->daemon),
		.file = MSG_NO_FILE,
		.reason = reason,
	};
	json_t *j;

	msg_fault_write(&body, &m);
	assert_int_equal(desk_ask(&s->daemon, MSG_FAULT, &body, NULL), 0);
	j = desk_last(&s->d, "fault");
	assert_null(json_object_get(j, "file"));
	assert_string_equal(json_string_value(json_object_get(j, "reason")),
	    reason);
	json_decref(j);
	j = desk_list(&s->daemon, MSG_SESSION_LS,
	    &(struct msg_list){ .id = m.session });
	assert_int_equal(json_integer_value(
			     json_object_get(json_array_get(json_object_get(j,
								"sessions"),
						 0),
				 "faults")),
	    1);
	json_decref(j);
}

/* --- resuming and ending --- */

static int
resume(struct desk_person *p, uint64_t id,
    const uint8_t token[static SESSION_TOKEN])
{
	OWNED_WRITER body = writer_of(64);
	struct msg_session_resume m = { .session = id };
	struct msg_session again;
	struct reader reply;
	int err;

	memcpy(m.token, token, sizeof(m.token));
	msg_session_resume_write(&body, &m);
	err = desk_ask(p, MSG_SESSION_RESUME, &body, &reply);
	if (err == 0) {
		assert_int_equal(msg_session_read(&again, &reply), 0);
		assert_true(again.session == id);
		msg_session_clear(&again);
	}
	return err;
}

static void
a_session_outlives_keyd_and_goes_on_with_its_token(void **state)
{
	struct loan *s = *state;
	struct msg_session m;

	for (int cleanly = 0; cleanly <= 1; cleanly++) {
		assert_int_equal(desk_open(&s->daemon, "llama", MSG_MOUNT, "",
				     &m),
		    0);
		loan_restart(s, cleanly != 0);
		assert_int_equal(loan_release(&s->daemon, m.session, 0, 1),
		    ERR_DENIED);
		m.token[7] ^= 1;
		assert_int_equal(resume(&s->daemon, m.session, m.token),
		    ERR_DENIED);
		m.token[7] ^= 1;
		assert_int_equal(resume(&s->daemon, m.session + 1, m.token),
		    ERR_DENIED);
		assert_int_equal(resume(&s->daemon, m.session, m.token), 0);
		assert_int_equal(loan_release(&s->daemon, m.session, 0, 64), 0);
		assert_int_equal(close_session(&s->daemon, m.session), 0);
		assert_int_equal(resume(&s->daemon, m.session, m.token),
		    ERR_NOT_FOUND);
		msg_session_clear(&m);
	}
	assert_int_equal(desk_count(&s->d, "session.resume"), 2);
}

/* A mount's monitor opens the session, and its worker comes beside it. */
static void
a_worker_that_comes_with_its_session_is_not_a_resume(void **state)
{
	struct loan *s = *state;
	struct desk_person worker, other;
	struct msg_session m;

	desk_person_come(&worker, &s->d, LOAN_READER);
	desk_person_come(&other, &s->d, 0);
	assert_int_equal(desk_open(&s->daemon, "llama", MSG_MOUNT, "", &m), 0);
	assert_int_equal(resume(&worker, m.session, m.token), 0);
	assert_int_equal(desk_count(&s->d, "session.resume"), 0);
	assert_int_equal(loan_release(&worker, m.session, 0, 1), 0);
	/* a third connection has an entry */
	assert_int_equal(resume(&other, m.session, m.token), 0);
	assert_int_equal(desk_count(&s->d, "session.resume"), 1);
	/* as has the worker's next one */
	desk_person_go(&worker);
	desk_person_come(&worker, &s->d, LOAN_READER);
	assert_int_equal(resume(&worker, m.session, m.token), 0);
	assert_int_equal(desk_count(&s->d, "session.resume"), 2);
	desk_person_go(&worker);
	desk_person_go(&other);
	/* both of them after a restart: one */
	loan_restart(s, false);
	desk_person_come(&worker, &s->d, LOAN_READER);
	assert_int_equal(resume(&s->daemon, m.session, m.token), 0);
	assert_int_equal(resume(&worker, m.session, m.token), 0);
	assert_int_equal(desk_count(&s->d, "session.resume"), 3);
	desk_person_go(&worker);

	/* somebody else's first one is no worker's */
	msg_session_clear(&m);
	assert_int_equal(desk_open(&s->daemon, "llama", MSG_MOUNT, "", &m), 0);
	desk_person_come(&other, &s->d, 2);
	assert_int_equal(resume(&other, m.session, m.token), 0);
	assert_int_equal(desk_count(&s->d, "session.resume"), 4);
	desk_person_go(&other);
	msg_session_clear(&m);
}

static void
a_session_without_connections_ends_after_a_minute(void **state)
{
	struct loan *s = *state;
	struct desk_person p;
	char text[32];
	uint64_t id;

	desk_person_come(&p, &s->d, LOAN_READER);
	id = loan_open(&p);
	broker_tick(s->d.broker, 5000);
	broker_tick(s->d.broker, 500000);
	assert_string_equal(state_of(&s->daemon, id, text), "open");
	desk_person_go(&p);
	assert_string_equal(state_of(&s->daemon, id, text), "unattended");
	broker_tick(s->d.broker, 559999);
	assert_string_equal(state_of(&s->daemon, id, text), "unattended");
	broker_tick(s->d.broker, 560000);
	assert_string_equal(state_of(&s->daemon, id, text), "closed");
	/* Nobody waits for that entry; what comes after it does. */
	assert_int_equal(desk_role(&s->owner, MSG_ROLE_ADD, "manager", "",
			     "user:sync"),
	    0);
	assert_int_equal(desk_count(&s->d, "session.close"), 1);
}

static void
a_session_that_nobody_resumes_ends_a_minute_after_start(void **state)
{
	struct loan *s = *state;
	uint64_t id = loan_open(&s->daemon);
	char text[32];

	loan_restart(s, false);
	broker_tick(s->d.broker, 59999);
	assert_string_equal(state_of(&s->daemon, id, text), "unattended");
	broker_tick(s->d.broker, 60000);
	assert_string_equal(state_of(&s->daemon, id, text), "closed");
}

static int
tell_trouble(struct desk_person *p, uint64_t id, uint8_t what)
{
	OWNED_WRITER body = writer_of(64);
	const struct msg_trouble m = { id, what };

	msg_trouble_write(&body, &m);
	return desk_ask(p, MSG_TROUBLE, &body, NULL);
}

/* The words of it, with a blank behind each. */
static const char *
trouble_of(struct desk_person *p, uint64_t id, char out[static 32])
{
	json_t *j = desk_list(p, MSG_SESSION_LS,
	    &(struct msg_list){ .id = id });
	const json_t *s = json_array_get(json_object_get(j, "sessions"), 0);
	json_t *word;
	size_t i;

	out[0] = '\0';
	assert_true(json_is_array(json_object_get(s, "trouble")));
	json_array_foreach(json_object_get(s, "trouble"), i, word) {
		size_t n = strlen(out);

		snprintf(out + n, 32 - n, "%s ", json_string_value(word));
	}
	json_decref(j);
	return out;
}

static void
trouble_is_shown_until_it_is_not_said_any_more(void **state)
{
	struct loan *s = *state;
	uint64_t id = loan_open(&s->daemon);
	char text[32];

	broker_tick(s->d.broker, 50000);
	assert_string_equal(trouble_of(&s->owner, id, text), "");
	assert_int_equal(tell_trouble(&s->daemon, id, MSG_TROUBLE_STORE), 0);
	assert_string_equal(trouble_of(&s->owner, id, text), "store ");
	assert_int_equal(tell_trouble(&s->daemon, id, MSG_TROUBLE_ALL), 0);
	assert_string_equal(trouble_of(&s->owner, id, text),
	    "store keys refused ");
	assert_int_equal(tell_trouble(&s->daemon, id, 0), 0);
	assert_string_equal(trouble_of(&s->owner, id, text), "");
	assert_int_equal(tell_trouble(&s->daemon, id, MSG_TROUBLE_KEYS), 0);
	broker_tick(s->d.broker, 60000);
	assert_string_equal(trouble_of(&s->owner, id, text), "keys ");
	broker_tick(s->d.broker, 60001);
	assert_string_equal(trouble_of(&s->owner, id, text), "");
	/* By its own connection, and in words that are known. */
	assert_int_equal(tell_trouble(&s->owner, id, MSG_TROUBLE_STORE),
	    ERR_DENIED);
	assert_int_equal(tell_trouble(&s->daemon, id, MSG_TROUBLE_ALL + 1),
	    ERR_FORMAT);
	assert_string_equal(trouble_of(&s->owner, id, text), "");
}

static void
a_session_is_closed_by_those_who_may(void **state)
{
	struct loan *s = *state;
	struct desk_person bin, again;
	uint64_t id = loan_open(&s->daemon);

	desk_person_come(&bin, &s->d, 2);
	assert_int_equal(close_session(&bin, id), ERR_DENIED);
	assert_non_null(strstr(bin.sentence, "there is no session 1 of"));
	/* and does not learn which ones there are */
	assert_int_equal(close_session(&bin, 99), ERR_DENIED);
	assert_non_null(strstr(bin.sentence, "there is no session 99 of"));
	assert_int_equal(desk_count(&s->d, "refused"), 2);
	assert_int_equal(close_session(&s->owner, 99), ERR_NOT_FOUND);
	assert_int_equal(s->daemon.events, 0);
	assert_int_equal(close_session(&s->owner, id), 0);
	assert_int_equal(s->daemon.events, 1);
	assert_int_equal(close_session(&s->owner, id), ERR_CONFLICT);
	assert_int_equal(close_session(&s->daemon, id), ERR_CONFLICT);
	assert_int_equal(close_session(&bin, id), ERR_DENIED);

	/* by the principal over another connection */
	id = loan_open(&s->daemon);
	desk_person_come(&again, &s->d, LOAN_READER);
	assert_int_equal(close_session(&again, id), 0);
	assert_int_equal(s->daemon.events, 2);
	assert_int_equal(again.events, 0);
	/* and over its own, which needs no telling */
	id = loan_open(&s->daemon);
	assert_int_equal(close_session(&s->daemon, id), 0);
	assert_int_equal(s->daemon.events, 2);
	desk_person_go(&again);
	desk_person_go(&bin);
}

static void
sessions_are_listed_to_those_whom_they_concern(void **state)
{
	struct loan *s = *state;
	const struct msg_list all = { 0 },
			      one = { .id = loan_open(&s->daemon) };
	struct desk_person bin;
	json_t *j;

	desk_person_come(&bin, &s->d, 2);
	j = desk_list(&bin, MSG_SESSION_LS, &all);
	assert_int_equal(json_array_size(json_object_get(j, "sessions")), 0);
	json_decref(j);
	assert_null(desk_list(&bin, MSG_SESSION_LS, &one));
	assert_non_null(strstr(bin.sentence, "that user:bin may see"));
	j = desk_list(&s->owner, MSG_SESSION_LS, &all);
	assert_int_equal(json_array_size(json_object_get(j, "sessions")), 1);
	json_decref(j);
	j = desk_list(&s->daemon, MSG_SESSION_LS, &one);
	assert_int_equal(json_array_size(json_object_get(j, "sessions")), 1);
	json_decref(j);
	desk_person_go(&bin);
}

static int
report(struct desk_person *p, uint64_t session)
{
	OWNED_WRITER body = writer_of(64);
	char exe[] = "/bin/x";
	struct msg_extent one = { .length = 1, .exe = exe };
	struct msg_extents m = {
		.session = session,
		.count = 1,
		.extents = &one,
	};

	msg_extents_write(&body, &m);
	return desk_ask(p, MSG_EXTENTS, &body, NULL);
}

/* What has ended takes nobody's room, and is remembered for a while. */
static void
a_connection_may_open_and_close_for_ever(void **state)
{
	struct loan *s = *state;
	uint64_t first = loan_open(&s->daemon), last = 0;

	for (int i = 0; i < 100; i++) {
		last = loan_open(&s->daemon);
		assert_int_equal(close_session(&s->daemon, last), 0);
	}
	assert_int_equal(loan_release(&s->daemon, first, 0, 1), 0);
	assert_int_equal(report(&s->daemon, last), 0);
	assert_int_equal(report(&s->daemon, last - 63), 0);
	assert_int_equal(report(&s->daemon, last - 64), ERR_DENIED);
	/* the one that was opened first ends last */
	assert_int_equal(close_session(&s->daemon, first), 0);
	assert_int_equal(report(&s->daemon, first), 0);
	assert_int_equal(report(&s->daemon, last - 62), 0);
	assert_int_equal(report(&s->daemon, last - 63), ERR_DENIED);
}

static void
a_session_that_is_held_is_resumed_however_many_there_are(void **state)
{
	struct loan *s = *state;
	struct msg_session m, more;

	assert_int_equal(desk_open(&s->daemon, "llama", MSG_MOUNT, "", &m), 0);
	for (int i = 1; i < 64; i++)
		(void)loan_open(&s->daemon);
	assert_int_equal(desk_open(&s->daemon, "llama", MSG_MOUNT, "", &more),
	    ERR_LIMIT);
	assert_int_equal(resume(&s->daemon, m.session, m.token), 0);
	msg_session_clear(&m);
}

static void
an_embedded_keyd_ends_what_its_clients_left(void **state)
{
	const size_t size = 5;
	struct desk_person p;
	struct digest version;
	uint64_t grant, id;
	char text[32];
	struct desk d;

	(void)state;
	desk_new(&d, false);
	desk_person_come(&p, &d, 0);
	assert_int_equal(desk_put(&p, "llama", &size, 1, &version), 0);
	assert_int_equal(desk_grant(&p, "llama", "user:root", MSG_GRANT_LOAD,
			     false, &grant),
	    0);
	id = loan_open(&p);
	desk_person_go(&p);
	desk_restart(&d, true);
	desk_person_come(&p, &d, 0);
	assert_string_equal(state_of(&p, id, text), "closed");

	/* one that was open when keyd was killed may be resumed yet */
	id = loan_open(&p);
	desk_person_go(&p);
	desk_restart(&d, false);
	desk_restart(&d, true);
	desk_person_come(&p, &d, 0);
	assert_string_equal(state_of(&p, id, text), "unattended");
	desk_person_go(&p);
	desk_free(&d);
}

#define TEST(x) cmocka_unit_test_setup_teardown(x, loan_setup, loan_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(extents_are_recorded_whatever_is_in_them),
		TEST(a_fault_is_recorded_and_counted),
		TEST(a_session_outlives_keyd_and_goes_on_with_its_token),
		TEST(a_worker_that_comes_with_its_session_is_not_a_resume),
		TEST(a_session_without_connections_ends_after_a_minute),
		TEST(a_session_that_nobody_resumes_ends_a_minute_after_start),
		TEST(trouble_is_shown_until_it_is_not_said_any_more),
		TEST(a_session_is_closed_by_those_who_may),
		TEST(sessions_are_listed_to_those_whom_they_concern),
		TEST(a_connection_may_open_and_close_for_ever),
		TEST(a_session_that_is_held_is_resumed_however_many_there_are),
		cmocka_unit_test(an_embedded_keyd_ends_what_its_clients_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
