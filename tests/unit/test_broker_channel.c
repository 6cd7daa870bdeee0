/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/bureau.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/log.h"

#define DAEMON 1
#define P(i) (1U << (i))

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

static json_int_t
number(const json_t *j, const char *key)
{
	return json_integer_value(json_object_get(j, key));
}

static bool
effective(const json_t *j)
{
	return json_is_true(json_object_get(j, "effective"));
}

static void
begin(struct desk_person *owner, struct desk *d)
{
	const struct bureau_policy policy = BUREAU_POLICY;

	desk_person_come(owner, d, 0);
	bureau_begin(owner, &policy);
}

/* Promote as it is now, signed by these. */
static int
promote(struct desk_person *p, const struct digest *version, unsigned int who,
    void **out)
{
	struct statement_fields f = bureau_promotion(p->d, "llama", "prod",
	    version);

	return bureau_say(p, &f, who, out);
}

static int
roll_back(struct desk_person *p, const struct digest *version, uint64_t to,
    unsigned int who)
{
	struct statement_fields f = bureau_promotion(p->d, "llama", "prod",
	    version);

	f.act = STATEMENT_ROLLBACK;
	f.to = to;
	return bureau_say(p, &f, who, NULL);
}

static json_t *
ask(struct desk_person *p, enum msg_type type, const char *reference)
{
	OWNED_WRITER body = writer_of(4096);

	writer_string(&body, reference);
	return desk_json(p, type, &body);
}

static json_t *
get(struct desk_person *p, uint64_t id)
{
	OWNED_WRITER body = writer_of(8);

	writer_u64(&body, id);
	return desk_json(p, MSG_STATEMENT_GET, &body);
}

static void
assert_state(struct desk_person *p, uint64_t id, const char *state)
{
	json_t *j = get(p, id);

	assert_string_equal(desk_text(j, "state"), state);
	json_decref(j);
}

static void
assert_points(struct desk *d, const struct digest *version)
{
	struct digest now;

	assert_int_equal(catalogue_version_channel(d->catalogue, "llama",
			     "prod", &now),
	    0);
	assert_true(digest_equal(&now, version));
}

static void
a_channel_moves_when_enough_have_signed(void **state)
{
	OWNED(statement) s = NULL;
	struct statement_fields f;
	struct desk_person owner;
	struct digest v, now;
	void *j;

	begin(&owner, *state);
	v = bureau_signed(&owner, "llama", 9);
	f = bureau_promotion(*state, "llama", "prod", &v);
	s = people_statement(&f);
	assert_int_equal(bureau_add(&owner, s, P(2), &j), 0);
	assert_string_equal(desk_text(j, "name"), "P3");
	assert_int_equal(number(j, "have"), 1);
	assert_int_equal(number(j, "need"), 2);
	assert_int_equal(json_array_size(json_object_get(j, "waits")), 3);
	assert_false(effective(j));
	json_decref(j);
	assert_int_equal(catalogue_version_channel(owner.d->catalogue, "llama",
			     "prod", &now),
	    ERR_NOT_FOUND);
	assert_state(&owner, 3, "waiting");
	assert_int_equal(bureau_sign(&owner, 3, s, 0, &j), 0);
	assert_true(effective(j));
	json_decref(j);
	assert_points(*state, &v);
	assert_state(&owner, 3, "effective");
	j = desk_last(*state, "statement.sign");
	assert_string_equal(desk_text(j, "signer"), "p0");
	assert_string_equal(desk_text(j, "channel"), "prod");
	assert_int_equal(number(j, "serial"), 1);
	assert_true(effective(j));
	json_decref(j);
	desk_person_go(&owner);
}

static void
a_promotion_of_what_is_not_accepted_is_refused(void **state)
{
	struct desk_person owner;
	struct digest v;
	size_t size = 9;

	begin(&owner, *state);
	assert_int_equal(desk_put(&owner, "llama", &size, 1, &v), 0);
	REFUSED(&owner, ERR_CONFLICT, "is not accepted: nobody has signed it",
	    promote(&owner, &v, P(0) | P(2), NULL));
	REFUSED(&owner, ERR_CONFLICT, "weir sign llama@",
	    promote(&owner, &v, P(0) | P(2), NULL));
	desk_person_go(&owner);
}

