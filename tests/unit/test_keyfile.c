/* SPDX-License-Identifier: Apache-2.0 */

/*
 * tests/vectors/person.key was made by `test_keyfile write`; it is read only,
 * for its salt is random.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/armor.h"
#include "cli/keyfile.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/file.h"
#include "vault/log.h"

#define VECTOR "tests/vectors/person.key"
#define LABEL "WEIR SECRET KEY"
#define PASSPHRASE "correct horse battery staple"
/* Of the seed 00 01 .. 1f. */
#define PUBLIC                                                                 \
	"ssh-ed25519 "                                                         \
	"AAAAC3NzaC1lZDI1NTE5AAAAIAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"

/* Where things lie in the binary form. */
enum {
	AT_VERSION = 8,
	AT_NAME = 12,
	AT_PASSES = 76,
	AT_MEMORY = 80,
	AT_PUBLIC = 88,
	AT_SEALED = 120,
	BINARY = 120 + 84,
};

/* The least that FORMAT.md allows. */
static const struct keyring_cost cheap = { .passes = 1, .memory = 8U << 20 };

static struct secret_text *
text_of(const char *s)
{
	struct secret_text *t;

	assert_int_equal(secret_text_from(&t, s, strlen(s)), 0);
	return t;
}

static struct sign_key *
counting_seed(void)
{
	uint8_t bytes[KEY_SIZE];
	struct sign_key *k;

	for (uint8_t i = 0; i < KEY_SIZE; i++)
		bytes[i] = i;
	assert_int_equal(sign_key_from(&k, bytes), 0);
	return k;
}

static int
write_file(struct writer *w, const char *name, struct keyring_cost cost)
{
	OWNED(secret_text) passphrase = text_of(PASSPHRASE);
	OWNED(sign_key) seed = counting_seed();
	const struct keyfile_new how = {
		.name = name,
		.passphrase = passphrase,
		.cost = cost,
		.seed = seed,
	};

	return keyfile_write(w, &how);
}

static uint8_t *
load_vector(size_t *n)
{
	uint8_t *bytes;

	assert_int_equal(file_load(NULL, VECTOR, KEYFILE_MAX, &bytes, n), 0);
	return bytes;
}

/* The vector without its armour. */
static void
load_binary(uint8_t out[static BINARY])
{
	OWNED_WRITER w = writer_of(KEYFILE_MAX);
	OWNED_MEM(uint8_t) text = NULL;
	size_t n;

	text = load_vector(&n);
	assert_int_equal(armor_decode(&w, text, n, LABEL), 0);
	assert_int_equal(w.length, BINARY);
	memcpy(out, w.bytes, BINARY);
}

static int
parse_binary(struct keyfile *out, const uint8_t *bytes, size_t n)
{
	OWNED_WRITER w = writer_of(KEYFILE_MAX);

	assert_int_equal(armor_encode(&w, bytes, n, LABEL), 0);
	return keyfile_parse(out, w.bytes, w.length);
}

/* Parsed and opened; ERR_SECRET and ERR_FORMAT are what damage gives. */
static int
open_binary(const uint8_t *bytes, size_t n)
{
	OWNED(secret_text) passphrase = text_of(PASSPHRASE);
	OWNED(sign_key) seed = NULL;
	struct keyfile f;
	int r = parse_binary(&f, bytes, n);

	return r != 0 ? r : keyfile_open(&f, passphrase, &seed);
}

static void
the_vector_opens_to_its_seed(void **state)
{
	OWNED(secret_text) passphrase = text_of(PASSPHRASE);
	OWNED(sign_key) want = counting_seed();
	OWNED(sign_key) seed = NULL;
	OWNED_MEM(uint8_t) text = NULL;
	char public[STATEMENT_KEY_TEXT];
	struct keyfile f;
	size_t n;

	(void)state;
	text = load_vector(&n);
	assert_true(keyfile_is(text, n));
	assert_int_equal(keyfile_parse(&f, text, n), 0);
	assert_string_equal(f.name, "carol");
	assert_int_equal(f.cost.passes, 1);
	assert_int_equal(f.cost.memory, 8U << 20);
	assert_string_equal(statement_key_text(&f.key, public), PUBLIC);
	assert_int_equal(keyfile_open(&f, passphrase, &seed), 0);
	assert_memory_equal(sign_key_bytes(seed), sign_key_bytes(want),
	    KEY_SIZE);
}

