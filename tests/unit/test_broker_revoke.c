/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <jansson.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "keys/broker_state.h"
#include "keys/frame.h"
#include "tests/lib/desk.h"
#include "tests/lib/fault.h"
#include "tests/lib/moved.h"
#include "tests/lib/test.h"
#include "vault/entry.h"
#include "vault/err.h"
#include "vault/log.h"

#define DAEMON 1
#define SESSIONS 64 /* of one connection */
#define LINKS 4
#define SLOW_MS 120000 /* that all syncs take at most */
#define HOUR_MS INT64_C(3600000)

/* A vault with llama, which user:daemon may load. */
struct scene {
	struct desk d;
	struct desk_person owner, daemon;
	uint64_t grant;
};

static void
come(struct scene *s)
{
	desk_person_come(&s->owner, &s->d, 0);
	desk_person_come(&s->daemon, &s->d, DAEMON);
}

static void
go(struct scene *s)
{
	desk_person_go(&s->owner);
	desk_person_go(&s->daemon);
}

static int
setup(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));
	const size_t size = 5;
	struct digest version;

	assert_non_null(s);
	log_sink(test_hush, NULL);
	moved_wall_ms = 0;
	desk_new(&s->d, true);
	come(s);
	assert_int_equal(desk_put(&s->owner, "llama", &size, 1, &version), 0);
	assert_int_equal(desk_grant(&s->owner, "llama", "user:daemon",
			     MSG_GRANT_LOAD, false, &s->grant),
	    0);
	*state = s;
	return 0;
}

static int
teardown(void **state)
{
	struct scene *s = *state;

	go(s);
	desk_free(&s->d);
	free(s);
	return 0;
}

static void
crash(struct scene *s)
{
	go(s);
	desk_restart(&s->d, false);
	come(s);
}

static struct msg_session
open_one(struct desk_person *p)
{
	struct msg_session m;

	assert_int_equal(desk_open(p, "llama", MSG_MOUNT, "", &m), 0);
	return m;
}

static int
resume(struct desk_person *p, const struct msg_session *opened)
{
	OWNED_WRITER body = writer_of(64);
	struct msg_session_resume m = { .session = opened->session };
	struct msg_session again;
	struct reader reply;
	int err;

	memcpy(m.token, opened->token, sizeof(m.token));
	msg_session_resume_write(&body, &m);
	err = desk_ask(p, MSG_SESSION_RESUME, &body, &reply);
	if (err == 0) {
		assert_int_equal(msg_session_read(&again, &reply), 0);
		msg_session_clear(&again);
	}
	return err;
}

/* What a keyd that was killed left behind: the removal and nothing of what
 * follows from it. */
static void
record_removal(struct scene *s)
{
	const struct entry_actor by = { .principal = "user:root" };
	OWNED_ENTRY e = { 0 };
	const uint8_t *bytes;
	uint64_t index;
	size_t n;

	entry_begin(&e, ENTRY_GRANT_RM, &by, 1767323045000);
	entry_number(&e, "grant", s->grant);
	assert_int_equal(entry_end(&e, &bytes, &n), 0);
	assert_int_equal(trail_append(s->d.trail, bytes, n, &index), 0);
	assert_int_equal(trail_wait(s->d.trail, index), 0);
}

static void
a_revocation_that_a_crash_cut_off_is_finished_at_start(void **state)
{
	struct scene *s = *state;
	struct msg_session one = open_one(&s->daemon);
	struct msg_session two = open_one(&s->daemon);
	json_t *e;

	record_removal(s);
	crash(s);
	assert_int_equal(broker_sessions(s->d.broker), 0);
	assert_int_equal(resume(&s->daemon, &one), ERR_NOT_FOUND);
	assert_int_equal(resume(&s->daemon, &two), ERR_NOT_FOUND);
	assert_int_equal(desk_count(&s->d, "session.close"), 2);
	e = desk_last(&s->d, "session.close");
	assert_string_equal(json_string_value(json_object_get(e, "by")),
	    "keyd");
	assert_string_equal(json_string_value(json_object_get(e, "reason")),
	    "grant 1 was removed");
	json_decref(e);
	/* and once is enough */
	crash(s);
	assert_int_equal(desk_count(&s->d, "session.close"), 2);
	msg_session_clear(&one);
	msg_session_clear(&two);
}

static bool
has_grants(struct scene *s)
{
	json_t *j = desk_json(&s->owner, MSG_GRANT_LS, NULL);
	bool has = json_array_size(json_object_get(j, "grants")) > 0;

	json_decref(j);
	return has;
}