static void
a_promotion_names_its_place_exactly(void **state)
{
	struct statement_fields f, g;
	struct desk_person owner;
	struct digest v, w;

	begin(&owner, *state);
	v = bureau_signed(&owner, "llama", 9);
	w = bureau_signed(&owner, "llama", 10);
	f = bureau_promotion(*state, "llama", "prod", &v);
	f.has_previous = true;
	f.previous = w;
	REFUSED(&owner, ERR_CONFLICT, "llama:prod is at none",
	    bureau_say(&owner, &f, P(0) | P(2), NULL));
	assert_int_equal(promote(&owner, &v, P(0) | P(2), NULL), 0);
	f = bureau_promotion(*state, "llama", "prod", &w);
	g = f;
	g.serial = 3;
	REFUSED(&owner, ERR_CONFLICT, "next serial of llama:prod is 2",
	    bureau_say(&owner, &g, P(0) | P(2), NULL));
	g.serial = 1;
	REFUSED(&owner, ERR_CONFLICT, "next serial of llama:prod is 2",
	    bureau_say(&owner, &g, P(0) | P(2), NULL));
	g = f;
	g.previous = w;
	REFUSED(&owner, ERR_CONFLICT, "llama:prod is at @",
	    bureau_say(&owner, &g, P(0) | P(2), NULL));
	g = f;
	g.has_previous = false;
	REFUSED(&owner, ERR_CONFLICT, "takes another version",
	    bureau_say(&owner, &g, P(0) | P(2), NULL));
	/* a promotion of staging is no promotion of prod */
	g = f;
	g.channel = "staging";
	REFUSED(&owner, ERR_CONFLICT, "next serial of llama:staging is 1",
	    bureau_say(&owner, &g, P(0) | P(2), NULL));
	assert_points(*state, &v);
	assert_int_equal(bureau_say(&owner, &f, P(0) | P(2), NULL), 0);
	assert_points(*state, &w);
	desk_person_go(&owner);
}

static void
a_promotion_lasts_as_long_as_its_rule_says(void **state)
{
	const int64_t day = INT64_C(86400000);
	struct statement_fields f, g;
	struct desk_person owner;
	struct digest v;

	begin(&owner, *state);
	v = bureau_signed(&owner, "llama", 9);
	f = bureau_promotion(*state, "llama", "prod", &v);
	g = f;
	g.expires_ms = g.time_ms + 90 * day + 1;
	REFUSED(&owner, ERR_DENIED, "longer than the 90 days",
	    bureau_say(&owner, &g, P(0) | P(2), NULL));
	g = f;
	g.time_ms -= 10 * day;
	g.expires_ms = g.time_ms + 9 * day;
	REFUSED(&owner, ERR_CONFLICT, "expired already",
	    bureau_say(&owner, &g, P(0) | P(2), NULL));
	g = f;
	g.time_ms += day;
	g.expires_ms = g.time_ms + 90 * day;
	REFUSED(&owner, ERR_USAGE, "ahead of weir-keyd's clock",
	    bureau_say(&owner, &g, P(0) | P(2), NULL));
	f.expires_ms = f.time_ms + 90 * day;
	assert_int_equal(bureau_say(&owner, &f, P(0) | P(2), NULL), 0);
	desk_person_go(&owner);
}

static void
a_promotion_agrees_with_the_versions_statement(void **state)
{
	struct statement_fields f, g;
	struct desk_person owner;
	struct digest v;

	begin(&owner, *state);
	v = bureau_signed(&owner, "llama", 9);
	f = bureau_promotion(*state, "llama", "prod", &v);
	g = f;
	g.root.bytes[0] ^= 1;
	REFUSED(&owner, ERR_INTEGRITY, "another root digest",
	    bureau_say(&owner, &g, P(0) | P(2), NULL));
	g = f;
	g.put_by = "user:daemon";
	REFUSED(&owner, ERR_INTEGRITY, "user:daemon put the version",
	    bureau_say(&owner, &g, P(0) | P(2), NULL));
	desk_person_go(&owner);
}

