/* SPDX-License-Identifier: Apache-2.0 */
/* What model.ls says of a version beside its name: signed, revoked, and which
 * of its channels nobody reads by. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "keys/broker_state.h"
#include "tests/lib/bureau.h"
#include "tests/lib/desk.h"
#include "tests/lib/moved.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/log.h"

static const size_t sizes[] = { 5 };

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

#define SIGNERS (1U << 0 | 1U << 2)

static void
begin(struct desk_person *owner, struct desk *d)
{
	const struct bureau_policy policy = BUREAU_POLICY;

	desk_person_come(owner, d, 0);
	bureau_begin(owner, &policy);
}

static void
promote(struct desk_person *p, const struct digest *version,
    const char *channel)
{
	struct statement_fields f = bureau_promotion(p->d, "llama", channel,
	    version);

	assert_int_equal(bureau_say(p, &f, SIGNERS, NULL), 0);
}

static void
grant_prod(struct desk_person *owner)
{
	char llama[] = "llama", prod[] = "prod", to[] = "user:bin", none[] = "";
	OWNED_WRITER body = writer_of(256);
	const struct msg_grant_add m = { .model = llama,
		.channel = prod,
		.version = none,
		.to = to,
		.type = MSG_GRANT_LOAD,
		.loads = 1,
		.reason = llama };

	msg_grant_add_write(&body, &m);
	assert_int_equal(desk_ask(owner, MSG_GRANT_ADD, &body, NULL), 0);
}

static const char *
text_of(const json_t *j, const char *key)
{
	const char *text = json_string_value(json_object_get(j, key));

	return text != NULL ? text : "";
}

/* What model.ls says to somebody of the versions of the one model. */
static json_t *
versions_of(struct desk_person *p, json_t **reply)
{
	OWNED_WRITER body = writer_of(256);
	char none[] = "";
	const struct msg_list all = { .model = none, .after = none };
	json_t *models;

	msg_list_write(&body, &all);
	*reply = desk_json(p, MSG_MODEL_LS, &body);
	models = json_object_get(*reply, "models");
	assert_int_equal(json_array_size(models), 1);
	return json_object_get(json_array_get(models, 0), "versions");
}

/* The one version with these digits. */
static const json_t *
version_in(const json_t *versions, const struct digest *d)
{
	char hex[DIGEST_HEX_SIZE];
	const json_t *v;
	size_t i;

	digest_hex(d, hex);
	json_array_foreach(versions, i, v)
		if (strcmp(text_of(v, "version"), hex) == 0)
			return v;
	fail_msg("%s is not listed", hex);
	return NULL;
}

static void
assert_state(struct desk_person *p, const struct digest *d, const char *state,
    const char *prod)
{
	json_t *j;
	const json_t *v = version_in(versions_of(p, &j), d);

	assert_string_equal(text_of(v, "state"), state);
	assert_string_equal(text_of(json_object_get(v, "halted"), "prod"),
	    prod);
	assert_int_equal(json_array_size(json_object_get(v, "signed")),
	    strcmp(state, "unsigned") != 0);
	assert_string_equal(text_of(json_object_get(v, "revoked"), "reason"),
	    strcmp(state, "revoked") == 0 ? "poisoned" : "");
	json_decref(j);
}

static void
a_list_says_what_was_signed_and_what_was_revoked(void **state)
{
	struct desk_person owner, bin;
	struct digest plain, good, bad;
	struct statement_fields f;

	begin(&owner, *state);
	desk_person_come(&bin, *state, 2);
	assert_int_equal(desk_put(&owner, "llama", sizes, 1, &plain), 0);
	good = bureau_signed(&owner, "llama", 9);
	bad = bureau_signed(&owner, "llama", 10);
	promote(&owner, &good, "prod");
	grant_prod(&owner);
	f = bureau_revocation(*state, "llama", &bad);
	assert_int_equal(bureau_say(&owner, &f, SIGNERS, NULL), 0);
	assert_state(&owner, &plain, "unsigned", "");
	assert_state(&owner, &good, "signed", "");
	assert_state(&owner, &bad, "revoked", "");
	assert_state(&bin, &good, "signed", "");
	desk_person_go(&owner);
	desk_person_go(&bin);
}

/* Nobody reads by it then. */
static void
a_list_tells_of_a_promotion_that_has_ended(void **state)
{
	struct statement_fields f;
	struct desk_person owner;
	struct digest v;
	json_t *j;

	begin(&owner, *state);
	v = bureau_signed(&owner, "llama", 9);
	f = bureau_promotion(*state, "llama", "prod", &v);
	f.expires_ms = f.time_ms + 3600000;
	assert_int_equal(bureau_say(&owner, &f, SIGNERS, NULL), 0);
	moved_wall_ms = 3600000;
	assert_state(&owner, &v, "signed", "expired");
	assert_string_equal(json_string_value(json_array_get(
				json_object_get(version_in(versions_of(&owner,
							       &j),
						    &v),
				    "channels"),
				0)),
	    "prod");
	json_decref(j);
	moved_wall_ms = 0;
	desk_person_go(&owner);
}

/* Whom a later root leaves out has signed nothing. */
static void
a_list_goes_by_the_newest_root(void **state)
{
	struct bureau_policy policy = BUREAU_POLICY;
	OWNED(statement) first = bureau_root(*state, &policy, 1, NULL);
	OWNED(statement) second = NULL;
	OWNED(statement) third = NULL;
	struct desk_person owner;
	struct digest v;

	desk_person_come(&owner, *state, 0);
	assert_int_equal(bureau_add(&owner, first, 1U << 0, NULL), 0);
	v = bureau_signed(&owner, "llama", 9);
	promote(&owner, &v, "prod");
	assert_state(&owner, &v, "signed", "");
	policy.from = 1;
	policy.count = 5;
	second = bureau_root(*state, &policy, 2, first);
	assert_int_equal(bureau_add(&owner, second, 1U << 0 | 1U << 1, NULL),
	    0);
	/* p2 signed both, p0 the promotion only. */
	assert_state(&owner, &v, "signed", "lapsed");
	policy.from = 3;
	third = bureau_root(*state, &policy, 3, second);
	assert_int_equal(bureau_add(&owner, third, 1U << 1 | 1U << 3, NULL), 0);
	assert_state(&owner, &v, "lapsed", "");
	desk_person_go(&owner);
}

/* Others are served between two of them. */
static void
a_reply_has_at_most_256_versions(void **state)
{
	struct desk_person owner;
	struct digest v;
	json_t *j;

	desk_person_come(&owner, *state, 0);
	for (size_t i = 0; i < 256; i++) {
		const size_t size = i;

		assert_int_equal(desk_put(&owner, "llama", &size, 1, &v), 0);
	}
	assert_int_equal(json_array_size(versions_of(&owner, &j)), 256);
	assert_null(json_object_get(j, "next"));
	json_decref(j);
	assert_int_equal(desk_put(&owner, "llama", (size_t[]){ 256 }, 1, &v),
	    0);
	assert_int_equal(json_array_size(versions_of(&owner, &j)), 256);
	assert_non_null(json_object_get(j, "next"));
	json_decref(j);
	desk_person_go(&owner);
}

#define TEST(x) cmocka_unit_test_setup_teardown(x, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_list_says_what_was_signed_and_what_was_revoked),
		TEST(a_list_tells_of_a_promotion_that_has_ended),
		TEST(a_list_goes_by_the_newest_root),
		TEST(a_reply_has_at_most_256_versions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
