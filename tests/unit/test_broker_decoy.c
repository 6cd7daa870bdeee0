/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/desk.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/log.h"

static int
setup(void **state)
{
	struct desk *d = calloc(1, sizeof(*d));

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

static int
decoy(struct desk_person *p, enum msg_type type, const char *model,
    const char *reason)
{
	OWNED_WRITER body = writer_of(2 * MSG_TEXT_MAX);

	writer_string(&body, model);
	writer_string(&body, reason);
	return desk_ask(p, type, &body, NULL);
}

static size_t
decoys(struct desk_person *p)
{
	json_t *j = desk_list(p, MSG_DECOY_LS, &(struct msg_list){ 0 });
	size_t n;

	assert_non_null(j);
	n = json_array_size(json_object_get(j, "decoys"));
	json_decref(j);
	return n;
}

static void
put(struct desk_person *p, const char *model)
{
	const size_t size = 100000;
	struct digest version;

	DESK_MUST(desk_put(p, model, &size, 1, &version));
}

static void
a_decoy_is_listed_with_who_made_it_and_why(void **state)
{
	struct desk_person owner;
	json_t *j, *entry;
	const json_t *d;

	desk_person_come(&owner, *state, 0);
	put(&owner, "llama");
	put(&owner, "bait");
	assert_int_equal(decoy(&owner, MSG_DECOY_ADD, "bait",
			     "nobody needs"
			     " it"),
	    0);
	j = desk_list(&owner, MSG_DECOY_LS, &(struct msg_list){ 0 });
	d = json_array_get(json_object_get(j, "decoys"), 0);
	assert_int_equal(json_array_size(json_object_get(j, "decoys")), 1);
	assert_string_equal(json_string_value(json_object_get(d, "model")),
	    "bait");
	assert_string_equal(json_string_value(json_object_get(d, "reason")),
	    "nobody needs it");
	assert_string_equal(json_string_value(json_object_get(d, "by")),
	    "user:root");
	json_decref(j);
	entry = desk_last(*state, "decoy.add");
	assert_string_equal(json_string_value(json_object_get(entry, "model")),
	    "bait");
	json_decref(entry);
	assert_int_equal(decoy(&owner, MSG_DECOY_RM, "bait", "it was seen"), 0);
	assert_int_equal(decoys(&owner), 0);
	assert_int_equal(desk_count(*state, "decoy.rm"), 1);
	desk_person_go(&owner);
}

static void
what_is_no_model_or_is_one_already_is_refused(void **state)
{
	struct desk_person owner;

	desk_person_come(&owner, *state, 0);
	put(&owner, "bait");
	assert_int_equal(decoy(&owner, MSG_DECOY_ADD, "nothing", "r"),
	    ERR_NOT_FOUND);
	assert_int_equal(decoy(&owner, MSG_DECOY_ADD, "Bad:name", "r"),
	    ERR_USAGE);
	assert_int_equal(decoy(&owner, MSG_DECOY_ADD, "", "r"), ERR_USAGE);
	assert_int_equal(decoy(&owner, MSG_DECOY_ADD, "bait", ""), ERR_USAGE);
	assert_int_equal(decoy(&owner, MSG_DECOY_RM, "bait", "r"),
	    ERR_NOT_FOUND);
	assert_int_equal(decoy(&owner, MSG_DECOY_ADD, "bait", "r"), 0);
	assert_int_equal(decoy(&owner, MSG_DECOY_ADD, "bait", "r"),
	    ERR_CONFLICT);
	assert_int_equal(desk_count(*state, "decoy.add"), 1);
	desk_person_go(&owner);
}

static void
only_owners_and_reviewers_learn_what_is_a_decoy(void **state)
{
	struct desk_person owner, daemon, bin, sys;
	struct desk *d = *state;
	uint64_t id;

	desk_person_come(&owner, d, 0);
	desk_person_come(&daemon, d, 1);
	desk_person_come(&bin, d, 2);
	desk_person_come(&sys, d, 3);
	put(&owner, "bait");
	DESK_MUST(
	    desk_role(&owner, MSG_ROLE_ADD, "reviewer", "", "user:daemon"));
	DESK_MUST(desk_role(&owner, MSG_ROLE_ADD, "manager", "", "user:bin"));
	DESK_MUST(desk_grant(&owner, "bait", "user:sys", MSG_GRANT_BROWSE,
	    false, &id));
	assert_int_equal(decoy(&daemon, MSG_DECOY_ADD, "bait", "r"), 0);
	assert_int_equal(decoys(&daemon), 1);
	assert_null(desk_list(&bin, MSG_DECOY_LS, &(struct msg_list){ 0 }));
	assert_null(desk_list(&sys, MSG_DECOY_LS, &(struct msg_list){ 0 }));
	assert_int_equal(decoy(&bin, MSG_DECOY_RM, "bait", "r"), ERR_DENIED);
	assert_int_equal(decoy(&sys, MSG_DECOY_ADD, "bait", "r"), ERR_DENIED);
	assert_int_equal(desk_count(d, "refused"), 4);
	assert_int_equal(decoys(&owner), 1);
	desk_person_go(&owner);
	desk_person_go(&daemon);
	desk_person_go(&bin);
	desk_person_go(&sys);
}

/* All that a reply about a model says, but its name and what was put. */
static char *
listing_of_model(struct desk_person *p, const char *model)
{
	char name[32];
	json_t *j, *m, *v;
	char *text;

	snprintf(name, sizeof(name), "%s", model);
	j = desk_list(p, MSG_MODEL_LS, &(struct msg_list){ .model = name });
	m = json_array_get(json_object_get(j, "models"), 0);
	v = json_array_get(json_object_get(m, "versions"), 0);
	assert_non_null(v);
	json_object_del(m, "model");
	json_object_del(m, "latest");
	json_object_del(v, "version");
	json_object_del(v, "created");
	text = json_dumps(j, JSON_SORT_KEYS);
	json_decref(j);
	return text;
}

static void
readers_cannot_tell_a_decoy_from_a_model(void **state)
{
	struct desk_person owner, sys;
	char *llama, *bait;
	char same[2048];
	uint64_t id;

	desk_person_come(&owner, *state, 0);
	desk_person_come(&sys, *state, 3);
	put(&owner, "llama");
	put(&owner, "bait");
	DESK_MUST(decoy(&owner, MSG_DECOY_ADD, "bait", "r"));
	DESK_MUST(desk_grant(&owner, "llama", "user:sys", MSG_GRANT_BROWSE,
	    false, &id));
	DESK_MUST(desk_grant(&owner, "bait", "user:sys", MSG_GRANT_BROWSE,
	    false, &id));
	llama = listing_of_model(&sys, "llama");
	bait = listing_of_model(&sys, "bait");
	assert_string_equal(llama, bait);
	free(llama);
	free(bait);
	/* To who may not ask, what is a decoy and what is not is the same. */
	assert_int_equal(decoy(&sys, MSG_DECOY_RM, "bait", "r"), ERR_DENIED);
	snprintf(same, sizeof(same), "%s", sys.sentence);
	assert_int_equal(decoy(&sys, MSG_DECOY_RM, "llama", "r"), ERR_DENIED);
	assert_string_equal(same, sys.sentence);
	desk_person_go(&owner);
	desk_person_go(&sys);
}

static void
decoys_are_there_after_a_crash(void **state)
{
	struct desk_person owner;

	desk_person_come(&owner, *state, 0);
	put(&owner, "bait");
	put(&owner, "lure");
	assert_int_equal(decoy(&owner, MSG_DECOY_ADD, "bait", "r"), 0);
	assert_int_equal(decoy(&owner, MSG_DECOY_ADD, "lure", "r"), 0);
	assert_int_equal(decoy(&owner, MSG_DECOY_RM, "bait", "r"), 0);
	desk_person_go(&owner);
	desk_restart(*state, false);
	desk_person_come(&owner, *state, 0);
	assert_int_equal(decoys(&owner), 1);
	desk_person_go(&owner);
}

static void
a_list_goes_on_behind_the_last_one(void **state)
{
	struct desk_person owner;
	char after[] = "bait", lost[] = "No Name";
	json_t *j;

	desk_person_come(&owner, *state, 0);
	put(&owner, "bait");
	put(&owner, "lure");
	DESK_MUST(decoy(&owner, MSG_DECOY_ADD, "bait", "r"));
	DESK_MUST(decoy(&owner, MSG_DECOY_ADD, "lure", "r"));
	j = desk_list(&owner, MSG_DECOY_LS,
	    &(struct msg_list){ .after = after });
	assert_int_equal(json_array_size(json_object_get(j, "decoys")), 1);
	json_decref(j);
	assert_null(desk_list(&owner, MSG_DECOY_LS,
	    &(struct msg_list){ .after = lost }));
	desk_person_go(&owner);
}

int
main(void)
{
#define T(x) cmocka_unit_test_setup_teardown(x, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_decoy_is_listed_with_who_made_it_and_why),
		T(what_is_no_model_or_is_one_already_is_refused),
		T(only_owners_and_reviewers_learn_what_is_a_decoy),
		T(readers_cannot_tell_a_decoy_from_a_model),
		T(decoys_are_there_after_a_crash),
		T(a_list_goes_on_behind_the_last_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
