/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "keys/keyring_edit.h"
#include "keys/keyring_next.h"
#include "tests/lib/fault.h"
#include "tests/lib/scratch.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/log.h"

#define FIRST "the content of a key file, 42 bytes long.."
#define SECOND "the content of another one, 42 bytes too.."

static const struct keyring_cost cheap = { .passes = 1, .memory = 8U << 20 };

/* A vault's keyring in a file, and its secrets. */
struct place {
	struct scratch s;
	struct unlock first, second, recovery;
	uint8_t *bytes;
	size_t length;
	char why[KEYRING_EDIT_WHY];
};

static void
ignore(void *arg, const char *line)
{
	(void)arg, (void)line;
}

static struct unlock
secret_of(enum unlock_kind kind, const char *text)
{
	struct unlock u = { .kind = kind };

	assert_int_equal(secret_text_from(&u.secret, text, strlen(text)), 0);
	return u;
}

static void
reload(struct place *p)
{
	free(p->bytes);
	assert_int_equal(file_load(p->s.dir, KEYRING_FILE, KEYRING_FILE_MAX,
			     &p->bytes, &p->length),
	    0);
}

static int
setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));
	OWNED(keyring) k = NULL;
	struct keyring_init how = { .cost = cheap,
		.created_ms = 1700000000000 };

	assert_non_null(p);
	log_sink(ignore, NULL);
	p->s = scratch_new();
	p->first = secret_of(UNLOCK_KEY_FILE, FIRST);
	p->second = secret_of(UNLOCK_KEY_FILE, SECOND);
	p->recovery.kind = UNLOCK_RECOVERY;
	how.vault = p->s.dir;
	how.first = &p->first;
	assert_int_equal(keyring_init(&how, &k, &p->recovery.secret), 0);
	reload(p);
	*state = p;
	return 0;
}

static int
teardown(void **state)
{
	struct place *p = *state;

	fault_off();
	unlock_clear(&p->first);
	unlock_clear(&p->second);
	unlock_clear(&p->recovery);
	free(p->bytes);
	scratch_free(&p->s);
	free(p);
	return 0;
}

static struct keyring_edit
edit_of(const struct place *p)
{
	return (struct keyring_edit){
		.bytes = p->bytes,
		.length = p->length,
		.proof = &p->first,
		.cost = cheap,
		.now_ms = 1800000000000,
	};
}

/* Do it, and have the result for the place's bytes. */
static int
edit(struct place *p, const struct keyring_edit *how)
{
	struct keyring_edited made = { 0 };
	int err = keyring_edit(&made, how, p->why);

	if (err != 0)
		return err;
	free(p->bytes);
	p->bytes = made.bytes;
	p->length = made.length;
	return 0;
}

static uint16_t
opened_by(const struct place *p, const struct unlock *secret)
{
	OWNED(keyring) k = NULL;

	if (keyring_prove(p->bytes, p->length, secret, 0, &k) != 0)
		return 0;
	return k->slot;
}

static int
add(struct place *p, const struct unlock *fresh, const char *label)
{
	struct keyring_edit how = edit_of(p);

	how.fresh = fresh;
	how.label = label;
	return edit(p, &how);
}

static void
a_secret_is_added_and_the_others_open_still(void **state)
{
	struct place *p = *state;
	OWNED_UNLOCK word = secret_of(UNLOCK_PASSPHRASE, "hunter2");

	assert_int_equal(add(p, &p->second, NULL), 0);
	assert_int_equal(add(p, &word, "word"), 0);
	assert_int_equal(opened_by(p, &p->first), 1);
	assert_int_equal(opened_by(p, &p->recovery), 2);
	assert_int_equal(opened_by(p, &p->second), 3);
	assert_int_equal(opened_by(p, &word), 4);
}

static void
nothing_is_changed_without_a_secret_that_opens(void **state)
{
	struct place *p = *state;
	struct keyring_edit how = edit_of(p);
	OWNED_UNLOCK word = secret_of(UNLOCK_PASSPHRASE, "hunter2");

	how.proof = &p->second;
	how.fresh = &p->second;
	assert_int_equal(edit(p, &how), ERR_SECRET);
	assert_non_null(strstr(p->why, "nothing was changed"));
	how.fresh = NULL;
	how.drop = "1";
	assert_int_equal(add(p, &word, NULL), 0);
	how.bytes = p->bytes;
	how.length = p->length;
	assert_int_equal(edit(p, &how), ERR_SECRET);
}

static void
two_secrets_stay_at_least(void **state)
{
	struct place *p = *state;
	struct keyring_edit how = edit_of(p);

	how.drop = "recovery";
	assert_int_equal(edit(p, &how), ERR_CONFLICT);
	assert_non_null(strstr(p->why, "weir secret add"));
	assert_int_equal(add(p, &p->second, NULL), 0);
	how = edit_of(p);
	how.drop = "recovery";
	assert_int_equal(edit(p, &how), 0);
	assert_int_equal(opened_by(p, &p->recovery), 0);
	assert_int_equal(opened_by(p, &p->second), 3);
}

