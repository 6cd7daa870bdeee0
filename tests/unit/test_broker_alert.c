/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys/alert.h"
#include "keys/broker_state.h"
#include "tests/lib/desk.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/log.h"

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

/* As the watch would. */
static void
raise_about(struct desk *d, uint64_t number, const char *model, const char *who)
{
	const struct digest version = { { 0xab } };
	struct watch_alert a = {
		.rule = "browse-half",
		.severity = WATCH_HIGH,
		.score = 1.2345,
		.principal = who,
		.model = model,
		.version = &version,
		.session = 9,
		.reason = "user:bob has had 1.0 % of it in 30 days",
		.advice = "weir session close 9",
		.entries = { 3, 5 },
		.entry_count = 2,
	};
	OWNED_ENTRY e = { 0 };

	broker_record_begin(&e, ENTRY_ALERT);
	alert_write(&e, number, &a);
	DESK_MUST(broker_record_wait(d->broker, &e));
}

static void
raise_alert(struct desk *d, uint64_t number, const char *model)
{
	raise_about(d, number, model, "user:bob");
}

static json_t *
alerts(struct desk_person *p, const struct msg_list *m)
{
	json_t *j = desk_list(p, MSG_ALERT_LS, m);

	assert_non_null(j);
	return j;
}

static size_t
count(struct desk_person *p, const struct msg_list *m)
{
	json_t *j = alerts(p, m);
	size_t n = json_array_size(json_object_get(j, "alerts"));

	json_decref(j);
	return n;
}

static int
ack(struct desk_person *p, uint64_t alert, const char *word, const char *note)
{
	OWNED_WRITER body = writer_of(2 * MSG_TEXT_MAX);

	writer_u64(&body, alert);
	writer_string(&body, word);
	writer_string(&body, note);
	return desk_ask(p, MSG_ALERT_ACK, &body, NULL);
}

static void
an_alert_is_listed_with_all_that_was_raised(void **state)
{
	struct desk_person owner;
	const json_t *a;
	json_t *j;

	desk_person_come(&owner, *state, 0);
	raise_alert(*state, 1, "llama");
	j = alerts(&owner, &(struct msg_list){ 0 });
	a = json_array_get(json_object_get(j, "alerts"), 0);
	assert_int_equal(json_integer_value(json_object_get(a, "alert")), 1);
	assert_string_equal(json_string_value(json_object_get(a, "rule")),
	    "browse-half");
	assert_string_equal(json_string_value(json_object_get(a, "severity")),
	    "high");
	assert_true(json_real_value(json_object_get(a, "score")) > 1.234 &&
	    json_real_value(json_object_get(a, "score")) < 1.236);
	assert_string_equal(json_string_value(json_object_get(a, "principal")),
	    "user:bob");
	assert_int_equal(json_integer_value(json_object_get(a, "session")), 9);
	assert_int_equal(json_array_size(json_object_get(a, "entries")), 2);
	assert_non_null(json_object_get(a, "advice"));
	assert_null(json_object_get(a, "ack"));
	json_decref(j);
	desk_person_go(&owner);
}

static void
lists_are_of_one_model_one_alert_or_what_is_new(void **state)
{
	struct desk_person owner;
	char llama[] = "llama", one[] = "1";

	desk_person_come(&owner, *state, 0);
	raise_alert(*state, 1, "llama");
	raise_alert(*state, 2, "qwen");
	raise_alert(*state, 3, "llama");
	assert_int_equal(ack(&owner, 1, "benign", ""), 0);
	assert_int_equal(count(&owner, &(struct msg_list){ 0 }), 2);
	assert_int_equal(count(&owner, &(struct msg_list){ .ended = true }), 3);
	assert_int_equal(count(&owner, &(struct msg_list){ .model = llama }),
	    1);
	assert_int_equal(count(&owner,
			     &(struct msg_list){ .model = llama,
				 .ended = true }),
	    2);
	assert_int_equal(count(&owner, &(struct msg_list){ .id = 1 }), 1);
	assert_int_equal(count(&owner,
			     &(struct msg_list){ .after = one, .ended = true }),
	    2);
	assert_null(
	    desk_list(&owner, MSG_ALERT_LS, &(struct msg_list){ .id = 4 }));
	desk_person_go(&owner);
}

static void
what_was_said_last_of_an_alert_stands(void **state)
{
	struct desk_person owner;
	const json_t *a;
	json_t *j;

	desk_person_come(&owner, *state, 0);
	raise_alert(*state, 1, "llama");
	assert_int_equal(ack(&owner, 1, "unclear", "asked bob"), 0);
	assert_int_equal(ack(&owner, 1, "real", ""), 0);
	assert_int_equal(desk_count(*state, "alert.ack"), 2);
	j = alerts(&owner, &(struct msg_list){ .id = 1 });
	a = json_object_get(json_array_get(json_object_get(j, "alerts"), 0),
	    "ack");
	assert_string_equal(json_string_value(
				json_object_get(a, "disposition")),
	    "real");
	assert_string_equal(json_string_value(json_object_get(a, "by")),
	    "user:root");
	assert_null(json_object_get(a, "note"));
	json_decref(j);
	desk_person_go(&owner);
}

