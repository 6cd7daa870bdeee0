/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keys/broker_state.h"
#include "keys/keyring_epoch.h"
#include "tests/lib/desk.h"
#include "tests/lib/moved.h"
#include "tests/lib/test.h"
#include "vault/certificate.h"
#include "vault/err.h"
#include "vault/log.h"

/* The second one has the first one's first file, too. */
static const size_t first_sizes[] = { 100000, 300000 };
static const size_t second_sizes[] = { 100000, 200000 };

/* A vault with two versions. */
struct scene {
	struct desk d;
	struct desk_person owner;
	struct digest first, second;
	char reference[96];
};

static int
setup(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));
	char hex[DIGEST_HEX_SIZE];

	moved_wall_ms = 0;
	log_sink(test_hush, NULL);
	desk_new(&s->d, true);
	desk_person_come(&s->owner, &s->d, 0);
	DESK_MUST(desk_put(&s->owner, "llama", first_sizes, 2, &s->first));
	DESK_MUST(desk_put(&s->owner, "llama", second_sizes, 2, &s->second));
	snprintf(s->reference, sizeof(s->reference), "llama@%s",
	    digest_hex(&s->first, hex));
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
begin(struct scene *s, struct desk_person *p)
{
	OWNED_WRITER body = writer_of(4096);
	char reason[] = "a test";
	const struct msg_removal m = {
		.reference = s->reference,
		.reason = reason,
	};

	msg_removal_write(&body, &m);
	return desk_ask(p, MSG_SHRED_BEGIN, &body, NULL);
}

static int
sweep(struct scene *s, uint64_t *left)
{
	OWNED_WRITER body = writer_of(4096);
	struct reader reply;
	int err;

	msg_string_write(&body, s->reference);
	err = desk_ask(&s->owner, MSG_SHRED_SWEEP, &body, &reply);
	if (err == 0)
		DESK_MUST(msg_number_read(left, &reply));
	return err;
}

static void
sweep_all(struct scene *s)
{
	uint64_t left = 1;

	while (left > 0)
		assert_int_equal(sweep(s, &left), 0);
}

/* keyd is killed, and starts again. */
static void
crash(struct scene *s)
{
	desk_person_go(&s->owner);
	desk_restart(&s->d, false);
	desk_person_come(&s->owner, &s->d, 0);
}

static json_t *
payload(struct scene *s)
{
	OWNED_WRITER body = writer_of(4096);
	char why[CERTIFICATE_WHY];
	OWNED(certificate) c = NULL;
	const char *text;
	json_t *j, *out;

	msg_string_write(&body, s->reference);
	j = desk_json(&s->owner, MSG_SHRED_CERTIFICATE, &body);
	if (j == NULL)
		return NULL;
	text = json_string_value(json_object_get(j, "certificate"));
	assert_int_equal(certificate_parse(&c, text, strlen(text), why), 0);
	out = json_deep_copy(certificate_payload(c));
	json_decref(j);
	return out;
}

static json_int_t
number(const json_t *j, const char *what, const char *key)
{
	return json_integer_value(
	    json_object_get(json_object_get(j, what), key));
}

static bool
exists(struct scene *s, const char *name)
{
	return faccessat(s->d.vault->dir->fd, name, F_OK, 0) == 0;
}

/* It is gone, the other one opens, and the certificate tells of all. */
static void
assert_shredded(struct scene *s)
{
	OWNED_WRITER body = writer_of(256);
	char hex[DIGEST_HEX_SIZE], other[96];
	json_t *j = payload(s);

	assert_non_null(j);
	assert_true(number(j, "chunks", "destroyed") > 0);
	assert_true(number(j, "chunks", "kept") > 0);
	assert_int_equal(json_array_size(json_object_get(j, "files")), 2);
	assert_string_equal(json_string_value(json_object_get(j, "version")),
	    digest_hex(&s->first, hex));
	json_decref(j);
	assert_int_equal(desk_count(&s->d, "shred"), 2);
	assert_int_equal(s->d.keyring->epoch_number, 2);
	assert_false(exists(s, KEYRING_EPOCH_NEXT_FILE));
	assert_false(exists(s, KEYRING_EPOCH_OLD_FILE));
	snprintf(other, sizeof(other), "llama@%s", digest_hex(&s->second, hex));
	msg_string_write(&body, other);
	assert_int_equal(desk_ask(&s->owner, MSG_VERSION_GET, &body, NULL), 0);
	writer_reset(&body);
	msg_string_write(&body, s->reference);
	assert_int_equal(desk_ask(&s->owner, MSG_VERSION_GET, &body, NULL),
	    ERR_NOT_FOUND);
}