static void
of_two_for_one_serial_the_first_with_enough_takes_it(void **state)
{
	OWNED(statement) one = NULL;
	OWNED(statement) two = NULL;
	struct statement_fields f;
	struct desk_person owner;
	struct digest v, w;

	begin(&owner, *state);
	v = bureau_signed(&owner, "llama", 9);
	w = bureau_signed(&owner, "llama", 10);
	f = bureau_promotion(*state, "llama", "prod", &v);
	one = people_statement(&f);
	f = bureau_promotion(*state, "llama", "prod", &w);
	two = people_statement(&f);
	assert_int_equal(bureau_add(&owner, one, P(2), NULL), 0);
	assert_int_equal(bureau_add(&owner, two, P(2), NULL), 0);
	/* one of another channel is not in the race */
	f.channel = "staging";
	assert_int_equal(bureau_say(&owner, &f, P(2), NULL), 0);
	assert_int_equal(bureau_sign(&owner, 5, two, 3, NULL), 0);
	assert_points(*state, &w);
	assert_state(&owner, 4, "stale");
	assert_state(&owner, 5, "effective");
	assert_state(&owner, 6, "waiting");
	REFUSED(&owner, ERR_CONFLICT, "P4 is stale",
	    bureau_sign(&owner, 4, one, 3, NULL));
	REFUSED(&owner, ERR_CONFLICT, "P4 is stale",
	    bureau_withdraw(&owner, 4, "late"));
	assert_points(*state, &w);
	desk_person_go(&owner);
}

static void
what_waits_can_be_withdrawn_with_a_reason(void **state)
{
	OWNED(statement) s = NULL;
	struct statement_fields f;
	struct desk_person owner;
	struct digest v;
	json_t *e;

	begin(&owner, *state);
	v = bureau_signed(&owner, "llama", 9);
	f = bureau_promotion(*state, "llama", "prod", &v);
	s = people_statement(&f);
	assert_int_equal(bureau_add(&owner, s, P(2), NULL), 0);
	REFUSED(&owner, ERR_USAGE, "takes a reason",
	    bureau_withdraw(&owner, 3, ""));
	REFUSED(&owner, ERR_NOT_FOUND, "no statement 9",
	    bureau_withdraw(&owner, 9, "x"));
	REFUSED(&owner, ERR_CONFLICT, "is effective",
	    bureau_withdraw(&owner, 2, "x"));
	assert_int_equal(bureau_withdraw(&owner, 3, "wrong one"), 0);
	e = desk_last(*state, "statement.withdraw");
	assert_string_equal(desk_text(e, "reason"), "wrong one");
	json_decref(e);
	REFUSED(&owner, ERR_CONFLICT, "it is withdrawn",
	    bureau_sign(&owner, 3, s, 0, NULL));
	/* and may be proposed again */
	assert_int_equal(promote(&owner, &v, P(2) | P(0), NULL), 0);
	desk_person_go(&owner);
}

static void
a_signature_counts_once_and_by_whom_the_rule_names(void **state)
{
	OWNED(statement) other = NULL;
	OWNED(statement) s = NULL;
	struct statement_fields f;
	struct desk_person owner;
	struct digest v;

	begin(&owner, *state);
	v = bureau_signed(&owner, "llama", 9);
	f = bureau_promotion(*state, "llama", "prod", &v);
	s = people_statement(&f);
	f.reason = "another";
	other = people_statement(&f);
	assert_int_equal(bureau_add(&owner, s, P(2), NULL), 0);
	REFUSED(&owner, ERR_CONFLICT, "p2 has signed it already",
	    bureau_sign(&owner, 3, s, 2, NULL));
	REFUSED(&owner, ERR_DENIED, "no key with the id",
	    bureau_sign(&owner, 3, s, 9, NULL));
	REFUSED(&owner, ERR_INTEGRITY, "not a signature of it by the key of p0",
	    bureau_sign(&owner, 3, other, 0, NULL));
	REFUSED(&owner, ERR_NOT_FOUND, "no statement 77",
	    bureau_sign(&owner, 77, s, 0, NULL));
	assert_state(&owner, 3, "waiting");
	desk_person_go(&owner);
}

