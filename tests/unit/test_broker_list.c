/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/bureau.h"
#include "tests/lib/desk.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/log.h"

#define DAEMON 1

static const size_t sizes[] = { 100000, 5 };

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

/* --- grants and lists --- */

static void
a_grant_is_for_something_that_is_there(void **state)
{
	struct desk_person owner;
	struct digest version;
	char ref[100], hex[DIGEST_HEX_SIZE];
	uint64_t id;

	desk_person_come(&owner, *state, 0);
	assert_int_equal(desk_grant(&owner, "llama", "user:bob", MSG_GRANT_LOAD,
			     false, &id),
	    ERR_NOT_FOUND);
	assert_int_equal(desk_put(&owner, "llama", sizes, 2, &version), 0);
	assert_int_equal(desk_grant(&owner, "llama", "user:bob", MSG_GRANT_LOAD,
			     false, &id),
	    0);
	assert_int_equal(id, 1);
	assert_int_equal(desk_grant(&owner, "llama", "user:bob",
			     MSG_GRANT_BROWSE, false, &id),
	    0);
	assert_int_equal(id, 2);
	snprintf(ref, sizeof(ref), "llama@%.8s", digest_hex(&version, hex));
	assert_int_equal(desk_grant(&owner, ref, "user:bob", MSG_GRANT_LOAD,
			     false, &id),
	    ERR_USAGE); /* the parts come apart in a message */
	desk_person_go(&owner);
}

static json_t *
grants(struct desk_person *p, bool ended)
{
	return desk_list(p, MSG_GRANT_LS, &(struct msg_list){ .ended = ended });
}

static void
grants_are_listed_to_those_whom_they_concern(void **state)
{
	struct desk_person owner, daemon, bin;
	struct digest version;
	uint64_t id;
	json_t *j;

	desk_person_come(&owner, *state, 0);
	desk_person_come(&daemon, *state, DAEMON);
	desk_person_come(&bin, *state, 2);
	assert_int_equal(desk_put(&owner, "llama", sizes, 2, &version), 0);
	assert_int_equal(desk_grant(&owner, "llama", "user:daemon",
			     MSG_GRANT_LOAD, true, &id),
	    0);
	j = grants(&owner, false);
	assert_int_equal(json_array_size(json_object_get(j, "grants")), 1);
	json_decref(j);
	j = grants(&bin, false);
	assert_int_equal(json_array_size(json_object_get(j, "grants")), 0);
	json_decref(j);
	j = grants(&daemon, false);
	assert_int_equal(json_array_size(json_object_get(j, "grants")), 1);
	assert_true(json_is_true(
	    json_object_get(json_array_get(json_object_get(j, "grants"), 0),
		"export")));
	json_decref(j);

	assert_int_equal(desk_grant_rm(&owner, id), 0);
	assert_int_equal(desk_grant_rm(&owner, id), ERR_NOT_FOUND);
	assert_non_null(strstr(owner.sentence,
	    "grant 1 was removed already, by user:root at 2"));
	assert_int_equal(desk_grant_rm(&owner, id + 1), ERR_NOT_FOUND);
	assert_non_null(strstr(owner.sentence, "there is no grant 2"));
	j = grants(&daemon, false);
	assert_int_equal(json_array_size(json_object_get(j, "grants")), 0);
	json_decref(j);
	desk_person_go(&owner);
	desk_person_go(&daemon);
	desk_person_go(&bin);
}

static size_t
models_seen(struct desk_person *p)
{
	size_t n;
	json_t *j = desk_list(p, MSG_MODEL_LS, &(struct msg_list){ 0 });

	n = json_array_size(json_object_get(j, "models"));
	json_decref(j);
	return n;
}

static int
get_version(struct desk_person *p, const char *ref)
{
	OWNED_WRITER body = writer_of(256);

	msg_string_write(&body, ref);
	return desk_ask(p, MSG_VERSION_GET, &body, NULL);
}

