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

static const size_t sizes[] = { 100000, 300000 };

/* A vault with a version, and its owner, who reads it. */
struct scene {
	struct desk d;
	struct desk_person owner;
	char reference[96];
};

static int
setup(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));
	char hex[DIGEST_HEX_SIZE];
	struct digest version;
	uint64_t grant;

	log_sink(test_hush, NULL);
	desk_new(&s->d, true);
	desk_person_come(&s->owner, &s->d, 0);
	DESK_MUST(desk_put(&s->owner, "llama", sizes, 2, &version));
	DESK_MUST(desk_grant(&s->owner, "llama", "user:root", MSG_GRANT_LOAD,
	    true, &grant));
	snprintf(s->reference, sizeof(s->reference), "llama@%s",
	    digest_hex(&version, hex));
	*state = s;
	return 0;
}

static int
teardown(void **state)
{
	struct scene *s = *state;

	desk_person_go(&s->owner);
	desk_free(&s->d);
	free(s);
	return 0;
}

static int
lock(struct desk_person *p, struct msg_lock_reply *out)
{
	OWNED_WRITER body = writer_of(4096);
	struct reader reply;
	int err;

	msg_string_write(&body, "a test");
	err = desk_ask(p, MSG_LOCK, &body, &reply);
	if (err == 0)
		assert_int_equal(msg_lock_reply_read(out, &reply), 0);
	return err;
}

static int
unlock(struct desk_person *p, const struct unlock *secret,
    struct msg_lock_reply *out)
{
	OWNED_WRITER body = writer_of(2 * UNLOCK_MAX);
	struct reader reply;
	int err;

	msg_unlock_write(&body, &(struct msg_unlock){ *secret });
	err = desk_ask(p, MSG_UNLOCK, &body, &reply);
	if (err == 0)
		assert_int_equal(msg_lock_reply_read(out, &reply), 0);
	return err;
}

/* What reads, and what it gets. */
static int
open_one(struct scene *s, struct msg_session *out)
{
	return desk_open(&s->owner, s->reference, MSG_MOUNT, "", out);
}

static void
a_locked_keyd_has_nothing_that_opens_anything(void **state)
{
	struct scene *s = *state;
	const struct keyring *k = s->d.keyring;
	struct msg_lock_reply m;

	assert_int_equal(lock(&s->owner, &m), 0);
	assert_false(m.again);
	assert_null(k->root);
	assert_null(k->epoch);
	assert_null(k->index_secret);
	assert_non_null(k->log_seed);
	assert_int_equal(desk_count(&s->d, "lock"), 1);
	assert_int_equal(lock(&s->owner, &m), 0);
	assert_true(m.again);
	assert_int_equal(desk_count(&s->d, "lock"), 1);
}

static void
sessions_end_and_get_nothing_more(void **state)
{
	struct scene *s = *state;
	struct msg_release_reply keys;
	struct msg_session session;
	struct msg_lock_reply m;

	DESK_MUST(open_one(s, &session));
	DESK_MUST(desk_release(&s->owner, session.session, 0, 1, &keys));
	msg_release_reply_clear(&keys);
	assert_int_equal(lock(&s->owner, &m), 0);
	assert_int_equal(m.number, 1);
	assert_int_equal(s->owner.events, 1);
	assert_int_equal(s->owner.ended, session.session);
	assert_int_equal(desk_count(&s->d, "session.close"), 1);
	assert_int_equal(desk_release(&s->owner, session.session, 1, 1, &keys),
	    ERR_SECRET);
	assert_non_null(strstr(s->owner.sentence, "weir unlock"));
	msg_session_clear(&session);
	assert_int_equal(open_one(s, &session), ERR_SECRET);
	assert_int_equal(desk_count(&s->d, "session.refused"), 0);
}

/* Its key, which a thread has, is no way round. */
static void
a_commit_under_way_is_broken_off(void **state)
{
	struct scene *s = *state;
	struct msg_put_begin_reply begun;
	struct msg_put_commit commit;
	struct desk_person other;
	struct msg_lock_reply m;
	int err;

	desk_person_come(&other, &s->d, 0);
	DESK_MUST(desk_begin(&other, "llama", &begun));
	DESK_MUST(desk_take_in(&other, &begun, sizes + 1, 1, &commit));
	desk_commit_send(&other, &commit);
	assert_int_equal(lock(&s->owner, &m), 0);
	assert_int_equal(desk_count(&s->d, "put"), 1);
	err = desk_commit(&other, &commit);
	assert_int_equal(err, ERR_SECRET);
	assert_true(STAILQ_EMPTY(&s->d.broker->checks));
	msg_put_commit_clear(&commit);
	desk_person_go(&other);
}

