/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "keys/broker_state.h"
#include "keys/keyring_epoch.h"
#include "keys/keyring_next.h"
#include "keys/keyring_rekey.h"
#include "keys/keyring_rewrap.h"
#include "keys/keyring_start.h"
#include "tests/lib/desk.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/log.h"

#define OTHER "the content of another key file, that long"
#define RECOVERY "a new recovery key is made of 32 bytes"

static const size_t sizes[] = { 100000, 300000 };

/* A vault with a version, and what it was: its keyring, opened, and the wrapped
 * keys of its family and version. */
struct scene {
	struct desk d;
	struct desk_person owner;
	char reference[96];
	struct keyring *before;
	uint8_t *family, *version;
	size_t family_length, version_length;
};

static void
remember(struct scene *s)
{
	OWNED_UNLOCK secret = desk_secret();

	DESK_MUST(keyring_open(s->d.vault->dir, &secret, &s->before));
	DESK_MUST(catalogue_family_key(s->d.catalogue, "llama", &s->family,
	    &s->family_length));
	DESK_MUST(catalogue_upload_key(s->d.catalogue, 1, &s->version,
	    &s->version_length));
}

static int
setup(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));
	char hex[DIGEST_HEX_SIZE];
	struct digest version;

	log_sink(test_hush, NULL);
	desk_new(&s->d, true);
	desk_person_come(&s->owner, &s->d, 0);
	DESK_MUST(desk_put(&s->owner, "llama", sizes, 2, &version));
	snprintf(s->reference, sizeof(s->reference), "llama@%s",
	    digest_hex(&version, hex));
	remember(s);
	*state = s;
	return 0;
}

static int
teardown(void **state)
{
	struct scene *s = *state;

	keyring_free(s->before);
	free(s->family);
	free(s->version);
	desk_person_go(&s->owner);
	desk_free(&s->d);
	free(s);
	return 0;
}

static struct unlock
key_file(const char *text)
{
	struct unlock u = { .kind = UNLOCK_KEY_FILE };

	DESK_MUST(secret_text_from(&u.secret, text, strlen(text)));
	return u;
}

static struct unlock
fresh_recovery(void)
{
	struct unlock u = { .kind = UNLOCK_RECOVERY };

	DESK_MUST(keyring_slot_recovery((const uint8_t *)RECOVERY, &u.secret));
	return u;
}

static int
rekey_by(struct desk_person *p, const struct unlock *proof, bool drop)
{
	OWNED_WRITER body = writer_of(4 * UNLOCK_MAX);
	OWNED_UNLOCK fresh = fresh_recovery();

	msg_rekey_write(&body,
	    &(struct msg_rekey){ .proof = *proof,
		.recovery = fresh,
		.drop = drop });
	return desk_ask(p, MSG_REKEY, &body, NULL);
}

static int
rekey(struct scene *s)
{
	OWNED_UNLOCK proof = desk_secret();

	return rekey_by(&s->owner, &proof, false);
}

static void
crash(struct scene *s)
{
	desk_person_go(&s->owner);
	desk_restart(&s->d, false);
	desk_person_come(&s->owner, &s->d, 0);
}

static bool
exists(const struct scene *s, const char *name)
{
	return faccessat(s->d.vault->dir->fd, name, F_OK, 0) == 0;
}

static bool
same_root(const struct scene *s)
{
	return memcmp(root_key_bytes(s->before->root),
		   root_key_bytes(s->d.keyring->root), KEY_SIZE) == 0;
}

/* All of it opens, and nothing lies about. */
static void
assert_whole(struct scene *s)
{
	static const size_t more[] = { 70000 };
	OWNED_WRITER body = writer_of(256);
	struct digest version;

	msg_string_write(&body, s->reference);
	assert_int_equal(desk_ask(&s->owner, MSG_VERSION_GET, &body, NULL), 0);
	assert_int_equal(desk_put(&s->owner, "llama", more, 1, &version), 0);
	assert_int_equal(keyring_rewrap_look(s->d.catalogue, s->d.keyring,
			     true),
	    0);
	assert_false(exists(s, KEYRING_NEXT_FILE));
	assert_false(exists(s, KEYRING_EPOCH_NEXT_FILE));
	assert_false(exists(s, KEYRING_EPOCH_OLD_FILE));
}