static void
a_grant_that_was_removed_is_shown_and_counts_for_nothing(void **state)
{
	struct desk_person owner, daemon;
	struct digest version;
	const json_t *g;
	uint64_t id;
	json_t *j;

	desk_person_come(&owner, *state, 0);
	desk_person_come(&daemon, *state, DAEMON);
	assert_int_equal(desk_put(&owner, "llama", sizes, 2, &version), 0);
	assert_int_equal(desk_grant(&owner, "llama", "user:daemon",
			     MSG_GRANT_LOAD, true, &id),
	    0);
	assert_int_equal(desk_grant_rm(&owner, id), 0);
	for (int again = 0; again < 2; again++) {
		struct msg_session m;

		j = grants(&daemon, true);
		g = json_array_get(json_object_get(j, "grants"), 0);
		assert_int_equal(json_integer_value(
				     json_object_get(g, "grant")),
		    id);
		assert_string_equal(json_string_value(
					json_object_get(g, "removed_by")),
		    "user:root");
		assert_non_null(
		    json_string_value(json_object_get(g, "removed")));
		json_decref(j);
		assert_int_equal(desk_open(&daemon, "llama", MSG_MOUNT, "", &m),
		    ERR_DENIED);
		assert_int_equal(get_version(&daemon, "llama"), ERR_DENIED);
		assert_int_equal(models_seen(&daemon), 0);
		/* and so after a restart */
		desk_person_go(&owner);
		desk_person_go(&daemon);
		desk_restart(*state, true);
		desk_person_come(&owner, *state, 0);
		desk_person_come(&daemon, *state, DAEMON);
	}
	desk_person_go(&owner);
	desk_person_go(&daemon);
}

/* --- lists longer than a reply --- */

/* Everything of a list, by as many replies as it takes; *replies of them. */
static json_t *
whole(struct desk_person *p, enum msg_type type, const char *name,
    unsigned int *replies)
{
	json_t *all = json_array();
	struct msg_list m = { 0 };
	char next[256];

	*replies = 0;
	for (;;) {
		json_t *j = desk_list(p, type, &m);
		const char *at = json_string_value(json_object_get(j, "next"));

		assert_non_null(j);
		++*replies;
		assert_int_equal(json_array_extend(all,
				     json_object_get(j, name)),
		    0);
		if (at != NULL)
			snprintf(next, sizeof(next), "%s", at);
		json_decref(j);
		if (at == NULL)
			return all;
		m.after = next;
	}
}

static void
grants_beyond_a_reply_are_in_the_next_one(void **state)
{
	enum { MANY = 900 };
	char model[] = "llama", empty[] = "", to[32], reason[1025];
	struct desk_person owner;
	struct digest version;
	unsigned int replies;
	json_t *all;

	desk_person_come(&owner, *state, 0);
	assert_int_equal(desk_put(&owner, "llama", sizes, 2, &version), 0);
	memset(reason, 'r', sizeof(reason) - 1);
	reason[sizeof(reason) - 1] = '\0';
	for (int i = 0; i < MANY; i++) {
		OWNED_WRITER body = writer_of(4096);
		const struct msg_grant_add m = {
			.model = model,
			.channel = empty,
			.version = empty,
			.to = to,
			.type = MSG_GRANT_BROWSE,
			.reason = reason,
		};

		snprintf(to, sizeof(to), "user:u%d", i);
		msg_grant_add_write(&body, &m);
		assert_int_equal(desk_ask(&owner, MSG_GRANT_ADD, &body, NULL),
		    0);
	}
	all = whole(&owner, MSG_GRANT_LS, "grants", &replies);
	assert_int_equal(replies, 2);
	assert_int_equal(json_array_size(all), MANY);
	for (size_t i = 0; i < MANY; i++)
		assert_int_equal(json_integer_value(
				     json_object_get(json_array_get(all, i),
					 "grant")),
		    i + 1);
	json_decref(all);
	desk_person_go(&owner);
}