/* Wherever the disk fails: no session is left without its grant. */
static void
a_revocation_on_a_failing_disk_is_whole_after_a_restart(void **state)
{
	(void)state;
	for (unsigned int n = 1;; n++) {
		struct msg_session one, two;
		struct scene *s;
		void *fresh;
		bool fired;

		assert_int_equal(setup(&fresh), 0);
		s = fresh;
		one = open_one(&s->daemon);
		two = open_one(&s->daemon);
		fault_fail_from(FAULT_SYNC, n, EIO);
		(void)desk_grant_rm(&s->owner, s->grant);
		fired = fault_off();
		crash(s);
		assert_int_equal(broker_sessions(s->d.broker),
		    has_grants(s) ? 2 : 0);
		msg_session_clear(&one);
		msg_session_clear(&two);
		assert_int_equal(teardown(&fresh), 0);
		if (!fired)
			return;
	}
}

/* user:bin may load llama, for an hour of the clock that is moved here. */
static void
grant_for_an_hour(struct scene *s)
{
	OWNED_WRITER body = writer_of(4096);
	char model[] = "llama", none[] = "", to[] = "user:bin", why[] = "w";
	struct msg_grant_add m = {
		.model = model,
		.channel = none,
		.version = none,
		.to = to,
		.type = MSG_GRANT_LOAD,
		.loads = 1,
		.reason = why,
	};

	m.until_ms = broker_record_clock() + HOUR_MS;
	msg_grant_add_write(&body, &m);
	assert_int_equal(desk_ask(&s->owner, MSG_GRANT_ADD, &body, NULL), 0);
}

static void
a_session_ends_when_its_grants_expire(void **state)
{
	struct scene *s = *state;
	struct msg_session lasts = open_one(&s->daemon), ended;
	struct desk_person bin;

	grant_for_an_hour(s);
	desk_person_come(&bin, &s->d, 2);
	ended = open_one(&bin);
	broker_tick(s->d.broker, 1000);
	assert_int_equal(broker_sessions(s->d.broker), 2);
	moved_wall_ms = HOUR_MS;
	broker_tick(s->d.broker, 2000);
	assert_int_equal(broker_sessions(s->d.broker), 1);
	assert_int_equal(bin.events, 1);
	assert_int_equal(bin.ended, ended.session);
	assert_int_equal(s->daemon.events, 0);
	desk_person_go(&bin);
	msg_session_clear(&lasts);
	msg_session_clear(&ended);
}

static void
a_session_whose_grants_expired_meanwhile_ends_at_start(void **state)
{
	struct scene *s = *state;
	struct msg_session lasts = open_one(&s->daemon), ended;
	struct desk_person bin;

	grant_for_an_hour(s);
	desk_person_come(&bin, &s->d, 2);
	ended = open_one(&bin);
	desk_person_go(&bin);
	crash(s);
	assert_int_equal(broker_sessions(s->d.broker), 2);
	moved_wall_ms = HOUR_MS;
	crash(s);
	assert_int_equal(broker_sessions(s->d.broker), 1);
	desk_person_come(&bin, &s->d, 2);
	assert_int_equal(resume(&bin, &ended), ERR_NOT_FOUND);
	assert_int_equal(resume(&s->daemon, &lasts), 0);
	desk_person_go(&bin);
	msg_session_clear(&lasts);
	msg_session_clear(&ended);
}

/* Whether keyd waits for the trail: it does when the trail's queue is full. */
static atomic_bool keyd_waits;
int __real_trail_wait(struct trail *t, uint64_t index);
int __wrap_trail_wait(struct trail *t, uint64_t index);

int
__wrap_trail_wait(struct trail *t, uint64_t index)
{
	int err;

	keyd_waits = true;
	err = __real_trail_wait(t, index);
	keyd_waits = false;
	return err;
}

struct audience {
	struct desk_person readers[LINKS];
	unsigned int slow_ms; /* that syncs have taken */
};

/* How many of the readers' sessions have heard that they have ended. */
static unsigned int
heard(struct audience *a)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < LINKS; i++)
		n += a->readers[i].events;
	return n;
}

/* A disk on which a sync takes until all have heard, once one has, or nobody
 * hears more before it is done. */
static void
take_time(void *arg)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	struct audience *a = arg;
	unsigned int n = heard(a);

	while (n != 0 && n < LINKS * SESSIONS && !keyd_waits &&
	    a->slow_ms++ < SLOW_MS) {
		nanosleep(&pause, NULL);
		n = heard(a);
	}
}