static bool
file_has(const struct scene *s, const char *name, const uint8_t *bytes,
    size_t n)
{
	OWNED_MEM(uint8_t) file = NULL;
	size_t length;

	if (file_load(s->d.vault->dir, name, 64U << 20, &file, &length) != 0)
		return false;
	return memmem(file, length, bytes, n) != NULL;
}

/* What was known before opens nothing of what is. */
static void
assert_renewed(struct scene *s)
{
	OWNED_MEM(uint8_t) family = NULL;
	OWNED_MEM(uint8_t) version = NULL;
	OWNED_MEM(uint8_t) epoch = NULL;
	OWNED(family_key) family_key = NULL;
	OWNED(version_key) version_key = NULL;
	OWNED(keyring) k = calloc(1, sizeof(*k));
	struct reader r;
	size_t n;

	assert_false(same_root(s));
	assert_int_equal(s->d.keyring->epoch_number, 2);
	DESK_MUST(catalogue_family_key(s->d.catalogue, "llama", &family, &n));
	assert_int_equal(keyring_open_family(s->before, "llama", family, n,
			     &family_key),
	    ERR_INTEGRITY);
	DESK_MUST(catalogue_upload_key(s->d.catalogue, 1, &version, &n));
	assert_int_equal(keyring_open_version(s->before, 1, version, n,
			     &version_key),
	    ERR_INTEGRITY);
	DESK_MUST(file_load(s->d.vault->dir, KEYRING_EPOCH_FILE,
	    KEYRING_FILE_MAX, &epoch, &n));
	r = reader_of(epoch, n);
	DESK_MUST(root_key_from(&k->root, root_key_bytes(s->before->root)));
	assert_int_equal(keyring_epoch_read(k, &r), ERR_INTEGRITY);
	assert_false(
	    file_has(s, VAULTDIR_CATALOGUE, s->family, s->family_length));
	assert_false(
	    file_has(s, VAULTDIR_CATALOGUE, s->version, s->version_length));
	assert_false(file_has(s, VAULTDIR_CATALOGUE "-wal", s->family,
	    s->family_length));
}

static void
the_old_root_key_opens_nothing_of_what_is(void **state)
{
	struct scene *s = *state;
	json_t *e;

	assert_true(
	    file_has(s, VAULTDIR_CATALOGUE, s->family, s->family_length) ||
	    file_has(s, VAULTDIR_CATALOGUE "-wal", s->family,
		s->family_length));
	assert_int_equal(rekey(s), 0);
	assert_renewed(s);
	assert_whole(s);
	e = desk_last(&s->d, "rekey");
	assert_int_equal(json_integer_value(json_object_get(e, "epoch")), 2);
	assert_int_equal(json_integer_value(json_object_get(e, "secret")), 3);
	assert_int_equal(json_array_size(json_object_get(e, "kept")), 1);
	json_decref(e);
	crash(s);
	assert_renewed(s);
	assert_whole(s);
}

static void
sessions_and_uploads_go_on(void **state)
{
	static const size_t more[] = { 70000 };
	struct scene *s = *state;
	struct msg_release_reply keys;
	struct msg_put_begin_reply begun;
	struct msg_put_commit commit;
	struct msg_session session;
	uint64_t grant;

	DESK_MUST(desk_grant(&s->owner, "llama", "user:root", MSG_GRANT_LOAD,
	    true, &grant));
	DESK_MUST(desk_open(&s->owner, s->reference, MSG_MOUNT, "", &session));
	DESK_MUST(desk_begin(&s->owner, "llama", &begun));
	assert_int_equal(rekey(s), 0);
	assert_int_equal(s->owner.events, 0);
	assert_int_equal(desk_release(&s->owner, session.session, 0, 1, &keys),
	    0);
	msg_release_reply_clear(&keys);
	DESK_MUST(desk_take_in(&s->owner, &begun, more, 1, &commit));
	assert_int_equal(desk_commit(&s->owner, &commit), 0);
	msg_session_clear(&session);
	assert_whole(s);
}