/* Labels make a version of 60,000 bytes in a list. */
static void
versions_beyond_a_reply_are_in_the_next_one(void **state)
{
	enum { MANY = 20, LONG = 60000 };
	OWNED_MEM(char) labels = NULL;
	struct desk_person owner;
	unsigned int replies;
	size_t n = 0, i;
	json_t *all, *model;

	assert_true(asprintf(&labels, "{\"k\":\"%0*d\"}", LONG, 0) > 0);
	desk_person_come(&owner, *state, 0);
	owner.labels = labels;
	for (size_t k = 0; k < MANY; k++) {
		const size_t size = 100 + k;
		struct digest version;

		assert_int_equal(desk_put(&owner, k < MANY / 2 ? "a" : "b/c",
				     &size, 1, &version),
		    0);
	}
	all = whole(&owner, MSG_MODEL_LS, "models", &replies);
	assert_int_equal(replies, 2);
	json_array_foreach(all, i, model)
		n += json_array_size(json_object_get(model, "versions"));
	assert_int_equal(n, MANY);
	assert_int_equal(json_array_size(all), 3); /* b/c in two parts */
	assert_null(json_object_get(json_array_get(all, 1), "latest"));
	assert_non_null(json_object_get(json_array_get(all, 2), "latest"));
	json_decref(all);
	desk_person_go(&owner);
}

static void
a_list_goes_on_only_from_where_one_ended(void **state)
{
	static const enum msg_type types[] = { MSG_ROLE_LS, MSG_GRANT_LS,
		MSG_MODEL_LS, MSG_SESSION_LS };
	static const char *const wrong[] = { "x", "-1", " 1", "1x",
		"99999999999999999999", "1 2 3 4 5 6 7 8", "1 ../x", "99 a b" };
	struct desk_person owner;

	desk_person_come(&owner, *state, 0);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		for (size_t k = 0; k < sizeof(wrong) / sizeof(wrong[0]); k++) {
			OWNED_MEM(char) after = strdup(wrong[k]);
			json_t *j = desk_list(&owner, types[i],
			    &(struct msg_list){ .after = after });

			/* "1 2 3..." is a role of an odd principal */
			if (types[i] == MSG_ROLE_LS && k == 5) {
				assert_non_null(j);
				json_decref(j);
				continue;
			}
			assert_null(j);
		}
	/* fields that mean nothing to a list are refused */
	assert_null(desk_list(&owner, MSG_ROLE_LS,
	    &(struct msg_list){ .ended = true }));
	assert_null(
	    desk_list(&owner, MSG_GRANT_LS, &(struct msg_list){ .id = 1 }));
	assert_null(desk_list(&owner, MSG_SESSION_LS,
	    &(struct msg_list){ .model = (char[]){ "a" } }));
	desk_person_go(&owner);
}

static void
strangers_do_not_learn_what_there_is(void **state)
{
	struct desk_person owner, stranger;
	char there[sizeof(stranger.sentence)];
	struct digest version;

	desk_person_come(&owner, *state, 0);
	desk_person_come(&stranger, *state, DAEMON);
	assert_int_equal(desk_put(&owner, "aaaaa", sizes, 2, &version), 0);
	assert_int_equal(models_seen(&owner), 1);
	assert_int_equal(models_seen(&stranger), 0);
	assert_int_equal(get_version(&stranger, "aaaaa"), ERR_DENIED);
	memcpy(there, stranger.sentence, sizeof(there));
	assert_int_equal(get_version(&stranger, "bbbbb"), ERR_DENIED);
	for (char *c = stranger.sentence; *c != '\0'; c++)
		if (strncmp(c, "bbbbb", 5) == 0)
			memcpy(c, "aaaaa", 5);
	assert_string_equal(stranger.sentence, there);
	assert_int_equal(get_version(&owner, "bbbbb"), ERR_NOT_FOUND);
	desk_person_go(&owner);
	desk_person_go(&stranger);
}

static void
a_grant_shows_the_versions_that_it_covers(void **state)
{
	struct desk_person owner, daemon;
	struct digest first, second;
	uint64_t id;
	size_t other = 70000;

	desk_person_come(&owner, *state, 0);
	desk_person_come(&daemon, *state, DAEMON);
	assert_int_equal(desk_put(&owner, "llama", sizes, 2, &first), 0);
	assert_int_equal(desk_put(&owner, "llama", &other, 1, &second), 0);
	assert_int_equal(desk_put(&owner, "secret", sizes, 2, &second), 0);
	assert_int_equal(desk_grant(&owner, "llama", "user:daemon",
			     MSG_GRANT_BROWSE, false, &id),
	    0);
	assert_int_equal(models_seen(&daemon), 1);
	assert_int_equal(get_version(&daemon, "llama"), 0);
	assert_int_equal(get_version(&daemon, "secret"), ERR_DENIED);
	desk_person_go(&owner);
	desk_person_go(&daemon);
}

