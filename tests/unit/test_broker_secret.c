/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "keys/broker_state.h"
#include "tests/lib/desk.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/log.h"

#define OTHER "the content of another key file, that long"

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

static struct unlock
key_file(const char *text)
{
	struct unlock u = { .kind = UNLOCK_KEY_FILE };

	assert_int_equal(secret_text_from(&u.secret, text, strlen(text)), 0);
	return u;
}

static int
add(struct desk_person *p, const struct unlock *proof,
    const struct unlock *fresh, const char *replaces)
{
	OWNED_WRITER body = writer_of(4 * UNLOCK_MAX);
	char label[] = "", slot[32];
	const struct msg_secret_add m = { *proof, *fresh, label,
		replaces != NULL, slot };

	snprintf(slot, sizeof(slot), "%s", replaces != NULL ? replaces : "");
	msg_secret_add_write(&body, &m);
	return desk_ask(p, MSG_SECRET_ADD, &body, NULL);
}

static int
rm(struct desk_person *p, const struct unlock *proof, const char *which)
{
	OWNED_WRITER body = writer_of(2 * UNLOCK_MAX);
	char slot[32];
	const struct msg_secret_rm m = { *proof, slot };

	snprintf(slot, sizeof(slot), "%s", which);
	msg_secret_rm_write(&body, &m);
	return desk_ask(p, MSG_SECRET_RM, &body, NULL);
}

/* Whether it opens the vault's file as it is. */
static bool
opens(const struct desk *d, const struct unlock *secret)
{
	OWNED(keyring) k = NULL;

	return keyring_open(d->vault->dir, secret, &k) == 0;
}

static size_t
slots(struct desk_person *p)
{
	json_t *j = desk_json(p, MSG_SECRET_LS, NULL);
	size_t n = json_array_size(json_object_get(j, "secrets"));

	json_decref(j);
	return n;
}

static void
what_is_added_opens_and_is_recorded(void **state)
{
	struct desk *d = *state;
	OWNED_UNLOCK proof = desk_secret(), other = key_file(OTHER);
	struct desk_person owner;
	json_t *e;

	desk_person_come(&owner, d, 0);
	assert_int_equal(slots(&owner), 2);
	assert_int_equal(add(&owner, &proof, &other, NULL), 0);
	assert_true(opens(d, &other));
	assert_int_equal(slots(&owner), 3);
	e = desk_last(d, "secret.add");
	assert_int_equal(json_integer_value(json_object_get(e, "secret")), 3);
	assert_int_equal(json_integer_value(json_object_get(e, "proved")), 1);
	assert_string_equal(json_string_value(json_object_get(e, "by")),
	    "user:root");
	json_decref(e);
	assert_int_equal(rm(&owner, &other, "1"), 0);
	assert_false(opens(d, &proof));
	assert_int_equal(desk_count(d, "secret.rm"), 1);
	desk_person_go(&owner);
}

static void
the_entry_has_the_digest_of_the_file(void **state)
{
	struct desk *d = *state;
	OWNED_UNLOCK proof = desk_secret(), other = key_file(OTHER);
	OWNED_MEM(uint8_t) bytes = NULL;
	char hex[DIGEST_HEX_SIZE];
	struct digest file, kept;
	struct desk_person owner;
	json_t *e;
	size_t n;

	desk_person_come(&owner, d, 0);
	assert_int_equal(add(&owner, &proof, &other, NULL), 0);
	assert_int_equal(file_load(d->vault->dir, KEYRING_FILE,
			     KEYRING_FILE_MAX, &bytes, &n),
	    0);
	file = digest_of(bytes, n);
	e = desk_last(d, "secret.add");
	assert_string_equal(json_string_value(json_object_get(e, "keyring")),
	    digest_hex(&file, hex));
	json_decref(e);
	assert_int_equal(catalogue_secret_file(d->catalogue, &kept), 0);
	assert_true(digest_equal(&kept, &file));
	desk_person_go(&owner);
}

static void
the_role_of_owner_is_not_enough(void **state)
{
	struct desk *d = *state;
	OWNED_UNLOCK proof = key_file(OTHER "!"), other = key_file(OTHER);
	struct desk_person owner;

	desk_person_come(&owner, d, 0);
	assert_int_equal(add(&owner, &proof, &other, NULL), ERR_SECRET);
	assert_false(opens(d, &other));
	assert_int_equal(desk_count(d, "secret.add"), 0);
	assert_int_equal(desk_count(d, "refused"), 1);
	assert_int_equal(slots(&owner), 2);
	desk_person_go(&owner);
}

static void
the_secret_is_not_enough(void **state)
{
	struct desk *d = *state;
	OWNED_UNLOCK proof = desk_secret(), other = key_file(OTHER);
	struct desk_person owner, bin;

	desk_person_come(&owner, d, 0);
	desk_person_come(&bin, d, 2);
	DESK_MUST(desk_role(&owner, MSG_ROLE_ADD, "manager", "", "user:bin"));
	assert_int_equal(add(&bin, &proof, &other, NULL), ERR_DENIED);
	assert_int_equal(rm(&bin, &proof, "2"), ERR_DENIED);
	assert_false(opens(d, &other));
	assert_true(opens(d, &proof));
	desk_person_go(&bin);
	desk_person_go(&owner);
}

static void
the_last_two_stay(void **state)
{
	struct desk *d = *state;
	OWNED_UNLOCK proof = desk_secret();
	struct desk_person owner;

	desk_person_come(&owner, d, 0);
	assert_int_equal(rm(&owner, &proof, "2"), ERR_CONFLICT);
	assert_non_null(strstr(owner.sentence, "weir secret add"));
	assert_int_equal(desk_count(d, "secret.rm"), 0);
	assert_int_equal(slots(&owner), 2);
	desk_person_go(&owner);
}

static void
a_changed_secret_opens_no_more(void **state)
{
	struct desk *d = *state;
	OWNED_UNLOCK proof = desk_secret(), other = key_file(OTHER);
	struct desk_person owner;

	desk_person_come(&owner, d, 0);
	assert_int_equal(add(&owner, &proof, &other, ""), 0);
	assert_true(opens(d, &other));
	assert_false(opens(d, &proof));
	assert_int_equal(slots(&owner), 2);
	desk_person_go(&owner);
}

/* Who asked is gone before it is done: the next one is served. */
static void
a_client_that_leaves_holds_nobody_up(void **state)
{
	struct desk *d = *state;
	OWNED_UNLOCK proof = desk_secret(), other = key_file(OTHER);
	OWNED_WRITER body = writer_of(4 * UNLOCK_MAX);
	char empty[] = "";
	const struct msg_secret_add m = { proof, other, empty, false, empty };
	struct desk_person owner, next;

	desk_person_come(&owner, d, 0);
	desk_person_come(&next, d, 0);
	msg_secret_add_write(&body, &m);
	desk_send(&owner, MSG_SECRET_ADD, &body);
	desk_person_go(&owner);
	while (d->broker->secret_busy)
		desk_settle(d);
	assert_false(opens(d, &other));
	assert_int_equal(add(&next, &proof, &other, NULL), 0);
	desk_person_go(&next);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		TEST(what_is_added_opens_and_is_recorded),
		TEST(the_entry_has_the_digest_of_the_file),
		TEST(the_role_of_owner_is_not_enough),
		TEST(the_secret_is_not_enough),
		TEST(the_last_two_stay),
		TEST(a_changed_secret_opens_no_more),
		TEST(a_client_that_leaves_holds_nobody_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