static void
the_secret_that_goes_is_no_proof(void **state)
{
	struct place *p = *state;
	struct keyring_edit how;

	assert_int_equal(add(p, &p->second, NULL), 0);
	how = edit_of(p);
	how.drop = "first";
	assert_int_equal(edit(p, &how), ERR_CONFLICT);
	assert_non_null(strstr(p->why, "secret 1 itself"));
	how.proof = &p->recovery;
	assert_int_equal(edit(p, &how), 0);
	assert_int_equal(opened_by(p, &p->first), 0);
	assert_int_equal(opened_by(p, &p->recovery), 2);
}

static void
a_secret_is_changed_in_its_place(void **state)
{
	struct place *p = *state;
	struct keyring_edit how = edit_of(p);
	struct keyring_edited made;

	how.fresh = &p->second;
	how.drop = "";
	assert_int_equal(keyring_edit(&made, &how, p->why), 0);
	assert_int_equal(made.proved, 1);
	assert_int_equal(made.dropped.number, 1);
	assert_int_equal(made.added.number, 3);
	assert_string_equal(made.added.name, "first");
	free(p->bytes);
	p->bytes = made.bytes;
	p->length = made.length;
	assert_int_equal(opened_by(p, &p->first), 0);
	assert_int_equal(opened_by(p, &p->second), 3);
	assert_int_equal(opened_by(p, &p->recovery), 2);
}

/* They would be lost together. */
static void
one_secret_is_not_two(void **state)
{
	struct place *p = *state;
	struct keyring_edit how = edit_of(p);
	OWNED_UNLOCK typed = { 0 };
	const uint8_t *text;
	size_t n;

	assert_int_equal(add(p, &p->first, "again"), ERR_CONFLICT);
	assert_non_null(strstr(p->why, "already, as secret 1"));
	/* A recovery key is taken as a passphrase, too. */
	text = secret_text_bytes(p->recovery.secret, &n);
	typed.kind = UNLOCK_PASSPHRASE;
	assert_int_equal(secret_text_from(&typed.secret, text, n), 0);
	assert_int_equal(add(p, &typed, NULL), ERR_CONFLICT);
	assert_non_null(strstr(p->why, "already, as secret 2"));
	how.fresh = &p->first;
	how.drop = "first";
	assert_int_equal(edit(p, &how), ERR_CONFLICT);
	assert_int_equal(add(p, &p->second, "again"), 0);
}

/* That one was forgotten. */
static void
the_recovery_key_changes_another_secret(void **state)
{
	struct place *p = *state;
	struct keyring_edit how = edit_of(p);

	how.proof = &p->recovery;
	how.fresh = &p->second;
	how.drop = "1";
	assert_int_equal(edit(p, &how), 0);
	assert_int_equal(opened_by(p, &p->first), 0);
	assert_int_equal(opened_by(p, &p->second), 3);
}

static void
a_number_is_not_given_twice(void **state)
{
	struct place *p = *state;
	struct keyring_edit how = edit_of(p);
	struct keyring_edited made;

	how.fresh = &p->second;
	how.number = 9; /* the trail knows of 8 */
	assert_int_equal(keyring_edit(&made, &how, p->why), 0);
	assert_int_equal(made.added.number, 9);
	assert_string_equal(made.added.name, "key-file-9");
	keyring_edited_clear(&made);
}

static void
labels_are_told_apart(void **state)
{
	static const char *const wrong[] = { "two words", "12",
		"seventeen-letters", "t\xc3\xbcr" };
	struct place *p = *state;

	assert_int_equal(add(p, &p->second, "recovery"), ERR_CONFLICT);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(add(p, &p->second, wrong[i]), ERR_USAGE);
	assert_int_equal(add(p, &p->second, "sixteen-letters."), 0);
	assert_int_equal(add(p, &p->second, "sixteen-letters."), ERR_CONFLICT);
}

static void
there_are_32_at_most(void **state)
{
	struct place *p = *state;
	struct keyring_edit how;

	for (int i = 2; i < KEYRING_SLOTS_MAX; i++) {
		char text[] = "the content of key file NN, 32 bytes at least";
		OWNED_UNLOCK one = { 0 };

		text[24] = (char)('0' + i / 10);
		text[25] = (char)('0' + i % 10);
		one = secret_of(UNLOCK_KEY_FILE, text);
		assert_int_equal(add(p, &one, NULL), 0);
	}
	assert_int_equal(add(p, &p->second, NULL), ERR_LIMIT);
	how = edit_of(p);
	how.fresh = &p->second;
	how.drop = "7";
	assert_int_equal(edit(p, &how), 0);
}