static void
only_reviewers_acknowledge_and_managers_look(void **state)
{
	struct desk_person owner, daemon, bin, sys;
	struct desk *d = *state;

	desk_person_come(&owner, d, 0);
	desk_person_come(&daemon, d, 1);
	desk_person_come(&bin, d, 2);
	desk_person_come(&sys, d, 3);
	raise_alert(d, 1, "llama");
	DESK_MUST(
	    desk_role(&owner, MSG_ROLE_ADD, "reviewer", "", "user:daemon"));
	DESK_MUST(desk_role(&owner, MSG_ROLE_ADD, "manager", "", "user:bin"));
	assert_int_equal(count(&daemon, &(struct msg_list){ 0 }), 1);
	assert_int_equal(count(&bin, &(struct msg_list){ 0 }), 1);
	assert_null(desk_list(&sys, MSG_ALERT_LS, &(struct msg_list){ 0 }));
	assert_int_equal(ack(&bin, 1, "benign", ""), ERR_DENIED);
	assert_int_equal(ack(&sys, 1, "benign", ""), ERR_DENIED);
	assert_int_equal(desk_count(d, "refused"), 3);
	assert_int_equal(desk_count(d, "alert.ack"), 0);
	assert_int_equal(ack(&daemon, 1, "benign", ""), 0);
	desk_person_go(&owner);
	desk_person_go(&daemon);
	desk_person_go(&bin);
	desk_person_go(&sys);
}

static void
nobody_acknowledges_what_is_about_themselves(void **state)
{
	struct desk_person owner, daemon, bob;
	struct desk *d = *state;

	desk_person_come(&owner, d, 0);
	desk_person_come(&daemon, d, 1);
	desk_person_come(&bob, d, 2);
	DESK_MUST(
	    desk_role(&owner, MSG_ROLE_ADD, "reviewer", "", "user:daemon"));
	DESK_MUST(desk_role(&owner, MSG_ROLE_ADD, "reviewer", "", "user:bin"));
	raise_about(d, 1, "llama", "user:daemon");
	raise_about(d, 2, "llama", "user:root");
	raise_about(d, 3, "llama", NULL);
	assert_int_equal(ack(&daemon, 1, "benign", ""), ERR_DENIED);
	assert_int_equal(ack(&owner, 2, "benign", ""), ERR_DENIED);
	assert_int_equal(desk_count(d, "alert.ack"), 0);
	assert_int_equal(desk_count(d, "refused"), 2);
	assert_int_equal(ack(&bob, 1, "benign", ""), 0);
	/* Nor after somebody else has. */
	assert_int_equal(ack(&daemon, 1, "benign", ""), ERR_DENIED);
	assert_int_equal(ack(&daemon, 2, "real", ""), 0);
	assert_int_equal(ack(&daemon, 3, "real", ""), 0);
	desk_person_go(&owner);
	desk_person_go(&daemon);
	desk_person_go(&bob);
}

static void
the_only_user_of_an_embedded_vault_may(void **state)
{
	struct desk_person owner;
	struct desk d;

	(void)state;
	desk_new(&d, false);
	desk_person_come(&owner, &d, 0);
	raise_about(&d, 1, "llama", "user:root");
	assert_int_equal(ack(&owner, 1, "benign", ""), 0);
	desk_person_go(&owner);
	desk_free(&d);
}

static void
an_ack_of_nothing_or_with_another_word_is_refused(void **state)
{
	struct desk_person owner;
	char note[ALERT_NOTE_MAX + 2];

	desk_person_come(&owner, *state, 0);
	raise_alert(*state, 1, "llama");
	assert_int_equal(ack(&owner, 0, "benign", ""), ERR_NOT_FOUND);
	assert_int_equal(ack(&owner, 2, "benign", ""), ERR_NOT_FOUND);
	assert_int_equal(ack(&owner, 1, "new", ""), ERR_USAGE);
	assert_int_equal(ack(&owner, 1, "", ""), ERR_USAGE);
	memset(note, 'x', sizeof(note));
	note[ALERT_NOTE_MAX + 1] = '\0';
	assert_int_equal(ack(&owner, 1, "real", note), ERR_USAGE);
	note[ALERT_NOTE_MAX] = '\0';
	assert_int_equal(ack(&owner, 1, "real", note), 0);
	desk_person_go(&owner);
}

static void
alerts_are_there_after_a_crash(void **state)
{
	struct desk_person owner;

	desk_person_come(&owner, *state, 0);
	raise_alert(*state, 1, "llama");
	raise_alert(*state, 2, "llama");
	assert_int_equal(ack(&owner, 1, "real", "it was"), 0);
	desk_person_go(&owner);
	desk_restart(*state, false);
	desk_person_come(&owner, *state, 0);
	assert_int_equal(count(&owner, &(struct msg_list){ 0 }), 1);
	assert_int_equal(count(&owner, &(struct msg_list){ .ended = true }), 2);
	desk_person_go(&owner);
}

static void
those_whom_it_may_be_about_are_not_told_that_there_is_one(void **state)
{
	struct desk_person owner, sys;
	json_t *j;

	desk_person_come(&owner, *state, 0);
	desk_person_come(&sys, *state, 3);
	raise_alert(*state, 1, "llama");
	j = desk_json(&owner, MSG_STATUS, NULL);
	assert_int_equal(json_integer_value(
			     json_object_get(json_object_get(j, "alerts"),
				 "unacknowledged")),
	    1);
	json_decref(j);
	j = desk_json(&sys, MSG_STATUS, NULL);
	assert_non_null(j);
	assert_null(json_object_get(j, "alerts"));
	json_decref(j);
	desk_person_go(&owner);
	desk_person_go(&sys);
}

int
main(void)
{
#define T(x) cmocka_unit_test_setup_teardown(x, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(an_alert_is_listed_with_all_that_was_raised),
		T(lists_are_of_one_model_one_alert_or_what_is_new),
		T(what_was_said_last_of_an_alert_stands),
		T(only_reviewers_acknowledge_and_managers_look),
		T(nobody_acknowledges_what_is_about_themselves),
		T(the_only_user_of_an_embedded_vault_may),
		T(an_ack_of_nothing_or_with_another_word_is_refused),
		T(alerts_are_there_after_a_crash),
		T(those_whom_it_may_be_about_are_not_told_that_there_is_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