static void
another_passphrase_does_not_open_it(void **state)
{
	static const char *const wrong[] = { "correct horse battery stapl",
		"correct horse battery staple ", "Correct horse battery staple",
		"x" };
	OWNED_MEM(uint8_t) text = NULL;
	struct keyfile f;
	size_t n;

	(void)state;
	text = load_vector(&n);
	assert_int_equal(keyfile_parse(&f, text, n), 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		OWNED(secret_text) passphrase = text_of(wrong[i]);
		OWNED(sign_key) seed = NULL;

		assert_int_equal(keyfile_open(&f, passphrase, &seed),
		    ERR_SECRET);
		assert_null(seed);
	}
}

static void
what_is_written_is_read_and_no_two_files_are_equal(void **state)
{
	OWNED_WRITER a = writer_of(KEYFILE_MAX);
	OWNED_WRITER b = writer_of(KEYFILE_MAX);
	struct keyfile f;

	(void)state;
	assert_int_equal(write_file(&a, "dave", cheap), 0);
	assert_int_equal(write_file(&b, "dave", cheap), 0);
	assert_int_equal(a.length, b.length);
	assert_memory_not_equal(a.bytes, b.bytes, a.length);
	assert_int_equal(keyfile_parse(&f, a.bytes, a.length), 0);
	assert_string_equal(f.name, "dave");
}

static void
every_truncation_is_refused(void **state)
{
	uint8_t binary[BINARY];
	OWNED_MEM(uint8_t) text = NULL;
	struct keyfile f;
	size_t n;

	(void)state;
	text = load_vector(&n);
	/* The last line end may be missing. */
	for (size_t i = 0; i + 1 < n; i++)
		assert_int_not_equal(keyfile_parse(&f, text, i), 0);
	load_binary(binary);
	for (size_t i = 0; i < BINARY; i++)
		assert_int_equal(parse_binary(&f, binary, i), ERR_FORMAT);
}

static void
bytes_around_the_armour_are_refused(void **state)
{
	OWNED_WRITER w = writer_of(2 * KEYFILE_MAX);
	OWNED_MEM(uint8_t) text = NULL;
	struct keyfile f;
	size_t n;

	(void)state;
	text = load_vector(&n);
	writer_bytes(&w, text, n);
	writer_bytes(&w, "x\n", 2);
	assert_int_equal(keyfile_parse(&f, w.bytes, w.length), ERR_FORMAT);
	writer_reset(&w);
	writer_bytes(&w, "\n", 1);
	writer_bytes(&w, text, n);
	assert_int_equal(keyfile_parse(&f, w.bytes, w.length), ERR_FORMAT);
	writer_reset(&w);
	writer_bytes(&w, text, n);
	writer_bytes(&w, text, n);
	assert_int_equal(keyfile_parse(&f, w.bytes, w.length), ERR_FORMAT);
}

/* Each bit of what is checked before Argon2id, one bit of each byte of what
 * is checked by it and behind it. */
static void
flipped_bits_do_not_open(void **state)
{
	uint8_t binary[BINARY], copy[BINARY];

	(void)state;
	load_binary(binary);
	for (size_t i = 0; i < BINARY; i++) {
		/* More passes and more memory, not less: slow, and the same. */
		if (i >= AT_PASSES && i < AT_PUBLIC)
			continue;
		for (unsigned int bit = 0; bit < 8; bit++) {
			if (i >= AT_NAME && bit != i % 8)
				continue;
			memcpy(copy, binary, BINARY);
			copy[i] = (uint8_t)(copy[i] ^ 1U << bit);
			assert_int_not_equal(open_binary(copy, BINARY), 0);
		}
	}
	assert_int_equal(open_binary(binary, BINARY), 0);
}

static void
another_name_or_public_key_does_not_open(void **state)
{
	uint8_t binary[BINARY];

	(void)state;
	load_binary(binary);
	memcpy(binary + AT_NAME, "mallo", 5);
	assert_int_equal(open_binary(binary, BINARY), ERR_SECRET);
	load_binary(binary);
	/* Another point of the curve: that of the seed ff ff .. */
	{
		uint8_t bytes[KEY_SIZE];
		OWNED(sign_key) other = NULL;
		struct statement_key key;

		memset(bytes, 0xff, sizeof(bytes));
		assert_int_equal(sign_key_from(&other, bytes), 0);
		keyfile_public(&key, other);
		memcpy(binary + AT_PUBLIC, key.bytes, sizeof(key.bytes));
	}
	assert_int_equal(open_binary(binary, BINARY), ERR_FORMAT);
}