static void
a_version_is_shredded_and_the_other_reads_on(void **state)
{
	struct scene *s = *state;

	assert_int_equal(begin(s, &s->owner), 0);
	assert_null(payload(s));
	sweep_all(s);
	assert_shredded(s);
	crash(s);
	assert_shredded(s);
}

static void
one_that_is_cut_off_is_finished_at_start(void **state)
{
	struct scene *s = *state;
	uint64_t left;

	assert_int_equal(begin(s, &s->owner), 0);
	crash(s);
	assert_shredded(s);
	assert_int_equal(sweep(s, &left), 0);
	assert_int_equal(left, 0);
}

/* As if keyd had been killed just before and after each step of the change. */
static void
a_change_of_epoch_that_is_cut_off_is_undone_or_finished(void **state)
{
	struct scene *s = *state;
	const struct file *vault = s->d.vault->dir;
	struct keyring next;

	/* The next key is there, and nothing is wrapped under it. */
	DESK_MUST(keyring_epoch_begin(s->d.keyring, vault, &next));
	keyring_epoch_free(&next);
	DESK_MUST(linkat(vault->fd, KEYRING_EPOCH_FILE, vault->fd,
	    KEYRING_EPOCH_OLD_FILE, 0));
	crash(s);
	assert_int_equal(s->d.keyring->epoch_number, 1);
	assert_false(exists(s, KEYRING_EPOCH_NEXT_FILE));
	assert_false(exists(s, KEYRING_EPOCH_OLD_FILE));
	assert_int_equal(begin(s, &s->owner), 0);
	sweep_all(s);
	assert_shredded(s);
}

static int
wrap_anew(void *arg, uint64_t upload, const uint8_t *wrapped, size_t n,
    uint8_t **out, size_t *length)
{
	struct keyring **rings = arg;
	OWNED(version_key) key = NULL;
	int err = keyring_open_version(rings[0], upload, wrapped, n, &key);

	return err == 0 ?
	    keyring_wrap_version(rings[1], upload, key, out, length) :
	    err;
}

static void
a_catalogue_that_went_over_takes_the_epoch_with_it(void **state)
{
	struct scene *s = *state;
	OWNED_WRITER body = writer_of(256);
	struct keyring next, *rings[] = { s->d.keyring, &next };

	DESK_MUST(keyring_epoch_begin(s->d.keyring, s->d.vault->dir, &next));
	DESK_MUST(catalogue_shred_rewrap(s->d.catalogue,
	    &(struct catalogue_rewrap){ 2, wrap_anew, NULL, rings }));
	keyring_epoch_free(&next);
	crash(s);
	assert_int_equal(s->d.keyring->epoch_number, 2);
	assert_false(exists(s, KEYRING_EPOCH_NEXT_FILE));
	msg_string_write(&body, s->reference);
	assert_int_equal(desk_ask(&s->owner, MSG_VERSION_GET, &body, NULL), 0);
}

static void
an_epoch_of_another_time_is_refused(void **state)
{
	struct scene *s = *state;
	struct keyring k = *s->d.keyring;

	assert_int_equal(keyring_epoch_settle(&k, s->d.vault->dir, 2),
	    ERR_INTEGRITY);
	k.epoch_number = 2;
	assert_int_equal(keyring_epoch_settle(&k, s->d.vault->dir, 1),
	    ERR_INTEGRITY);
	assert_int_equal(keyring_epoch_settle(&k, s->d.vault->dir, 0),
	    ERR_INTEGRITY);
	assert_true(exists(s, KEYRING_EPOCH_FILE));
}

