/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The files tests/vectors/keyring-* and epoch-* were made by `test_keyring
 * write`; they are read only, for their salts are random.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "keys/keyring.h"
#include "keys/keyring_slot.h"
#include "tests/lib/fault.h"
#include "tests/lib/scratch.h"
#include "tests/lib/test.h"
#include "vault/digest.h"
#include "vault/err.h"
#include "vault/log.h"

#define FOLDER "tests/vectors/"
#define PASSPHRASE "correct horse battery staple"
#define KEY_FILE "the content of a key file, 42 bytes long.."

static const uint8_t id[16] = { 1, 2, 3, 4, 5, 6, 7, 8 };
/* The least that FORMAT.md allows. */
static const struct keyring_cost cheap = { .passes = 1, .memory = 8U << 20 };

static struct unlock
secret_of(enum unlock_kind kind, const void *bytes, size_t n)
{
	struct unlock u = { .kind = kind };

	assert_int_equal(secret_text_from(&u.secret, bytes, n), 0);
	return u;
}

static struct unlock
passphrase(const char *text)
{
	return secret_of(UNLOCK_PASSPHRASE, text, strlen(text));
}

static struct unlock
key_file(const char *text)
{
	return secret_of(UNLOCK_KEY_FILE, text, strlen(text));
}

static int
make(const struct file *dir, const struct unlock *first, struct keyring **out,
    struct secret_text **recovery)
{
	struct keyring_init how = {
		.vault = dir,
		.first = first,
		.cost = cheap,
		.created_ms = 1700000000000,
	};

	memcpy(how.id, id, sizeof(id));
	return keyring_init(&how, out, recovery);
}

static void
assert_same(const struct keyring *a, const struct keyring *b)
{
	assert_memory_equal(a->vault, b->vault, 16);
	assert_memory_equal(root_key_bytes(a->root), root_key_bytes(b->root),
	    KEY_SIZE);
	assert_memory_equal(sign_key_bytes(a->log_seed),
	    sign_key_bytes(b->log_seed), KEY_SIZE);
	assert_memory_equal(page_key_bytes(a->index_secret),
	    page_key_bytes(b->index_secret), KEY_SIZE);
	assert_memory_equal(epoch_key_bytes(a->epoch),
	    epoch_key_bytes(b->epoch), KEY_SIZE);
	assert_true(a->epoch_number == b->epoch_number);
}

static void
a_passphrase_a_key_file_and_the_recovery_key_open_it(void **state)
{
	struct unlock secrets[] = { passphrase(PASSPHRASE),
		key_file(KEY_FILE) };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		OWNED_SCRATCH s = scratch_new();
		OWNED(keyring) made = NULL;
		OWNED(keyring) opened = NULL;
		OWNED(keyring) recovered = NULL;
		OWNED(keyring) typed = NULL;
		OWNED_UNLOCK recovery = { .kind = UNLOCK_RECOVERY };
		struct unlock as_passphrase;

		assert_int_equal(make(s.dir, &secrets[i], &made,
				     &recovery.secret),
		    0);
		assert_int_equal(keyring_open(s.dir, &secrets[i], &opened), 0);
		assert_same(made, opened);
		assert_int_equal(keyring_open(s.dir, &recovery, &recovered), 0);
		assert_same(made, recovered);
		/* at a prompt nobody says which kind it is */
		as_passphrase = recovery;
		as_passphrase.kind = UNLOCK_PASSPHRASE;
		assert_int_equal(keyring_open(s.dir, &as_passphrase, &typed),
		    0);
		assert_same(made, typed);
	}
	unlock_clear(&secrets[0]);
	unlock_clear(&secrets[1]);
}

static void
nothing_else_opens_it(void **state)
{
	OWNED_SCRATCH s = scratch_new();
	OWNED_UNLOCK right = passphrase(PASSPHRASE);
	OWNED_UNLOCK close = passphrase(PASSPHRASE " ");
	OWNED_UNLOCK kind = key_file(PASSPHRASE "    ");
	OWNED_UNLOCK other = secret_of(UNLOCK_RECOVERY,
	    "AAAA-AAAA-AAAA-AAAA-AAAA-AAAA-AAAA-AAAA-AAAA-AAAA-AAAA-AAAA-AAAA",
	    64);
	OWNED(secret_text) recovery = NULL;
	OWNED(keyring) made = NULL;
	OWNED(keyring) opened = NULL;

	(void)state;
	assert_int_equal(make(s.dir, &right, &made, &recovery), 0);
	assert_int_equal(keyring_open(s.dir, &close, &opened), ERR_SECRET);
	assert_int_equal(keyring_open(s.dir, &kind, &opened), ERR_SECRET);
	assert_int_equal(keyring_open(s.dir, &other, &opened), ERR_SECRET);
	assert_null(opened);
}