static void
it_takes_the_role_and_a_secret(void **state)
{
	struct scene *s = *state;
	OWNED_UNLOCK wrong = key_file(OTHER), right = desk_secret();
	struct desk_person bin;

	desk_person_come(&bin, &s->d, 2);
	DESK_MUST(
	    desk_role(&s->owner, MSG_ROLE_ADD, "manager", "", "user:bin"));
	assert_int_equal(rekey_by(&bin, &right, true), ERR_DENIED);
	assert_int_equal(rekey_by(&s->owner, &wrong, true), ERR_SECRET);
	assert_int_equal(desk_count(&s->d, "refused"), 2);
	assert_int_equal(desk_count(&s->d, "rekey"), 0);
	assert_true(same_root(s));
	assert_whole(s);
	desk_person_go(&bin);
}

/* A recovery key that was given stays, and is not printed again. */
static void
what_is_given_stays(void **state)
{
	struct scene *s = *state;
	OWNED_UNLOCK proof = desk_secret(), other = key_file(OTHER);
	OWNED_UNLOCK fresh = fresh_recovery();
	OWNED_WRITER add = writer_of(4 * UNLOCK_MAX);
	OWNED_WRITER body = writer_of(4 * UNLOCK_MAX);
	OWNED(keyring) k = NULL;
	char empty[] = "", two[] = "2";
	json_t *j;

	msg_secret_add_write(&add,
	    &(struct msg_secret_add){ proof, other, empty, true, two });
	DESK_MUST(desk_ask(&s->owner, MSG_SECRET_ADD, &add, NULL));
	assert_int_equal(rekey(s), ERR_CONFLICT);
	assert_non_null(strstr(s->owner.sentence, "--drop-others"));
	msg_rekey_write(&body,
	    &(struct msg_rekey){ .proof = proof,
		.recovery = fresh,
		.count = 1,
		.others = &other });
	j = desk_json(&s->owner, MSG_REKEY, &body);
	assert_non_null(j);
	assert_null(json_object_get(j, "recovery"));
	assert_int_equal(json_array_size(json_object_get(j, "kept")), 2);
	assert_int_equal(json_array_size(json_object_get(j, "dropped")), 0);
	json_decref(j);
	assert_int_equal(keyring_open(s->d.vault->dir, &other, &k), 0);
	assert_whole(s);
}

static int
break_key(void *arg, uint64_t upload, const uint8_t *wrapped, size_t n,
    uint8_t **out, size_t *length)
{
	(void)arg;
	(void)upload;
	*out = malloc(n);
	assert_non_null(*out);
	memcpy(*out, wrapped, n);
	(*out)[n - 1] ^= 1;
	*length = n;
	return 0;
}

static void
nothing_is_begun_that_would_lose_a_key(void **state)
{
	struct scene *s = *state;

	DESK_MUST(catalogue_shred_rewrap(s->d.catalogue,
	    &(struct catalogue_rewrap){ 1, break_key, NULL, NULL }));
	assert_int_equal(rekey(s), ERR_INTEGRITY);
	assert_int_equal(desk_count(&s->d, "rekey"), 0);
	assert_true(same_root(s));
	assert_false(exists(s, KEYRING_NEXT_FILE));
}

static void
a_locked_vault_keeps_its_root_key(void **state)
{
	struct scene *s = *state;
	OWNED_WRITER body = writer_of(256);

	msg_string_write(&body, "");
	DESK_MUST(desk_ask(&s->owner, MSG_LOCK, &body, NULL));
	assert_int_equal(rekey(s), ERR_SECRET);
	assert_non_null(strstr(s->owner.sentence, "weir unlock"));
}

/* --- cut off: the steps of FORMAT.md, as far as `steps` --- */

static void
beside(struct scene *s, struct keyring_rekeyed *m)
{
	OWNED_UNLOCK proof = desk_secret(), fresh = fresh_recovery();
	OWNED_MEM(uint8_t) bytes = NULL;
	struct keyring from, next;
	char why[KEYRING_EDIT_WHY];
	struct keyring_rekey how = {
		.proof = &proof,
		.recovery = &fresh,
		.number = 3,
	};

	DESK_MUST(file_load(s->d.vault->dir, KEYRING_FILE, KEYRING_FILE_MAX,
	    &bytes, &how.length));
	how.bytes = bytes;
	DESK_MUST(keyring_rekey(m, &how, why));
	from = *m->next;
	from.epoch = s->d.keyring->epoch;
	from.epoch_number = s->d.keyring->epoch_number;
	DESK_MUST(keyring_epoch_begin(&from, s->d.vault->dir, &next));
	m->next->epoch = next.epoch;
	m->next->epoch_number = next.epoch_number;
	DESK_MUST(keyring_next_put(s->d.vault->dir, m->bytes, m->length));
}

