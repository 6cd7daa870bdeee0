/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/desk.h"
#include "tests/lib/fault.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/log.h"

/* Refusals are recorded, and do not fill the disk. */

#define DAEMON 1
#define BIN 2
#define BURST 32

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

/* What they are answered at once. */
static void
use_up(struct desk_person *p)
{
	for (int i = 0; i < BURST; i++) {
		assert_int_equal(desk_ask(p, MSG_ROLE_LS, NULL, NULL),
		    ERR_DENIED);
		assert_false(broker_held_back(p->link));
	}
}

static uint64_t
last_more(struct desk *d)
{
	json_t *e = desk_last(d, "refused");
	uint64_t more = (uint64_t)json_integer_value(
	    json_object_get(e, "more"));

	json_decref(e);
	return more;
}

static void
beyond_a_burst_one_entry_stands_for_all(void **state)
{
	struct desk *d = *state;
	struct desk_person p[3], other;
	unsigned int replies;

	for (int i = 0; i < 3; i++)
		desk_person_come(&p[i], d, DAEMON);
	desk_person_come(&other, d, BIN);
	use_up(&p[0]);
	assert_int_equal(desk_count(d, "refused"), BURST);
	replies = p[0].replies;

	for (int i = 0; i < 3; i++) {
		desk_send(&p[i], MSG_ROLE_LS, NULL);
		assert_true(broker_held_back(p[i].link));
		assert_int_equal(broker_waiting(p[i].link), 1);
	}
	/* others are answered as ever */
	assert_int_equal(desk_ask(&other, MSG_ROLE_LS, NULL, NULL), ERR_DENIED);
	assert_int_equal(p[0].replies, replies);
	assert_int_equal(desk_count(d, "refused"), BURST + 1);

	broker_tick(d->broker, 1000);
	while (!p[0].answered || !p[1].answered || !p[2].answered)
		desk_settle(d);
	for (int i = 0; i < 3; i++) {
		assert_false(broker_held_back(p[i].link));
		assert_int_equal(broker_waiting(p[i].link), 0);
	}
	assert_int_equal(desk_count(d, "refused"), BURST + 2);
	assert_int_equal(last_more(d), 2);
	for (int i = 0; i < 3; i++)
		desk_person_go(&p[i]);
	desk_person_go(&other);
}

/* No refusal is told of before it is durable. */
static void
who_waits_hears_when_the_entry_is_durable(void **state)
{
	struct desk *d = *state;
	struct desk_person p;
	uint64_t before;

	desk_person_come(&p, d, DAEMON);
	use_up(&p);
	desk_send(&p, MSG_ROLE_LS, NULL);
	before = trail_size(d->trail);
	broker_tick(d->broker, 1000);
	assert_false(p.answered);
	while (!p.answered)
		desk_settle(d);
	assert_true(d->size_at_send > before);
	assert_int_equal(last_more(d), 0);
	desk_person_go(&p);
}

static void
a_second_brings_one_more(void **state)
{
	struct desk *d = *state;
	struct desk_person p;

	desk_person_come(&p, d, DAEMON);
	use_up(&p);
	broker_tick(d->broker, 999);
	broker_tick(d->broker, 3000);
	for (int i = 0; i < 3; i++)
		assert_int_equal(desk_ask(&p, MSG_ROLE_LS, NULL, NULL),
		    ERR_DENIED);
	desk_send(&p, MSG_ROLE_LS, NULL);
	assert_true(broker_held_back(p.link));
	broker_tick(d->broker, 1000000);
	while (!p.answered)
		desk_settle(d);
	use_up(&p);
	desk_send(&p, MSG_ROLE_LS, NULL);
	assert_true(broker_held_back(p.link));
	desk_person_go(&p);
}

static void
sessions_that_are_refused_count_too(void **state)
{
	struct desk *d = *state;
	struct msg_session m;
	struct desk_person p;
	json_t *e;

	desk_person_come(&p, d, DAEMON);
	for (int i = 0; i < BURST; i++)
		assert_int_equal(desk_open(&p, "llama", MSG_MOUNT, "", &m),
		    ERR_DENIED);
	desk_send(&p, MSG_ROLE_LS, NULL);
	assert_true(broker_held_back(p.link));
	broker_tick(d->broker, 1000);
	while (!p.answered)
		desk_settle(d);
	e = desk_last(d, "refused");
	assert_string_equal(json_string_value(json_object_get(e, "request")),
	    "role.ls");
	assert_string_equal(json_string_value(json_object_get(e, "by")),
	    "user:daemon");
	assert_int_equal(json_integer_value(json_object_get(e, "uid")), DAEMON);
	json_decref(e);
	desk_person_go(&p);
}