/* Not a sync and a commit for each of them: they hear of it at once. */
static void
a_revocation_reaches_all_sessions_with_a_few_syncs(void **state)
{
	struct scene *s = *state;
	struct audience a = { 0 };
	unsigned int syncs;

	for (unsigned int i = 0; i < LINKS; i++) {
		desk_person_come(&a.readers[i], &s->d, DAEMON);
		for (unsigned int n = 0; n < SESSIONS; n++) {
			struct msg_session m = open_one(&a.readers[i]);

			msg_session_clear(&m);
		}
	}
	fault_each(FAULT_SYNC, take_time, &a);
	assert_int_equal(desk_grant_rm(&s->owner, s->grant), 0);
	syncs = fault_seen();
	fault_off();
	/* The removal, the first to end, all others; and checkpoints. */
	assert_true(syncs < SESSIONS / 2);
	for (unsigned int i = 0; i < LINKS; i++) {
		assert_int_equal(a.readers[i].events, SESSIONS);
		desk_person_go(&a.readers[i]);
	}
	/* The answer came after all of it was durable. */
	assert_int_equal(desk_count(&s->d, "session.close"), LINKS * SESSIONS);
	assert_int_equal(broker_sessions(s->d.broker), 0);
}

/* Ask to open with the nth allocation in keyd failing; its error. */
static int
open_without_memory(struct desk_person *p, unsigned int n, bool *fired)
{
	OWNED_WRITER w = writer_of(FRAME_BUFFER);
	OWNED_MEM(char) sentence = NULL;
	char reference[REF_NAME_MAX + DIGEST_HEX_SIZE], hex[DIGEST_HEX_SIZE];
	struct digest version;
	struct frame f;
	struct reader r;
	size_t used;
	int status;

	assert_int_equal(catalogue_version_channel(p->d->catalogue, "llama",
			     "latest", &version),
	    0);
	snprintf(reference, sizeof(reference), "llama@%s",
	    digest_hex(&version, hex));
	frame_begin(&w, MSG_SESSION_OPEN, ++p->last_id);
	writer_string(&w, "");
	writer_u8(&w, MSG_MOUNT);
	writer_string(&w, "/mnt");
	writer_string(&w, "host");
	writer_u32(&w, 7);
	writer_string(&w, "");
	writer_u8(&w, MSG_UNSIGNED);
	writer_u16(&w, 1);
	writer_string(&w, reference);
	assert_int_equal(frame_end(&w), 0);
	assert_int_equal(frame_parse(&f, w.bytes, w.length, &used), 0);
	p->answered = false;
	fault_fail(FAULT_MEMORY, n, ENOMEM);
	status = broker_request(p->link, &f);
	*fired = fault_off();
	if (status != 0)
		return status;
	while (!p->answered)
		desk_settle(p->d);
	assert_int_equal(frame_parse(&f, p->answer.bytes, p->answer.length,
			     &used),
	    0);
	r = reader_of(f.body, f.length);
	assert_int_equal(msg_status_read(&r, &status, &sentence), 0);
	return status;
}

/* No session is recorded as open that nobody has. */
static void
an_opening_that_fails_half_way_is_closed(void **state)
{
	unsigned int closed = 0;

	(void)state;
	for (unsigned int n = 1;; n++) {
		struct scene *s;
		void *fresh;
		bool fired;
		int err;

		assert_int_equal(setup(&fresh), 0);
		s = fresh;
		err = open_without_memory(&s->daemon, n, &fired);
		if (broker_failed(s->d.broker) == 0) {
			assert_int_equal(desk_role(&s->owner, MSG_ROLE_ADD,
					     "manager", "", "user:bin"),
			    0);
			closed += desk_count(&s->d, "session.close");
			assert_int_equal(desk_count(&s->d, "session.open") -
				desk_count(&s->d, "session.close"),
			    broker_sessions(s->d.broker));
			if (err != 0)
				assert_int_equal(broker_sessions(s->d.broker),
				    0);
		}
		assert_int_equal(teardown(&fresh), 0);
		if (!fired)
			break;
	}
	assert_true(closed > 0);
}

#define TEST(x) cmocka_unit_test_setup_teardown(x, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_revocation_that_a_crash_cut_off_is_finished_at_start),
		cmocka_unit_test(
		    a_revocation_on_a_failing_disk_is_whole_after_a_restart),
		TEST(a_session_ends_when_its_grants_expire),
		TEST(a_session_whose_grants_expired_meanwhile_ends_at_start),
		cmocka_unit_test(an_opening_that_fails_half_way_is_closed),
		TEST(a_revocation_reaches_all_sessions_with_a_few_syncs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