static void
record(struct scene *s, const struct keyring_rekeyed *m)
{
	struct digest file = digest_of(m->bytes, m->length);
	OWNED_ENTRY e = { 0 };

	broker_record_begin(&e, ENTRY_REKEY);
	entry_number(&e, "epoch", m->next->epoch_number);
	entry_open_list(&e, "kept");
	entry_close(&e);
	entry_open_list(&e, "dropped");
	entry_close(&e);
	entry_number(&e, "secret", 3);
	entry_text(&e, "label", "recovery");
	entry_number(&e, "proved", 1);
	entry_digest(&e, "keyring", &file);
	DESK_MUST(broker_record_wait(s->d.broker, &e));
}

static void
cut_off_after(struct scene *s, int steps)
{
	const struct file *vault = s->d.vault->dir;
	struct keyring_rekeyed m = { 0 };

	beside(s, &m);
	if (steps >= 2)
		record(s, &m);
	if (steps >= 3)
		DESK_MUST(
		    keyring_rewrap(s->d.catalogue, s->d.keyring, m.next, true));
	if (steps >= 4)
		DESK_MUST(keyring_next_take(vault));
	if (steps >= 5)
		assert_int_equal(linkat(vault->fd, KEYRING_EPOCH_FILE,
				     vault->fd, KEYRING_EPOCH_OLD_FILE, 0),
		    0);
	if (steps >= 6)
		assert_int_equal(renameat(vault->fd, KEYRING_EPOCH_NEXT_FILE,
				     vault->fd, KEYRING_EPOCH_FILE),
		    0);
	keyring_rekeyed_clear(&m);
	crash(s);
}

static void
before_it_is_recorded_nothing_has_happened(void **state)
{
	struct scene *s = *state;

	cut_off_after(s, 1);
	assert_true(same_root(s));
	assert_int_equal(s->d.keyring->epoch_number, 1);
	assert_whole(s);
}

static void
what_is_recorded_is_finished(void **state)
{
	for (int steps = 2; steps <= 6; steps++) {
		struct scene *s = *state;

		cut_off_after(s, steps);
		assert_renewed(s);
		assert_whole(s);
		crash(s);
		assert_renewed(s);
		assert_whole(s);
		teardown(state);
		setup(state);
	}
}

/* It went, and cannot finish what it does not open. */
static void
a_secret_that_went_finishes_nothing(void **state)
{
	for (int steps = 2; steps <= 3; steps++) {
		struct scene *s = *state;
		OWNED(keyring) k = NULL;
		OWNED_UNLOCK secret = desk_secret();
		struct keyring_rekeyed m = { 0 };

		beside(s, &m);
		record(s, &m);
		if (steps >= 3)
			DESK_MUST(keyring_rewrap(s->d.catalogue, s->d.keyring,
			    m.next, true));
		DESK_MUST(keyring_open(s->d.vault->dir, &secret, &k));
		assert_non_null(k->after);
		keyring_free(k->after);
		k->after = NULL;
		assert_int_equal(keyring_start_settle(s->d.vault,
				     s->d.catalogue, k),
		    ERR_SECRET);
		assert_true(exists(s, KEYRING_NEXT_FILE));
		keyring_rekeyed_clear(&m);
		crash(s);
		assert_renewed(s);
		assert_whole(s);
		teardown(state);
		setup(state);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		TEST(the_old_root_key_opens_nothing_of_what_is),
		TEST(sessions_and_uploads_go_on),
		TEST(it_takes_the_role_and_a_secret),
		TEST(what_is_given_stays),
		TEST(nothing_is_begun_that_would_lose_a_key),
		TEST(a_locked_vault_keeps_its_root_key),
		TEST(before_it_is_recorded_nothing_has_happened),
		TEST(what_is_recorded_is_finished),
		TEST(a_secret_that_went_finishes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
