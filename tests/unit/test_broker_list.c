/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/desk.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/log.h"

#define DAEMON 1

static const size_t sizes[] = { 100000, 5 };

static void
ignore(void *arg, const char *line)
{
	(void)arg;
	(void)line;
}

static int
setup(void **state)
{
	struct desk *d = calloc(1, sizeof(*d));

	assert_non_null(d);
	log_sink(ignore, NULL);
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
	j = desk_json(&owner, MSG_GRANT_LS, NULL);
	assert_int_equal(json_array_size(json_object_get(j, "grants")), 1);
	json_decref(j);
	j = desk_json(&bin, MSG_GRANT_LS, NULL);
	assert_int_equal(json_array_size(json_object_get(j, "grants")), 0);
	json_decref(j);
	j = desk_json(&daemon, MSG_GRANT_LS, NULL);
	assert_int_equal(json_array_size(json_object_get(j, "grants")), 1);
	assert_true(json_is_true(
	    json_object_get(json_array_get(json_object_get(j, "grants"), 0),
		"export")));
	json_decref(j);

	assert_int_equal(desk_grant_rm(&owner, id), 0);
	assert_int_equal(desk_grant_rm(&owner, id), ERR_NOT_FOUND);
	j = desk_json(&daemon, MSG_GRANT_LS, NULL);
	assert_int_equal(json_array_size(json_object_get(j, "grants")), 0);
	json_decref(j);
	desk_person_go(&owner);
	desk_person_go(&daemon);
	desk_person_go(&bin);
}

static size_t
models_seen(struct desk_person *p)
{
	OWNED_WRITER body = writer_of(64);
	size_t n;
	json_t *j;

	msg_string_write(&body, "");
	j = desk_json(p, MSG_MODEL_LS, &body);
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

#define TEST(x) cmocka_unit_test_setup_teardown(x, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_grant_is_for_something_that_is_there),
		TEST(grants_are_listed_to_those_whom_they_concern),
		TEST(strangers_do_not_learn_what_there_is),
		TEST(a_grant_shows_the_versions_that_it_covers),
		TEST(a_reference_with_few_digits_is_completed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