static void
a_reference_with_few_digits_is_completed(void **state)
{
	struct desk_person owner;
	struct digest version;
	char ref[100], hex[DIGEST_HEX_SIZE], *last;

	desk_person_come(&owner, *state, 0);
	assert_int_equal(desk_put(&owner, "llama", sizes, 2, &version), 0);
	digest_hex(&version, hex);
	for (int n = 8; n <= 64; n++) {
		snprintf(ref, sizeof(ref), "llama@%.*s", n, hex);
		assert_int_equal(get_version(&owner, ref), 0);
		last = &ref[strlen(ref) - 1];
		*last = *last == '0' ? '1' : '0';
		assert_int_equal(get_version(&owner, ref), ERR_NOT_FOUND);
	}
	assert_int_equal(get_version(&owner, "llama@1234567"), ERR_USAGE);
	desk_person_go(&owner);
}

/* --- channels --- */

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

/* A grant for a channel shows what the channel points to. */
static void
a_list_shows_what_a_granted_channel_points_to(void **state)
{
	struct desk_person owner, bin;
	char hex[DIGEST_HEX_SIZE];
	json_t *j, *versions;
	struct digest v;

	begin(&owner, *state);
	desk_person_come(&bin, *state, 2);
	v = bureau_signed(&owner, "llama", 9);
	promote(&owner, &v, "prod");
	(void)bureau_signed(&owner, "llama", 10);
	grant_prod(&owner);
	versions = versions_of(&bin, &j);
	assert_int_equal(json_array_size(versions), 1);
	assert_string_equal(json_string_value(
				json_object_get(json_array_get(versions, 0),
				    "version")),
	    digest_hex(&v, hex));
	json_decref(j);
	desk_person_go(&owner);
	desk_person_go(&bin);
}

/* The channels of the first version. */
static void
assert_channels(struct desk_person *p, const char *first, const char *second)
{
	const char *wanted[] = { first, second };
	json_t *j, *channels, *name;
	size_t i;

	channels = json_object_get(json_array_get(versions_of(p, &j), 0),
	    "channels");
	assert_int_equal(json_array_size(channels),
	    (first != NULL) + (second != NULL));
	json_array_foreach(channels, i, name)
		assert_string_equal(json_string_value(name), wanted[i]);
	json_decref(j);
}

/* Whoever has a role sees all of them; others what they may open. */
static void
a_list_names_the_channels_of_a_version(void **state)
{
	struct desk_person owner, bin;
	struct digest v;

	begin(&owner, *state);
	desk_person_come(&bin, *state, 2);
	v = bureau_signed(&owner, "llama", 9);
	assert_channels(&owner, NULL, NULL);
	promote(&owner, &v, "prod");
	promote(&owner, &v, "canary");
	assert_channels(&owner, "canary", "prod");
	grant_prod(&owner);
	assert_channels(&bin, "prod", NULL);
	desk_person_go(&owner);
	desk_person_go(&bin);
}

#define TEST(x) cmocka_unit_test_setup_teardown(x, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_grant_is_for_something_that_is_there),
		TEST(grants_are_listed_to_those_whom_they_concern),
		TEST(a_grant_that_was_removed_is_shown_and_counts_for_nothing),
		TEST(grants_beyond_a_reply_are_in_the_next_one),
		TEST(versions_beyond_a_reply_are_in_the_next_one),
		TEST(a_list_goes_on_only_from_where_one_ended),
		TEST(strangers_do_not_learn_what_there_is),
		TEST(a_grant_shows_the_versions_that_it_covers),
		TEST(a_reference_with_few_digits_is_completed),
		TEST(a_list_shows_what_a_granted_channel_points_to),
		TEST(a_list_names_the_channels_of_a_version),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