static void
its_sessions_end(void **state)
{
	struct scene *s = *state;
	struct msg_session session;
	uint64_t grant;
	json_t *e;

	DESK_MUST(desk_grant(&s->owner, "llama", "user:root", MSG_GRANT_LOAD,
	    false, &grant));
	DESK_MUST(desk_open(&s->owner, s->reference, MSG_MOUNT, "", &session));
	assert_int_equal(begin(s, &s->owner), 0);
	assert_int_equal(s->owner.events, 1);
	assert_int_equal(s->owner.ended, session.session);
	msg_session_clear(&session);
	sweep_all(s);
	e = desk_last(&s->d, "session.close");
	assert_string_equal(json_string_value(json_object_get(e, "reason")),
	    "a version of it is shredded");
	json_decref(e);
	crash(s);
	assert_shredded(s);
}

static void
nobody_but_an_owner_shreds(void **state)
{
	struct scene *s = *state;
	struct desk_person bin;

	desk_person_come(&bin, &s->d, 2);
	DESK_MUST(
	    desk_role(&s->owner, MSG_ROLE_ADD, "manager", "", "user:bin"));
	assert_int_equal(begin(s, &bin), ERR_DENIED);
	assert_int_equal(desk_count(&s->d, "shred"), 0);
	desk_person_go(&bin);
}

static int
break_key(void *arg, uint64_t upload, const uint8_t *wrapped, size_t n,
    uint8_t **out, size_t *length)
{
	(void)arg;
	*out = malloc(n);
	assert_non_null(*out);
	memcpy(*out, wrapped, n);
	(*out)[n - 1] ^= upload == 2;
	*length = n;
	return 0;
}

static void
nothing_is_begun_that_would_lose_another_version(void **state)
{
	struct scene *s = *state;

	DESK_MUST(catalogue_shred_rewrap(s->d.catalogue,
	    &(struct catalogue_rewrap){ 1, break_key, NULL, NULL }));
	assert_int_equal(begin(s, &s->owner), ERR_INTEGRITY);
	assert_int_equal(desk_count(&s->d, "shred"), 0);
	assert_int_equal(s->d.keyring->epoch_number, 1);
}

/* Its objects would be gone from under the copy. */
static void
a_backup_that_is_being_made_is_waited_for(void **state)
{
	struct scene *s = *state;
	struct desk_person other;

	desk_person_come(&other, &s->d, 0);
	DESK_MUST(mkdirat(s->d.vault->dir->fd, VAULTDIR_RUN, 0700) != 0 &&
	    errno != EEXIST);
	assert_int_equal(desk_ask(&other, MSG_BACKUP, NULL, NULL), 0);
	assert_int_equal(begin(s, &s->owner), ERR_CONFLICT);
	assert_non_null(strstr(s->owner.sentence, "run 'weir shred' when"));
	assert_int_equal(desk_count(&s->d, "shred"), 0);
	desk_person_go(&other);
	assert_int_equal(begin(s, &s->owner), 0);
	sweep_all(s);
}

/* --- a store that is slow to let go --- */

static int
count_object(void *arg, const struct digest *name, uint64_t size)
{
	(void)name;
	(void)size;
	(*(size_t *)arg)++;
	return 0;
}

static size_t
objects(struct scene *s)
{
	size_t n = 0;

	DESK_MUST(store_list(s->d.store, count_object, &n));
	return n;
}

static void
tick(struct scene *s)
{
	broker_tick(s->d.broker, s->d.broker->now_ms + 1000);
}

/* Shredded, when patience was over before anything could go. */
static void
shred_slowly(struct scene *s)
{
	uint64_t left = 1;

	assert_int_equal(begin(s, &s->owner), 0);
	moved_wall_ms += 400;
	assert_int_equal(sweep(s, &left), 0);
	assert_int_equal(left, 0);
}

