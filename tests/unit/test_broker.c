/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "keys/frame.h"
#include "tests/lib/desk.h"
#include "tests/lib/fault.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/log.h"
#include "vault/note.h"

#define DAEMON 1

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

static const enum msg_type types[] = { MSG_HELLO, MSG_STATUS, MSG_PUBLISH,
	MSG_ROLE_LS, MSG_ROLE_ADD, MSG_ROLE_RM, MSG_GRANT_ADD, MSG_GRANT_RM,
	MSG_GRANT_LS, MSG_PUT_BEGIN, MSG_PUT_KEYS, MSG_PUT_COMMIT, MSG_MODEL_LS,
	MSG_VERSION_GET, MSG_SESSION_OPEN, MSG_SESSION_RESUME, MSG_RELEASE,
	MSG_EXTENTS, MSG_FAULT, MSG_SESSION_CLOSE, MSG_SESSION_LS, MSG_TROUBLE,
	MSG_SESSION_EXE, MSG_CHECK_REPORT, MSG_TRUST_GET, MSG_STATEMENT_ADD,
	MSG_STATEMENT_SIGN, MSG_STATEMENT_WITHDRAW, MSG_STATEMENT_GET,
	MSG_STATEMENT_LS, MSG_CHANNEL_PROOF, MSG_CHANNEL_LOG,
	MSG_TRAIL_CONSISTENCY };
#define TYPES (sizeof(types) / sizeof(types[0]))

static void
nothing_is_answered_before_hello(void **state)
{
	struct desk *d = *state;
	struct desk_person p = { .d = d, .answer = writer_of(FRAME_BUFFER) };
	const struct peer root = { .uid = 0 };

	assert_int_equal(broker_attach(d->broker, &root, &p, &p.link), 0);
	for (size_t i = 1; i < TYPES; i++) {
		assert_int_equal(desk_ask(&p, types[i], NULL, NULL), ERR_USAGE);
		assert_non_null(strstr(p.sentence, "before hello"));
	}
	desk_person_go(&p);
}

static void
a_client_of_another_version_is_told(void **state)
{
	OWNED_WRITER body = writer_of(64);
	struct desk_person p;

	desk_person_come(&p, *state, 0);
	writer_u16(&body, MSG_VERSION + 1);
	writer_string(&body, "future");
	assert_int_equal(desk_ask(&p, MSG_HELLO, &body, NULL), ERR_FORMAT);
	assert_non_null(strstr(p.sentence, "version 2"));
	desk_person_go(&p);
}

static void
hello_says_who_is_who(void **state)
{
	struct desk *d = *state;
	OWNED_WRITER body = writer_of(64);
	struct msg_hello_reply m;
	struct desk_person p;
	struct reader reply;

	desk_person_come(&p, d, DAEMON);
	writer_u16(&body, MSG_VERSION);
	writer_string(&body, "test");
	assert_int_equal(desk_ask(&p, MSG_HELLO, &body, &reply), 0);
	assert_int_equal(msg_hello_reply_read(&m, &reply), 0);
	assert_string_equal(m.principal, "user:daemon");
	assert_int_equal(m.uid, DAEMON);
	assert_true(m.service);
	assert_memory_equal(m.vault, d->vault->id, sizeof(m.vault));
	msg_hello_reply_clear(&m);
	desk_person_go(&p);
}

static void
an_unknown_request_gets_an_error(void **state)
{
	struct desk_person p;

	desk_person_come(&p, *state, 0);
	assert_int_equal(desk_ask(&p, (enum msg_type)4711, NULL, NULL),
	    ERR_FORMAT);
	assert_non_null(strstr(p.sentence, "4711"));
	desk_person_go(&p);
}

static void
replies_and_events_are_no_requests(void **state)
{
	static const uint16_t wrong[] = { FRAME_REPLY | MSG_STATUS,
		MSG_EVENT_SESSION_ENDED, 0xffff };
	struct desk_person p;

	desk_person_come(&p, *state, 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		const struct frame f = { .type = wrong[i], .id = 1 };

		assert_int_equal(broker_request(p.link, &f), ERR_FORMAT);
	}
	desk_person_go(&p);
}

/* Whatever the body: an answer, never a crash. */
static void
any_body_is_answered(void **state)
{
	struct desk_person p;
	uint8_t bytes[96];

	desk_person_come(&p, *state, 0);
	for (size_t i = 0; i < TYPES; i++)
		for (size_t n = 0; n <= sizeof(bytes); n++) {
			OWNED_WRITER body = writer_of(sizeof(bytes));

			memset(bytes, (int)(n * 7 & 0xff), sizeof(bytes));
			writer_bytes(&body, bytes, n);
			(void)desk_ask(&p, types[i], &body, NULL);
		}
	assert_int_equal(desk_ask(&p, MSG_STATUS, NULL, NULL), 0);
	desk_person_go(&p);
}