static void
two_keyrings_have_nothing_in_common(void **state)
{
	OWNED_SCRATCH s = scratch_new();
	OWNED_UNLOCK secret = key_file(KEY_FILE);
	OWNED(secret_text) first = NULL;
	OWNED(secret_text) second = NULL;
	OWNED(keyring) a = NULL;
	OWNED(keyring) b = NULL;
	size_t n;

	(void)state;
	assert_int_equal(make(s.dir, &secret, &a, &first), 0);
	assert_int_equal(make(s.dir, &secret, &b, &second), 0);
	assert_memory_not_equal(root_key_bytes(a->root),
	    root_key_bytes(b->root), KEY_SIZE);
	assert_memory_not_equal(epoch_key_bytes(a->epoch),
	    epoch_key_bytes(b->epoch), KEY_SIZE);
	assert_memory_not_equal(secret_text_bytes(first, &n),
	    secret_text_bytes(second, &n), 64);
}

static void
the_files_are_their_owners_alone(void **state)
{
	OWNED_SCRATCH s = scratch_new();
	OWNED_UNLOCK secret = key_file(KEY_FILE);
	OWNED(secret_text) recovery = NULL;
	OWNED(keyring) k = NULL;
	struct stat st;

	(void)state;
	assert_int_equal(make(s.dir, &secret, &k, &recovery), 0);
	assert_int_equal(fstatat(s.dir->fd, "keyring", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(fstatat(s.dir->fd, "epoch", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

/* --- the bytes --- */

struct bytes {
	uint8_t *at;
	size_t n;
};

static struct bytes
load(const struct file *dir, const char *path)
{
	struct bytes b;

	assert_int_equal(file_load(dir, path, 1 << 16, &b.at, &b.n), 0);
	return b;
}

static int
parse(const struct bytes *keyring, const struct bytes *epoch,
    const struct unlock *secret)
{
	const struct keyring_bytes bytes = { keyring->at, keyring->n, epoch->at,
		epoch->n };
	OWNED(keyring) k = NULL;

	return keyring_parse(&bytes, secret, &k);
}

/* One digest over all keys of a keyring. */
static void
digest_keys(const struct keyring *k, char hex[static DIGEST_HEX_SIZE])
{
	uint8_t all[5 * KEY_SIZE] = { 0 };
	struct digest d;

	memcpy(all, k->vault, 16);
	memcpy(all + 32, root_key_bytes(k->root), KEY_SIZE);
	memcpy(all + 64, sign_key_bytes(k->log_seed), KEY_SIZE);
	memcpy(all + 96, page_key_bytes(k->index_secret), KEY_SIZE);
	memcpy(all + 128, epoch_key_bytes(k->epoch), KEY_SIZE);
	d = digest_of(all, sizeof(all));
	digest_hex(&d, hex);
}

static void
the_vectors_open_to_the_keys_in_the_readme(void **state)
{
	static const struct {
		const char *keyring, *epoch;
		const char *digest;
	} vectors[] = {
		{ FOLDER "keyring-passphrase", FOLDER "epoch-passphrase",
		    "7889cc2a6a7d78b5975eff9112bf4134"
		    "6693d8013b7c00cfbe540f2d8ff69daf" },
		{ FOLDER "keyring-file", FOLDER "epoch-file",
		    "05e44ed8c71a53f5a1aa7a7a70cd4912"
		    "afbf3625c4d40bf8fbbfd71bb387482d" },
	};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct bytes keyring = load(NULL, vectors[i].keyring);
		struct bytes epoch = load(NULL, vectors[i].epoch);
		const struct keyring_bytes bytes = { keyring.at, keyring.n,
			epoch.at, epoch.n };
		OWNED_UNLOCK secret = i == 0 ? passphrase(PASSPHRASE) :
					       key_file(KEY_FILE);
		OWNED(keyring) k = NULL;
		char hex[DIGEST_HEX_SIZE];

		assert_int_equal(keyring_parse(&bytes, &secret, &k), 0);
		digest_keys(k, hex);
		assert_string_equal(hex, vectors[i].digest);
		free(keyring.at);
		free(epoch.at);
	}
}

static void
refuses_every_truncation(void **state)
{
	OWNED_UNLOCK secret = key_file(KEY_FILE);
	struct bytes keyring = load(NULL, FOLDER "keyring-file");
	struct bytes epoch = load(NULL, FOLDER "epoch-file");

	(void)state;
	for (size_t n = 0; n <= keyring.n + 1; n++) {
		struct bytes cut = { malloc(n), n };
		int err;

		assert_non_null(cut.at);
		memset(cut.at, 0, n);
		memcpy(cut.at, keyring.at, n < keyring.n ? n : keyring.n);
		err = parse(&cut, &epoch, &secret);
		assert_int_equal(err == 0, n == keyring.n);
		free(cut.at);
	}
	for (size_t n = 0; n <= epoch.n + 1; n++) {
		struct bytes cut = { malloc(n), n };
		int err;

		assert_non_null(cut.at);
		memset(cut.at, 0, n);
		memcpy(cut.at, epoch.at, n < epoch.n ? n : epoch.n);
		err = parse(&keyring, &cut, &secret);
		assert_int_equal(err == 0, n == epoch.n);
		free(cut.at);
	}
	free(keyring.at);
	free(epoch.at);
}

/*
 * What tells nothing of the keys: the vault's id (vault.json says it again),
 * the numbers, times and names of the slots, the recovery slot when it is not
 * used, the epoch's number.
 */
static bool
says_nothing(size_t byte)
{
	const size_t slot = 124;

	if (byte >= 12 && byte < 28)
		return true; /* the id */
	if (byte >= 28 && byte < 28 + 2 * slot) {
		size_t in = (byte - 28) % slot;

		return (byte - 28) / slot == 1 || (in >= 2 && in < 28);
	}
	return false;
}

static void
a_flipped_bit_is_refused(void **state)
{
	OWNED_UNLOCK secret = key_file(KEY_FILE);
	struct bytes keyring = load(NULL, FOLDER "keyring-file");
	struct bytes epoch = load(NULL, FOLDER "epoch-file");

	(void)state;
	for (size_t bit = 0; bit < keyring.n * 8; bit++) {
		keyring.at[bit / 8] ^= (uint8_t)(1U << bit % 8);
		if (parse(&keyring, &epoch, &secret) == 0)
			assert_true(says_nothing(bit / 8));
		keyring.at[bit / 8] ^= (uint8_t)(1U << bit % 8);
	}
	for (size_t bit = 0; bit < epoch.n * 8; bit++) {
		size_t byte = bit / 8;

		epoch.at[byte] ^= (uint8_t)(1U << bit % 8);
		if (parse(&keyring, &epoch, &secret) == 0)
			assert_true(byte >= 12 && byte < 20);
		epoch.at[byte] ^= (uint8_t)(1U << bit % 8);
	}
	free(keyring.at);
	free(epoch.at);
}

static void
an_epoch_of_another_keyring_is_refused(void **state)
{
	OWNED_UNLOCK secret = key_file(KEY_FILE);
	struct bytes keyring = load(NULL, FOLDER "keyring-file");
	struct bytes epoch = load(NULL, FOLDER "epoch-passphrase");

	(void)state;
	assert_int_equal(parse(&keyring, &epoch, &secret), ERR_INTEGRITY);
	free(keyring.at);
	free(epoch.at);
}

static int
slot_with(uint32_t passes, uint64_t memory, uint8_t kind)
{
	OWNED_WRITER w = writer_of(256);
	struct keyring_slot slot;
	struct reader r;

	writer_u8(&w, kind);
	writer_bytes(&w, "\0\0\0", 3);
	writer_bytes(&w, "first\0\0\0\0\0\0\0\0\0\0", 16);
	writer_u64(&w, 0);
	writer_u32(&w, passes);
	writer_u64(&w, memory);
	memset(writer_room(&w, 84), 0, 84);
	r = reader_of(w.bytes, w.length);
	return keyring_slot_read(&slot, &r);
}

static void
a_cost_out_of_bounds_is_refused_before_it_is_paid(void **state)
{
	(void)state;
	assert_int_equal(slot_with(1, 8U << 20, 1), 0);
	assert_int_equal(slot_with(16, 4ULL << 30, 1), 0);
	assert_int_equal(slot_with(0, 8U << 20, 1), ERR_LIMIT);
	assert_int_equal(slot_with(17, 8U << 20, 1), ERR_LIMIT);
	assert_int_equal(slot_with(1, (8U << 20) - 1, 1), ERR_LIMIT);
	assert_int_equal(slot_with(1, (4ULL << 30) + 1, 1), ERR_LIMIT);
	assert_int_equal(slot_with(0, 0, 2), 0);
	assert_int_equal(slot_with(1, 0, 2), ERR_LIMIT);
	assert_int_equal(slot_with(0, 1, 3), ERR_LIMIT);
	assert_int_equal(slot_with(0, 0, 0), ERR_FORMAT);
	assert_int_equal(slot_with(0, 0, 4), ERR_FORMAT);
}

static void
a_recovery_key_survives_being_written_down(void **state)
{
	uint8_t key[KEY_SIZE], back[KEY_SIZE];
	OWNED(secret_text) text = NULL;
	char plain[65];
	size_t n;

	(void)state;
	for (size_t i = 0; i < KEY_SIZE; i++)
		key[i] = (uint8_t)(i * 37 + 5);
	assert_int_equal(keyring_slot_recovery(key, &text), 0);
	memcpy(plain, secret_text_bytes(text, &n), 64);
	assert_int_equal(n, 64);
	plain[64] = '\0';
	for (size_t i = 0; i < 3; i++) {
		char typed[80];
		OWNED(secret_text) again = NULL;

		snprintf(typed, sizeof(typed),
		    i == 0     ? "%s" :
			i == 1 ? "%s\n" :
				 "  %s  ",
		    plain);
		for (char *c = typed; *c != '\0' && i > 0; c++)
			if (*c >= 'A' && *c <= 'Z')
				*c = (char)(*c - 'A' + 'a');
		assert_int_equal(secret_text_from(&again, typed, strlen(typed)),
		    0);
		assert_int_equal(keyring_slot_recovery_parse(back, again), 0);
		assert_memory_equal(back, key, KEY_SIZE);
	}
}

static void
what_is_no_recovery_key_is_refused(void **state)
{
	static const char *const wrong[] = { "", "AAAA", PASSPHRASE,
		/* a digit too many, too few, one that is none, one that
		   says more than 256 bits */
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA1",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB" };
	uint8_t key[KEY_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		OWNED(secret_text) text = NULL;

		assert_int_equal(secret_text_from(&text, wrong[i],
				     strlen(wrong[i])),
		    0);
		assert_int_equal(keyring_slot_recovery_parse(key, text),
		    ERR_FORMAT);
	}
}

/* --- wrapping --- */

static void
a_wrapped_key_opens_under_its_own_name_only(void **state)
{
	OWNED_SCRATCH s = scratch_new();
	OWNED_UNLOCK secret = key_file(KEY_FILE);
	OWNED(secret_text) recovery = NULL;
	OWNED(keyring) k = NULL;
	OWNED(version_key) version = NULL;
	OWNED(version_key) version_back = NULL;
	OWNED(family_key) family = NULL;
	OWNED(family_key) family_back = NULL;
	OWNED_MEM(uint8_t) w = NULL;
	OWNED_MEM(uint8_t) f = NULL;
	size_t wn, fn;

	(void)state;
	assert_int_equal(make(s.dir, &secret, &k, &recovery), 0);
	assert_int_equal(version_key_new(&version), 0);
	assert_int_equal(family_key_new(&family), 0);
	assert_int_equal(keyring_wrap_version(k, 7, version, &w, &wn), 0);
	assert_int_equal(keyring_wrap_family(k, "llama", family, &f, &fn), 0);

	assert_int_equal(keyring_open_version(k, 7, w, wn, &version_back), 0);
	assert_memory_equal(version_key_bytes(version),
	    version_key_bytes(version_back), KEY_SIZE);
	assert_int_equal(keyring_open_family(k, "llama", f, fn, &family_back),
	    0);
	assert_memory_equal(family_key_bytes(family),
	    family_key_bytes(family_back), KEY_SIZE);

	version_key_free(version_back);
	family_key_free(family_back);
	version_back = NULL;
	family_back = NULL;
	assert_int_equal(keyring_open_version(k, 8, w, wn, &version_back),
	    ERR_INTEGRITY);
	assert_int_equal(keyring_open_version(k, 7, w, wn - 1, &version_back),
	    ERR_INTEGRITY);
	assert_int_equal(keyring_open_version(k, 7, f, fn, &version_back),
	    ERR_INTEGRITY);
	assert_int_equal(keyring_open_family(k, "llama2", f, fn, &family_back),
	    ERR_INTEGRITY);
	for (size_t bit = 0; bit < wn * 8; bit++) {
		w[bit / 8] ^= (uint8_t)(1U << bit % 8);
		assert_int_equal(keyring_open_version(k, 7, w, wn,
				     &version_back),
		    ERR_INTEGRITY);
		w[bit / 8] ^= (uint8_t)(1U << bit % 8);
	}
}

/* --- a disk that fails --- */

static void
a_failed_init_leaves_no_keyring_that_looks_whole(void **state)
{
	OWNED_UNLOCK secret = key_file(KEY_FILE);

	(void)state;
	for (unsigned int n = 1;; n++) {
		OWNED_SCRATCH s = scratch_new();
		OWNED(secret_text) recovery = NULL;
		OWNED(keyring) made = NULL;
		OWNED(keyring) opened = NULL;
		struct stat st;
		int err;

		fault_fail(FAULT_DISK | FAULT_MEMORY, n, EIO);
		err = make(s.dir, &secret, &made, &recovery);
		if (!fault_off()) {
			assert_int_equal(err, 0);
			return;
		}
		if (err == 0)
			continue; /* a library did without */
		assert_null(made);
		assert_null(recovery);
		/* the keyring comes last; if it is there, so is all */
		if (fstatat(s.dir->fd, "keyring", &st, 0) == 0)
			assert_int_equal(keyring_open(s.dir, &secret, &opened),
			    0);
	}
}

static int
setup(void **state)
{
	(void)state;
	log_sink(test_hush, NULL);
	return secret_init();
}

/* Make the vectors anew, and say what is to stand in this file. */
static int
write_vectors(void)
{
	struct unlock secrets[] = { passphrase(PASSPHRASE),
		key_file(KEY_FILE) };
	static const char *const names[] = { "passphrase", "file" };

	for (size_t i = 0; i < 2; i++) {
		OWNED_SCRATCH s = scratch_new();
		OWNED(secret_text) recovery = NULL;
		OWNED(keyring) k = NULL;
		char hex[DIGEST_HEX_SIZE], path[64];
		struct bytes b;

		if (make(s.dir, &secrets[i], &k, &recovery) != 0)
			return 1;
		b = load(s.dir, "keyring");
		snprintf(path, sizeof(path), FOLDER "keyring-%s", names[i]);
		if (file_replace(NULL, path, b.at, b.n, 0644) != 0)
			return 1;
		free(b.at);
		b = load(s.dir, "epoch");
		snprintf(path, sizeof(path), FOLDER "epoch-%s", names[i]);
		if (file_replace(NULL, path, b.at, b.n, 0644) != 0)
			return 1;
		free(b.at);
		digest_keys(k, hex);
		printf("%s %s\n", names[i], hex);
	}
	unlock_clear(&secrets[0]);
	unlock_clear(&secrets[1]);
	return 0;
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_passphrase_a_key_file_and_the_recovery_key_open_it),
		cmocka_unit_test(nothing_else_opens_it),
		cmocka_unit_test(two_keyrings_have_nothing_in_common),
		cmocka_unit_test(the_files_are_their_owners_alone),
		cmocka_unit_test(the_vectors_open_to_the_keys_in_the_readme),
		cmocka_unit_test(refuses_every_truncation),
		cmocka_unit_test(a_flipped_bit_is_refused),
		cmocka_unit_test(an_epoch_of_another_keyring_is_refused),
		cmocka_unit_test(
		    a_cost_out_of_bounds_is_refused_before_it_is_paid),
		cmocka_unit_test(a_recovery_key_survives_being_written_down),
		cmocka_unit_test(what_is_no_recovery_key_is_refused),
		cmocka_unit_test(a_wrapped_key_opens_under_its_own_name_only),
		cmocka_unit_test(
		    a_failed_init_leaves_no_keyring_that_looks_whole),
	};

	if (argc == 2 && strcmp(argv[1], "write") == 0)
		return setup(NULL) == 0 ? write_vectors() : 1;
	return cmocka_run_group_tests(tests, setup, NULL);
}