static void
assert_left(struct scene *s, json_int_t left, json_int_t removed)
{
	json_t *j = payload(s);

	assert_non_null(j);
	assert_int_equal(number(j, "objects", "left"), left);
	assert_int_equal(number(j, "objects", "removed"), removed);
	json_decref(j);
}

static void
objects_that_take_long_go_behind_the_answer(void **state)
{
	struct scene *s = *state;
	size_t before = objects(s), gone;

	shred_slowly(s);
	/* It is as final as any. */
	assert_shredded(s);
	assert_int_equal(objects(s), before);
	tick(s);
	gone = before - objects(s);
	assert_true(gone > 0);
	assert_left(s, 0, (json_int_t)gone);
	assert_int_equal(desk_count(&s->d, "shred"), 3);
	tick(s);
	crash(s);
	assert_int_equal(desk_count(&s->d, "shred"), 3);
	assert_int_equal(objects(s), before - gone);
}

static void
those_that_are_left_go_at_the_next_start(void **state)
{
	struct scene *s = *state;
	size_t before = objects(s);
	json_t *j;

	shred_slowly(s);
	j = payload(s);
	assert_true(number(j, "objects", "left") > 0);
	crash(s);
	assert_int_equal(before - objects(s), number(j, "objects", "left"));
	assert_left(s, 0, number(j, "objects", "left"));
	assert_int_equal(desk_count(&s->d, "shred"), 3);
	json_decref(j);
}

/* As if keyd had been killed when all had gone, and before the entry that names
 * the certificate which says so. */
static void
a_certificate_that_is_cut_off_is_made_again(void **state)
{
	struct scene *s = *state;
	struct digest names[MSG_SWEEP_MAX];
	uint8_t what[MSG_SWEEP_MAX];
	struct catalogue_shred shred;
	size_t n;

	shred_slowly(s);
	DESK_MUST(catalogue_shred_left(s->d.catalogue, &shred));
	DESK_MUST(catalogue_shred_doomed(s->d.catalogue, shred.id, names,
	    MSG_SWEEP_MAX, &n));
	memset(what, 1, sizeof(what));
	DESK_MUST(
	    catalogue_shred_decide(s->d.catalogue, shred.id, names, what, n));
	DESK_MUST(
	    catalogue_shred_payload_stage(s->d.catalogue, shred.id, "{}"));
	crash(s);
	assert_left(s, 0, (json_int_t)n);
	assert_int_equal(desk_count(&s->d, "shred"), 3);
}

static void
those_that_are_left_stay_while_a_backup_is_made(void **state)
{
	struct scene *s = *state;
	size_t before = objects(s);
	struct desk_person other;

	shred_slowly(s);
	desk_person_come(&other, &s->d, 0);
	(void)!mkdirat(s->d.vault->dir->fd, VAULTDIR_RUN, 0700);
	assert_int_equal(desk_ask(&other, MSG_BACKUP, NULL, NULL), 0);
	tick(s);
	assert_int_equal(objects(s), before);
	desk_person_go(&other);
	tick(s);
	assert_true(objects(s) < before);
}

#define TEST(x) cmocka_unit_test_setup_teardown(x, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_version_is_shredded_and_the_other_reads_on),
		TEST(one_that_is_cut_off_is_finished_at_start),
		TEST(a_change_of_epoch_that_is_cut_off_is_undone_or_finished),
		TEST(a_catalogue_that_went_over_takes_the_epoch_with_it),
		TEST(an_epoch_of_another_time_is_refused),
		TEST(its_sessions_end),
		TEST(nobody_but_an_owner_shreds),
		TEST(nothing_is_begun_that_would_lose_another_version),
		TEST(a_backup_that_is_being_made_is_waited_for),
		TEST(objects_that_take_long_go_behind_the_answer),
		TEST(those_that_are_left_go_at_the_next_start),
		TEST(a_certificate_that_is_cut_off_is_made_again),
		TEST(those_that_are_left_stay_while_a_backup_is_made),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