static void
bytes_left_over_are_refused(void **state)
{
	static const enum msg_type empty[] = { MSG_STATUS, MSG_PUBLISH,
		MSG_ROLE_LS, MSG_GRANT_LS };
	OWNED_WRITER body = writer_of(1);
	struct desk_person p;

	writer_u8(&body, 0);
	desk_person_come(&p, *state, 0);
	for (size_t i = 0; i < sizeof(empty) / sizeof(empty[0]); i++)
		assert_int_equal(desk_ask(&p, empty[i], &body, NULL),
		    ERR_FORMAT);
	desk_person_go(&p);
}

static void
an_embedded_keyd_serves_its_own_user_alone(void **state)
{
	const struct peer daemon = { .uid = DAEMON };
	struct broker_link *l;
	struct desk d;

	(void)state;
	desk_new(&d, false);
	assert_int_equal(broker_attach(d.broker, &daemon, NULL, &l),
	    ERR_DENIED);
	desk_free(&d);
}

/* --- roles --- */

static void
a_role_that_is_missing_is_named_and_recorded(void **state)
{
	static const struct {
		enum msg_type type;
		const char *name;
		const char *role;
	} wanted[] = {
		{ MSG_ROLE_LS, "role.ls", "reviewer" },
		{ MSG_ROLE_ADD, "role.add", "owner" },
		{ MSG_ROLE_RM, "role.rm", "owner" },
		{ MSG_GRANT_ADD, "grant.add", "manager" },
		{ MSG_GRANT_RM, "grant.rm", "manager" },
		{ MSG_CHECK_REPORT, "check.report", "reviewer" },
		{ MSG_STATEMENT_ADD, "statement.add", "manager" },
		{ MSG_STATEMENT_SIGN, "statement.sign", "manager" },
		{ MSG_STATEMENT_WITHDRAW, "statement.withdraw", "manager" },
		{ MSG_STATEMENT_GET, "statement.get", "reviewer" },
		{ MSG_STATEMENT_LS, "statement.ls", "reviewer" },
		{ MSG_GRANT_REVIEW, "grant.review", "reviewer" },
		{ MSG_SIGN_OMS, "sign.oms", "manager" },
	};
	struct desk_person p;

	desk_person_come(&p, *state, DAEMON);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		char command[64];
		json_t *e;

		assert_int_equal(desk_ask(&p, wanted[i].type, NULL, NULL),
		    ERR_DENIED);
		snprintf(command, sizeof(command),
		    "weir role add %s --to user:daemon", wanted[i].role);
		assert_non_null(strstr(p.sentence, command));
		/* said in words: nobody types the name of a request */
		assert_null(strstr(p.sentence, wanted[i].name));
		e = desk_last(*state, "refused");
		assert_string_equal(json_string_value(
					json_object_get(e, "request")),
		    wanted[i].name);
		assert_string_equal(json_string_value(json_object_get(e, "by")),
		    "user:daemon");
		assert_int_equal(json_integer_value(json_object_get(e, "uid")),
		    DAEMON);
		json_decref(e);
	}
	desk_person_go(&p);
}

static void
an_owner_gives_and_takes_roles(void **state)
{
	struct desk_person owner, other;
	json_t *j;

	desk_person_come(&owner, *state, 0);
	desk_person_come(&other, *state, DAEMON);
	assert_int_equal(desk_ask(&other, MSG_ROLE_LS, NULL, NULL), ERR_DENIED);
	assert_int_equal(desk_role(&owner, MSG_ROLE_ADD, "reviewer", "",
			     "user:daemon"),
	    0);
	j = desk_list(&other, MSG_ROLE_LS, &(struct msg_list){ 0 });
	assert_int_equal(json_array_size(json_object_get(j, "roles")), 2);
	json_decref(j);
	assert_int_equal(desk_count(*state, "role.add"), 2);
	assert_int_equal(desk_role(&owner, MSG_ROLE_ADD, "reviewer", "",
			     "user:daemon"),
	    ERR_CONFLICT);
	assert_int_equal(desk_role(&owner, MSG_ROLE_RM, "reviewer", "",
			     "user:daemon"),
	    0);
	assert_int_equal(desk_ask(&other, MSG_ROLE_LS, NULL, NULL), ERR_DENIED);
	assert_int_equal(desk_role(&owner, MSG_ROLE_RM, "reviewer", "",
			     "user:daemon"),
	    ERR_NOT_FOUND);
	assert_int_equal(desk_count(*state, "role.rm"), 1);
	desk_person_go(&owner);
	desk_person_go(&other);
}