/* What is looked at after is not broken off. */
static void
an_unlocked_vault_takes_what_is_put(void **state)
{
	static const size_t more[] = { 70000 };
	struct scene *s = *state;
	OWNED_UNLOCK right = desk_secret();
	struct digest version;
	struct msg_lock_reply m;

	assert_int_equal(lock(&s->owner, &m), 0);
	assert_int_equal(desk_put(&s->owner, "llama", more, 1, &version),
	    ERR_SECRET);
	assert_int_equal(unlock(&s->owner, &right, &m), 0);
	assert_int_equal(desk_put(&s->owner, "llama", more, 1, &version), 0);
}

static void
a_lock_outlasts_a_restart(void **state)
{
	struct scene *s = *state;
	struct msg_lock_reply m;
	struct msg_session session;

	assert_int_equal(lock(&s->owner, &m), 0);
	for (int cleanly = 0; cleanly < 2; cleanly++) {
		desk_person_go(&s->owner);
		desk_restart(&s->d, cleanly != 0);
		desk_person_come(&s->owner, &s->d, 0);
		assert_true(keyring_locked(s->d.keyring));
		assert_int_equal(open_one(s, &session), ERR_SECRET);
	}
}

static void
it_takes_a_secret_and_the_role_to_unlock(void **state)
{
	struct scene *s = *state;
	OWNED_UNLOCK right = desk_secret();
	OWNED_UNLOCK wrong = { .kind = UNLOCK_KEY_FILE };
	struct desk_person bin;
	struct msg_session session;
	struct msg_lock_reply m;

	DESK_MUST(secret_text_from(&wrong.secret, OTHER, strlen(OTHER)));
	desk_person_come(&bin, &s->d, 2);
	DESK_MUST(
	    desk_role(&s->owner, MSG_ROLE_ADD, "manager", "", "user:bin"));
	assert_int_equal(lock(&bin, &m), ERR_DENIED);
	assert_int_equal(lock(&s->owner, &m), 0);
	assert_int_equal(unlock(&bin, &right, &m), ERR_DENIED);
	assert_int_equal(unlock(&s->owner, &wrong, &m), ERR_SECRET);
	assert_int_equal(desk_count(&s->d, "refused"), 3);
	assert_true(keyring_locked(s->d.keyring));
	assert_int_equal(unlock(&s->owner, &right, &m), 0);
	assert_false(m.again);
	assert_int_equal(m.number, 1);
	assert_int_equal(desk_count(&s->d, "unlock"), 1);
	assert_int_equal(open_one(s, &session), 0);
	msg_session_clear(&session);
	assert_int_equal(unlock(&s->owner, &wrong, &m), 0);
	assert_true(m.again);
	desk_person_go(&bin);
}

/* The epoch's file is not the one that its keys are wrapped under. */
static void
what_is_not_the_same_vault_is_not_taken(void **state)
{
	struct scene *s = *state;
	OWNED_UNLOCK right = desk_secret();
	OWNED(keyring) k = NULL;
	struct msg_lock_reply m;

	DESK_MUST(keyring_open(s->d.vault->dir, &right, &k));
	assert_int_equal(lock(&s->owner, &m), 0);
	assert_true(keyring_same(s->d.keyring, k));
	k->epoch_number++;
	assert_false(keyring_same(s->d.keyring, k));
	k->epoch_number--;
	k->vault[0] ^= 1;
	assert_false(keyring_same(s->d.keyring, k));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		TEST(a_locked_keyd_has_nothing_that_opens_anything),
		TEST(sessions_end_and_get_nothing_more),
		TEST(a_commit_under_way_is_broken_off),
		TEST(an_unlocked_vault_takes_what_is_put),
		TEST(a_lock_outlasts_a_restart),
		TEST(it_takes_a_secret_and_the_role_to_unlock),
		TEST(what_is_not_the_same_vault_is_not_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