static void
whoever_put_a_version_does_not_approve_it(void **state)
{
	const struct bureau_policy policy = BUREAU_POLICY;
	struct desk_person owner, daemon;
	OWNED(statement) s = NULL;
	struct statement_fields f;
	struct digest v;
	size_t size = 9;
	void *j;

	desk_person_come(&owner, *state, 0);
	desk_person_come(&daemon, *state, DAEMON);
	bureau_begin(&owner, &policy);
	assert_int_equal(desk_role(&owner, MSG_ROLE_ADD, "uploader", "llama",
			     "user:daemon"),
	    0);
	assert_int_equal(desk_put(&daemon, "llama", &size, 1, &v), 0);
	bureau_verify(*state, "llama", &v, true);
	f = bureau_version(*state, "llama", &v);
	assert_int_equal(bureau_say(&owner, &f, P(2), NULL), 0);
	f = bureau_promotion(*state, "llama", "prod", &v);
	s = people_statement(&f);
	REFUSED(&owner, ERR_DENIED, "who put the version (user:daemon)",
	    bureau_say(&owner, &f, P(1), NULL));
	assert_int_equal(bureau_add(&owner, s, P(1) | P(2), &j), 0);
	assert_int_equal(number(j, "have"), 1);
	assert_int_equal(json_array_size(json_object_get(j, "waits")), 2);
	json_decref(j);
	REFUSED(&owner, ERR_DENIED, "the key of p1 does not count",
	    bureau_sign(&owner, 3, s, 1, NULL));
	assert_int_equal(bureau_sign(&owner, 3, s, 3, NULL), 0);
	assert_points(*state, &v);
	desk_person_go(&owner);
	desk_person_go(&daemon);
}

static void
a_rollback_goes_to_what_was_promoted_there(void **state)
{
	struct desk_person owner;
	struct digest v, w, x;
	json_t *log, *last;

	begin(&owner, *state);
	v = bureau_signed(&owner, "llama", 9);
	w = bureau_signed(&owner, "llama", 10);
	x = bureau_signed(&owner, "llama", 11);
	assert_int_equal(promote(&owner, &v, P(0) | P(2), NULL), 0);
	assert_int_equal(promote(&owner, &w, P(0) | P(2), NULL), 0);
	REFUSED(&owner, ERR_CONFLICT, "goes back to serial 1, which was llama@",
	    roll_back(&owner, &x, 1, P(3)));
	/* one signature is enough here, where a promotion takes two */
	assert_int_equal(roll_back(&owner, &v, 1, P(3)), 0);
	assert_points(*state, &v);
	assert_int_equal(promote(&owner, &w, P(0) | P(2), NULL), 0);
	REFUSED(&owner, ERR_CONFLICT, "is a rollback itself: name serial 1",
	    roll_back(&owner, &v, 3, P(3)));
	log = ask(&owner, MSG_CHANNEL_LOG, "llama:prod");
	last = json_array_get(json_object_get(log, "log"), 2);
	assert_int_equal(json_array_size(json_object_get(log, "log")), 4);
	assert_int_equal(number(last, "serial"), 3);
	assert_int_equal(number(last, "to"), 1);
	assert_string_equal(desk_text(last, "act"), "rollback");
	assert_string_equal(desk_text(last, "reason"), "evaluation passed");
	assert_string_equal(json_string_value(
				json_array_get(json_object_get(last, "signed"),
				    0)),
	    "p3");
	assert_null(
	    json_object_get(json_array_get(json_object_get(log, "log"), 1),
		"to"));
	json_decref(log);
	desk_person_go(&owner);
}