static void
the_last_owner_stays(void **state)
{
	struct desk_person owner;

	desk_person_come(&owner, *state, 0);
	assert_int_equal(desk_role(&owner, MSG_ROLE_RM, "owner", "",
			     "user:root"),
	    ERR_CONFLICT);
	assert_int_equal(desk_role(&owner, MSG_ROLE_ADD, "owner", "",
			     "user:bin"),
	    0);
	assert_int_equal(desk_role(&owner, MSG_ROLE_RM, "owner", "",
			     "user:root"),
	    0);
	/* and was one when it asked, but is none any more */
	assert_int_equal(desk_role(&owner, MSG_ROLE_ADD, "owner", "",
			     "user:root"),
	    ERR_DENIED);
	desk_person_go(&owner);
}

static void
a_role_that_makes_no_sense_is_refused(void **state)
{
	static const struct {
		const char *role, *family, *to;
	} wrong[] = {
		{ "king", "", "user:bob" },
		{ "uploader", "", "user:bob" },
		{ "uploader", "../x", "user:bob" },
		{ "manager", "llama", "user:bob" },
		{ "manager", "", "bob" },
		{ "manager", "", "user:" },
		{ "manager", "", "user:a b" },
	};
	struct desk_person owner;

	desk_person_come(&owner, *state, 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(desk_role(&owner, MSG_ROLE_ADD, wrong[i].role,
				     wrong[i].family, wrong[i].to),
		    ERR_USAGE);
	assert_int_equal(desk_count(*state, "role.add"), 1);
	desk_person_go(&owner);
}

/* --- the rest --- */

static void
a_checkpoint_covers_all_that_was_answered(void **state)
{
	struct desk *d = *state;
	struct note_checkpoint checkpoint;
	struct desk_person owner;
	struct reader reply;
	char *note;

	desk_person_come(&owner, d, 0);
	assert_int_equal(desk_role(&owner, MSG_ROLE_ADD, "manager", "",
			     "user:bob"),
	    0);
	assert_int_equal(desk_ask(&owner, MSG_PUBLISH, NULL, &reply), 0);
	assert_int_equal(msg_text_read(&note, &reply), 0);
	assert_int_equal(note_checkpoint_read(&checkpoint, note, strlen(note),
			     &d->vault->key),
	    0);
	/* init, owner, keyd.start, role.add */
	assert_int_equal(checkpoint.size, 4);
	free(note);
	desk_person_go(&owner);
}

/* Others are served while tiles are written and synced. */
static void
a_checkpoint_comes_without_keeping_keyd(void **state)
{
	struct desk *d = *state;
	struct desk_person owner, other;

	desk_person_come(&owner, d, 0);
	desk_person_come(&other, d, DAEMON);
	for (unsigned int i = 0; i < 3; i++) {
		unsigned int replies = owner.replies;

		desk_send(&owner, MSG_PUBLISH, NULL);
		assert_int_equal(owner.replies, replies);
		assert_int_equal(broker_waiting(owner.link), 1);
		assert_int_equal(desk_ask(&other, MSG_STATUS, NULL, NULL), 0);
		while (owner.replies == replies)
			desk_settle(d);
		assert_int_equal(broker_waiting(owner.link), 0);
	}
	/* and one that is asked for at the end is answered */
	desk_send(&owner, MSG_PUBLISH, NULL);
	desk_send(&other, MSG_PUBLISH, NULL);
	desk_person_go(&other);
	assert_int_equal(broker_stop(d->broker), 0);
	assert_true(owner.answered);
	desk_person_go(&owner);
}

static void
status_tells_what_is_going_on(void **state)
{
	struct desk_person owner;
	json_t *j;

	desk_person_come(&owner, *state, 0);
	j = desk_json(&owner, MSG_STATUS, NULL);
	assert_string_equal(json_string_value(json_object_get(j, "mode")),
	    "service");
	assert_string_equal(json_string_value(json_object_get(j, "principal")),
	    "user:root");
	assert_int_equal(json_integer_value(
			     json_object_get(json_object_get(j, "trail"),
				 "entries")),
	    3);
	json_decref(j);
	desk_person_go(&owner);
}

static void
a_check_is_recorded(void **state)
{
	const struct msg_check_report m = {
		.objects = 7,
		.bytes = 70,
		.damaged = 1,
	};
	OWNED_WRITER body = writer_of(64);
	struct desk_person owner;
	json_t *e;

	desk_person_come(&owner, *state, 0);
	msg_check_report_write(&body, &m);
	assert_int_equal(desk_ask(&owner, MSG_CHECK_REPORT, &body, NULL), 0);
	e = desk_last(*state, "check");
	assert_int_equal(json_integer_value(json_object_get(e, "damaged")), 1);
	json_decref(e);
	desk_person_go(&owner);
}

static void
what_was_answered_survives_a_crash(void **state)
{
	struct desk *d = *state;
	struct desk_person p;

	desk_person_come(&p, d, 0);
	assert_int_equal(desk_role(&p, MSG_ROLE_ADD, "manager", "", "user:bin"),
	    0);
	desk_person_go(&p);
	desk_restart(d, false);
	desk_person_come(&p, d, 0);
	assert_int_equal(desk_role(&p, MSG_ROLE_ADD, "manager", "", "user:bin"),
	    ERR_CONFLICT);
	desk_person_go(&p);
}

static void
what_waits_is_answered_at_the_end_even_of_a_failed_broker(void **state)
{
	const struct msg_check_report m = { .objects = 7 };
	OWNED_WRITER body = writer_of(64);
	struct desk *d = *state;
	struct desk_person p;
	unsigned int replies;

	desk_person_come(&p, d, 0);
	msg_check_report_write(&body, &m);
	replies = p.replies;
	fault_fail_from(FAULT_SYNC, 1, EIO);
	for (int i = 0; i < 3; i++)
		desk_send(&p, MSG_CHECK_REPORT, &body);
	assert_int_equal(broker_stop(d->broker), ERR_IO);
	assert_true(fault_off());
	assert_int_equal(p.replies, replies + 3);
	assert_int_equal(broker_waiting(p.link), 0);
	desk_person_go(&p);
}

/* Every way in which the disk can fail: an error and the end, or as asked. */
static void
a_disk_that_fails_ends_the_broker_and_nothing_is_claimed(void **state)
{
	(void)state;
	for (unsigned int n = 1;; n++) {
		struct desk_person p;
		struct desk d;
		int err, again;

		desk_new(&d, true);
		desk_person_come(&p, &d, 0);
		fault_fail(FAULT_WRITE | FAULT_SYNC, n, EIO);
		err = desk_role(&p, MSG_ROLE_ADD, "manager", "", "user:bin");
		if (!fault_off()) {
			assert_int_equal(err, 0);
			desk_person_go(&p);
			desk_free(&d);
			assert_true(n > 1);
			return;
		}
		if (err != 0) {
			assert_int_equal(err, ERR_IO);
			assert_true(broker_failed(d.broker) != 0);
			assert_int_equal(desk_ask(&p, MSG_STATUS, NULL, NULL),
			    ERR_IO);
		}
		desk_person_go(&p);
		desk_restart(&d, false);
		desk_person_come(&p, &d, 0);
		again = desk_role(&p, MSG_ROLE_ADD, "manager", "", "user:bin");
		/* What was told stands; what was not may have come to pass. */
		assert_true(again == ERR_CONFLICT || (err != 0 && again == 0));
		desk_person_go(&p);
		desk_free(&d);
	}
}

#define TEST(x) cmocka_unit_test_setup_teardown(x, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_is_answered_before_hello),
		TEST(a_client_of_another_version_is_told),
		TEST(hello_says_who_is_who),
		TEST(an_unknown_request_gets_an_error),
		TEST(replies_and_events_are_no_requests),
		TEST(any_body_is_answered),
		TEST(bytes_left_over_are_refused),
		TEST(an_embedded_keyd_serves_its_own_user_alone),
		TEST(a_role_that_is_missing_is_named_and_recorded),
		TEST(an_owner_gives_and_takes_roles),
		TEST(the_last_owner_stays),
		TEST(a_role_that_makes_no_sense_is_refused),
		TEST(a_checkpoint_covers_all_that_was_answered),
		TEST(a_checkpoint_comes_without_keeping_keyd),
		TEST(status_tells_what_is_going_on),
		TEST(a_check_is_recorded),
		TEST(what_was_answered_survives_a_crash),
		TEST(what_waits_is_answered_at_the_end_even_of_a_failed_broker),
		TEST(a_disk_that_fails_ends_the_broker_and_nothing_is_claimed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