static void
who_leaves_while_it_waits_is_recorded_all_the_same(void **state)
{
	struct desk *d = *state;
	struct desk_person p, q;

	desk_person_come(&p, d, DAEMON);
	desk_person_come(&q, d, DAEMON);
	use_up(&p);
	desk_send(&p, MSG_ROLE_LS, NULL);
	desk_send(&q, MSG_ROLE_LS, NULL);
	desk_person_go(&p);
	assert_int_equal(broker_stop(d->broker), 0);
	assert_true(q.answered);
	assert_int_equal(desk_count(d, "refused"), BURST + 1);
	assert_int_equal(last_more(d), 1);
	desk_person_go(&q);
}

/* Or a thief would make noise first, and then be refused unseen. */
static void
what_the_watch_looks_for_is_recorded_beside_a_flood(void **state)
{
	static const size_t sizes[] = { 3 * 65536 };
	struct desk *d = *state;
	struct desk_person owner, p, noise;
	struct msg_session m;
	struct msg_release release = { .count = 1 };
	OWNED_WRITER body = writer_of(64);
	struct digest version;
	uint64_t grant;
	json_t *e;

	desk_person_come(&owner, d, 0);
	desk_person_come(&p, d, DAEMON);
	desk_person_come(&noise, d, DAEMON);
	DESK_MUST(desk_put(&owner, "llama", sizes, 1, &version));
	DESK_MUST(desk_grant(&owner, "llama", "user:daemon", MSG_GRANT_LOAD,
	    false, &grant));
	DESK_MUST(desk_open(&p, "llama", MSG_MOUNT, "", &m));
	release.session = m.session;
	msg_session_clear(&m);
	use_up(&p);
	DESK_MUST(desk_grant_rm(&owner, grant));
	desk_send(&noise, MSG_ROLE_LS, NULL);
	assert_true(broker_held_back(noise.link));
	msg_release_write(&body, &release);
	assert_int_equal(desk_ask(&p, MSG_RELEASE, &body, NULL), ERR_DENIED);
	e = desk_last(d, "refused");
	assert_string_equal(json_string_value(json_object_get(e, "reason")),
	    "session ended");
	json_decref(e);
	/* And these have an end as well. */
	for (int i = 1; i < BURST; i++)
		assert_int_equal(desk_ask(&p, MSG_RELEASE, &body, NULL),
		    ERR_DENIED);
	desk_send(&p, MSG_RELEASE, &body);
	assert_true(broker_held_back(p.link));
	desk_person_go(&noise);
	desk_person_go(&p);
	desk_person_go(&owner);
}

static void
on_a_disk_that_fails_all_hear_of_it(void **state)
{
	struct desk *d = *state;
	struct desk_person p, q;

	desk_person_come(&p, d, DAEMON);
	desk_person_come(&q, d, DAEMON);
	use_up(&p);
	desk_send(&p, MSG_ROLE_LS, NULL);
	fault_fail_from(FAULT_SYNC, 1, EIO);
	broker_tick(d->broker, 1000);
	while (!p.answered)
		desk_settle(d);
	assert_true(fault_off());
	assert_true(broker_failed(d->broker) != 0);
	assert_int_equal(p.answer.bytes[16], -ERR_IO);
	desk_person_go(&p);
	desk_person_go(&q);
}

static void
those_who_look_after_the_vault_are_not_held_back(void **state)
{
	struct desk_person p;
	struct msg_session m;

	desk_person_come(&p, *state, 0);
	for (int i = 0; i < 2 * BURST; i++)
		assert_int_equal(desk_open(&p, "llama", MSG_MOUNT, "", &m),
		    ERR_NOT_FOUND);
	assert_int_equal(desk_count(*state, "session.refused"), 2 * BURST);
	desk_person_go(&p);
}

#define TEST(x) cmocka_unit_test_setup_teardown(x, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(beyond_a_burst_one_entry_stands_for_all),
		TEST(who_waits_hears_when_the_entry_is_durable),
		TEST(a_second_brings_one_more),
		TEST(sessions_that_are_refused_count_too),
		TEST(who_leaves_while_it_waits_is_recorded_all_the_same),
		TEST(what_the_watch_looks_for_is_recorded_beside_a_flood),
		TEST(on_a_disk_that_fails_all_hear_of_it),
		TEST(those_who_look_after_the_vault_are_not_held_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