static void
a_proof_has_all_that_a_host_needs(void **state)
{
	struct statement_fields f;
	struct desk_person owner;
	struct digest v, w;
	json_t *j;

	begin(&owner, *state);
	v = bureau_signed(&owner, "llama", 9);
	w = bureau_signed(&owner, "llama", 10);
	assert_int_equal(promote(&owner, &v, P(0) | P(2), NULL), 0);
	assert_int_equal(promote(&owner, &w, P(0) | P(2), NULL), 0);
	assert_int_equal(roll_back(&owner, &v, 1, P(3)), 0);
	j = ask(&owner, MSG_CHANNEL_PROOF, "llama:prod");
	assert_int_equal(number(j, "root"), 1);
	assert_string_equal(desk_text(j, "channel"), "prod");
	assert_non_null(json_object_get(j, "signed"));
	assert_non_null(json_object_get(j, "promotion"));
	assert_non_null(json_object_get(j, "earlier"));
	assert_int_equal(json_array_size(json_object_get(j, "revoked")), 0);
	json_decref(j);
	f = bureau_revocation(*state, "llama", &v);
	assert_int_equal(bureau_say(&owner, &f, P(3), NULL), 0);
	j = ask(&owner, MSG_CHANNEL_PROOF, "llama:prod");
	assert_int_equal(json_array_size(json_object_get(j, "revoked")), 1);
	json_decref(j);
	j = ask(&owner, MSG_CHANNEL_PROOF, "llama:latest");
	assert_null(json_object_get(j, "promotion"));
	assert_non_null(json_object_get(j, "signed"));
	json_decref(j);
	desk_person_go(&owner);
}

static void
proofs_and_logs_are_for_roles_and_grants(void **state)
{
	struct desk_person owner, bin;
	OWNED_WRITER body = writer_of(64);
	struct digest v;
	uint64_t id;

	begin(&owner, *state);
	desk_person_come(&bin, *state, 2);
	v = bureau_signed(&owner, "llama", 9);
	assert_int_equal(promote(&owner, &v, P(0) | P(2), NULL), 0);
	writer_string(&body, "llama:prod");
	REFUSED(&bin, ERR_DENIED, "no grant for llama:prod",
	    desk_ask(&bin, MSG_CHANNEL_PROOF, &body, NULL));
	REFUSED(&bin, ERR_DENIED, "no grant for llama:prod",
	    desk_ask(&bin, MSG_CHANNEL_LOG, &body, NULL));
	assert_int_equal(desk_grant(&owner, "llama", "user:bin", MSG_GRANT_LOAD,
			     false, &id),
	    0);
	assert_int_equal(desk_ask(&bin, MSG_CHANNEL_PROOF, &body, NULL), 0);
	assert_int_equal(desk_ask(&bin, MSG_CHANNEL_LOG, &body, NULL), 0);
	desk_person_go(&owner);
	desk_person_go(&bin);
}

static void
a_revocation_is_taken_once(void **state)
{
	struct statement_fields f;
	struct desk_person owner;
	struct digest v;

	begin(&owner, *state);
	v = bureau_signed(&owner, "llama", 9);
	f = bureau_revocation(*state, "llama", &v);
	assert_int_equal(bureau_say(&owner, &f, P(3), NULL), 0);
	f.reason = "again";
	REFUSED(&owner, ERR_CONFLICT, "revoked already (R3)",
	    bureau_say(&owner, &f, P(3), NULL));
	REFUSED(&owner, ERR_CONFLICT, "it was revoked (R3): poisoned",
	    promote(&owner, &v, P(0) | P(2), NULL));
	desk_person_go(&owner);
}

#define TEST(x) cmocka_unit_test_setup_teardown(x, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_channel_moves_when_enough_have_signed),
		TEST(a_promotion_of_what_is_not_accepted_is_refused),
		TEST(a_promotion_names_its_place_exactly),
		TEST(a_promotion_lasts_as_long_as_its_rule_says),
		TEST(a_promotion_agrees_with_the_versions_statement),
		TEST(of_two_for_one_serial_the_first_with_enough_takes_it),
		TEST(what_waits_can_be_withdrawn_with_a_reason),
		TEST(a_signature_counts_once_and_by_whom_the_rule_names),
		TEST(whoever_put_a_version_does_not_approve_it),
		TEST(a_rollback_goes_to_what_was_promoted_there),
		TEST(a_proof_has_all_that_a_host_needs),
		TEST(proofs_and_logs_are_for_roles_and_grants),
		TEST(a_revocation_is_taken_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