static void
put_u32(uint8_t *to, uint32_t v)
{
	for (unsigned int i = 0; i < 4; i++)
		to[i] = (uint8_t)(v >> 8 * i);
}

static void
costs_are_bounded_before_they_are_paid(void **state)
{
	uint8_t binary[BINARY];
	struct keyfile f;

	(void)state;
	load_binary(binary);
	put_u32(binary + AT_PASSES, 16);
	assert_int_equal(parse_binary(&f, binary, BINARY), 0);
	put_u32(binary + AT_PASSES, 17);
	assert_int_equal(parse_binary(&f, binary, BINARY), ERR_LIMIT);
	put_u32(binary + AT_PASSES, 0);
	assert_int_equal(parse_binary(&f, binary, BINARY), ERR_LIMIT);
	put_u32(binary + AT_PASSES, 1);
	put_u32(binary + AT_MEMORY, (8U << 20) - 1);
	assert_int_equal(parse_binary(&f, binary, BINARY), ERR_LIMIT);
	put_u32(binary + AT_MEMORY, 0);
	put_u32(binary + AT_MEMORY + 4, 1);
	assert_int_equal(parse_binary(&f, binary, BINARY), 0);
	put_u32(binary + AT_MEMORY, 1);
	assert_int_equal(parse_binary(&f, binary, BINARY), ERR_LIMIT);

	{
		OWNED_WRITER w = writer_of(KEYFILE_MAX);

		assert_int_equal(write_file(&w, "carol",
				     (struct keyring_cost){ 17, 8U << 20 }),
		    ERR_LIMIT);
		assert_int_equal(w.length, 0);
	}
}

static void
names_are_one_to_sixty_four_of_a_few_characters(void **state)
{
	static const char *const bad[] = { "", "Carol", "a b", "a/b",
		"caf\xc3\xa9", "a:b" };
	OWNED_WRITER w = writer_of(KEYFILE_MAX);
	uint8_t binary[BINARY];
	char name[STATEMENT_NAME_MAX + 2];
	struct keyfile f;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(keyfile_name_ok(bad[i]));
		assert_int_equal(write_file(&w, bad[i], cheap), ERR_USAGE);
	}
	memset(name, 'x', sizeof(name));
	name[STATEMENT_NAME_MAX + 1] = '\0';
	assert_false(keyfile_name_ok(name));
	name[STATEMENT_NAME_MAX] = '\0';
	assert_int_equal(write_file(&w, name, cheap), 0);
	assert_int_equal(keyfile_parse(&f, w.bytes, w.length), 0);
	assert_string_equal(f.name, name);

	load_binary(binary);
	binary[AT_NAME + 63] = 'x';
	assert_int_equal(parse_binary(&f, binary, BINARY), ERR_FORMAT);
	load_binary(binary);
	binary[AT_NAME] = '\0';
	assert_int_equal(parse_binary(&f, binary, BINARY), ERR_FORMAT);
}

static void
a_public_key_of_small_order_is_refused(void **state)
{
	uint8_t binary[BINARY];
	struct keyfile f;

	(void)state;
	load_binary(binary);
	memset(binary + AT_PUBLIC, 0, 32);
	assert_int_equal(parse_binary(&f, binary, BINARY), ERR_FORMAT);
	binary[AT_PUBLIC] = 1;
	assert_int_equal(parse_binary(&f, binary, BINARY), ERR_FORMAT);
}

static int
setup(void **state)
{
	(void)state;
	log_sink(test_hush, NULL);
	return secret_init();
}

static int
rewrite(void)
{
	OWNED_WRITER w = writer_of(KEYFILE_MAX);

	if (secret_init() != 0 || write_file(&w, "carol", cheap) != 0)
		return 1;
	return file_replace(NULL, VECTOR, w.bytes, w.length, 0666) != 0;
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_vector_opens_to_its_seed),
		cmocka_unit_test(another_passphrase_does_not_open_it),
		cmocka_unit_test(
		    what_is_written_is_read_and_no_two_files_are_equal),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(bytes_around_the_armour_are_refused),
		cmocka_unit_test(flipped_bits_do_not_open),
		cmocka_unit_test(another_name_or_public_key_does_not_open),
		cmocka_unit_test(costs_are_bounded_before_they_are_paid),
		cmocka_unit_test(
		    names_are_one_to_sixty_four_of_a_few_characters),
		cmocka_unit_test(a_public_key_of_small_order_is_refused),
	};

	if (argc == 2 && strcmp(argv[1], "write") == 0)
		return rewrite();
	return cmocka_run_group_tests(tests, setup, NULL);
}