static void
what_is_not_there_is_not_removed(void **state)
{
	struct place *p = *state;
	struct keyring_edit how = edit_of(p);
	static const char *const no[] = { "3", "other",
		"99999999999999999999999" };

	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
		how.drop = no[i];
		assert_int_equal(edit(p, &how), ERR_NOT_FOUND);
	}
}

static void
a_damaged_keyring_is_not_edited(void **state)
{
	struct place *p = *state;
	struct keyring_edit how = edit_of(p);
	struct keyring_edited made;

	how.fresh = &p->second;
	for (size_t n = 0; n < p->length; n++) {
		how.length = n;
		assert_int_not_equal(keyring_edit(&made, &how, p->why), 0);
	}
	how.length = p->length;
	p->bytes[p->length - 1] ^= 1; /* the body's tag */
	assert_int_equal(keyring_edit(&made, &how, p->why), ERR_INTEGRITY);
}

/* --- from one file to the other --- */

/* A change as keyd makes it; recorded is what the trail would have after. */
static int
change(struct place *p, struct digest *recorded, bool *known)
{
	struct keyring_edit how = edit_of(p);
	struct keyring_edited made;
	int err;

	how.fresh = &p->second;
	assert_int_equal(keyring_edit(&made, &how, p->why), 0);
	err = keyring_next_put(p->s.dir, made.bytes, made.length);
	if (err == 0) {
		*recorded = digest_of(made.bytes, made.length);
		*known = true;
		err = keyring_next_take(p->s.dir);
	}
	keyring_edited_clear(&made);
	return err;
}

static void
a_change_that_is_cut_off_is_what_the_trail_says(void **state)
{
	struct place *p = *state;

	for (unsigned int n = 1;; n++) {
		struct digest recorded = { 0 };
		bool known = false, same = false, failed;

		assert_int_equal(file_replace(p->s.dir, KEYRING_FILE, p->bytes,
				     p->length, KEYRING_FILE_MODE),
		    0);
		fault_fail_from(FAULT_DISK, n, EIO);
		(void)change(p, &recorded, &known);
		failed = fault_off();
		assert_int_equal(keyring_next_settle(p->s.dir,
				     known ? &recorded : NULL, &same),
		    0);
		assert_true(same);
		assert_int_equal(faccessat(p->s.dir->fd, KEYRING_NEXT_FILE,
				     F_OK, 0),
		    -1);
		{
			struct place now = { .s = p->s };

			reload(&now);
			assert_int_equal(opened_by(&now, &p->first), 1);
			assert_int_equal(opened_by(&now, &p->second),
			    known ? 3 : 0);
			free(now.bytes);
		}
		if (!failed)
			break;
	}
}

static void
an_older_keyring_is_noticed(void **state)
{
	struct place *p = *state;
	struct digest recorded;
	bool known = false, same = true;

	assert_int_equal(change(p, &recorded, &known), 0);
	assert_int_equal(file_replace(p->s.dir, KEYRING_FILE, p->bytes,
			     p->length, KEYRING_FILE_MODE),
	    0);
	assert_int_equal(keyring_next_settle(p->s.dir, &recorded, &same), 0);
	assert_false(same);
}

/* Its change was cut off, and the caller knows nothing but the new secret. */
static void
a_secret_of_the_next_keyring_opens_and_says_so(void **state)
{
	struct place *p = *state;
	struct keyring_edit how = edit_of(p);
	struct keyring_edited made;
	OWNED(keyring) k = NULL;

	how.fresh = &p->second;
	how.drop = "first";
	assert_int_equal(keyring_edit(&made, &how, p->why), 0);
	assert_int_equal(keyring_open(p->s.dir, &p->second, &k), ERR_SECRET);
	assert_int_equal(keyring_next_put(p->s.dir, made.bytes, made.length),
	    0);
	assert_int_equal(keyring_open(p->s.dir, &p->second, &k), 0);
	assert_true(k->next);
	assert_non_null(k->epoch);
	keyring_edited_clear(&made);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		TEST(a_secret_is_added_and_the_others_open_still),
		TEST(nothing_is_changed_without_a_secret_that_opens),
		TEST(two_secrets_stay_at_least),
		TEST(the_secret_that_goes_is_no_proof),
		TEST(a_secret_is_changed_in_its_place),
		TEST(one_secret_is_not_two),
		TEST(the_recovery_key_changes_another_secret),
		TEST(a_number_is_not_given_twice),
		TEST(labels_are_told_apart),
		TEST(there_are_32_at_most),
		TEST(what_is_not_there_is_not_removed),
		TEST(a_damaged_keyring_is_not_edited),
		TEST(a_change_that_is_cut_off_is_what_the_trail_says),
		TEST(an_older_keyring_is_noticed),
		TEST(a_secret_of_the_next_keyring_opens_and_says_so),
	};

	if (secret_init() != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
