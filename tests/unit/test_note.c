/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

#include "vault/err.h"
#include "vault/note.h"

/* Vectors: Ed25519 seed 00 01 .. 1f, origin weir.example/audit. */
#define ORIGIN "weir.example/audit"
#define VKEY ORIGIN "+c5eef1ba+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"
#define ROOT "a64bf26e09128f6fe2fe6f8b2d8c801e166b57c047a7cd9b2b809e7a96a2f1cb"
#define TEXT ORIGIN "\n3\npkvybgkSj2/i/m+LLYyAHhZrV8BHp82bK4Ceepai8cs=\n\n"
#define SIGNATURE                                                              \
	"\xe2\x80\x94 " ORIGIN                                                 \
	" xe7xurcykpgwimPhVnGORI8DdRuBDc9wqHyDfmkIqUIrlkXfNNgY6g0/"            \
	"gBbqquNouDy6UghHSE0+Dq+p1XbTM1ipgAY=\n"
#define COSIGNATURE                                                            \
	"\xe2\x80\x94 witness.example/w1 "                                     \
	"IDJKvgAAAABlU/"                                                       \
	"EAyhlZTtNTvDZotKTHuQbAM9uzCTsu0IEE6QE3tdZ9avIAcHfpaHvrDJZLwZxUNzDgPh" \
	"Cp79SSJmSVE6vSmj7sDw==\n"

static struct note_key key;
static struct sign_key *seed;

static int
make_key(void **state)
{
	uint8_t bytes[KEY_SIZE];

	(void)state;
	for (uint8_t i = 0; i < KEY_SIZE; i++)
		bytes[i] = i;
	if (secret_init() != 0 || sign_key_from(&seed, bytes) != 0)
		return -1;
	return note_key_of(&key, ORIGIN, seed);
}

static int
drop_key(void **state)
{
	(void)state;
	sign_key_free(seed);
	return 0;
}

static void
the_verifier_key_is_the_vectors(void **state)
{
	OWNED_MEM(char) text = note_key_text(&key);
	struct note_key parsed;

	(void)state;
	assert_string_equal(text, VKEY);
	assert_int_equal(note_key_parse(&parsed, VKEY), 0);
	assert_memory_equal(&parsed.public_key, &key.public_key, 32);
	assert_string_equal(parsed.name, ORIGIN);
}

static void
the_signature_is_the_vectors(void **state)
{
	struct note_checkpoint c = { .origin = ORIGIN, .size = 3 };
	OWNED_MEM(char) note = NULL;

	(void)state;
	assert_int_equal(digest_parse(&c.root, ROOT), 0);
	assert_int_equal(note_checkpoint_sign(&note, &c, &key, seed), 0);
	assert_string_equal(note, TEXT SIGNATURE);
}

static void
unknown_signatures_are_passed_over(void **state)
{
	static const char note[] = TEXT SIGNATURE COSIGNATURE;
	struct note_checkpoint c;
	char hex[DIGEST_HEX_SIZE];

	(void)state;
	assert_int_equal(note_checkpoint_read(&c, note, strlen(note), &key), 0);
	assert_int_equal(c.size, 3);
	assert_string_equal(c.origin, ORIGIN);
	assert_string_equal(digest_hex(&c.root, hex), ROOT);
}

static void
a_note_without_our_signature_is_refused(void **state)
{
	static const char note[] = TEXT COSIGNATURE;
	struct note_checkpoint c;

	(void)state;
	assert_int_not_equal(note_checkpoint_read(&c, note, strlen(note), &key),
	    0);
}

static void
every_truncation_is_refused(void **state)
{
	static const char note[] = TEXT SIGNATURE;
	struct note_checkpoint c;

	(void)state;
	for (size_t n = 0; n < strlen(note); n++)
		assert_int_not_equal(note_checkpoint_read(&c, note, n, &key),
		    0);
}

static void
every_flipped_bit_is_refused(void **state)
{
	static const char note[] = TEXT SIGNATURE;
	struct note_checkpoint c;

	(void)state;
	for (size_t bit = 0; bit < 8 * strlen(note); bit++) {
		char copy[sizeof(note)];

		memcpy(copy, note, sizeof(note));
		copy[bit / 8] = (char)(copy[bit / 8] ^ 1 << bit % 8);
		assert_int_not_equal(note_checkpoint_read(&c, copy,
					 strlen(note), &key),
		    0);
	}
}

static void
bad_verifier_keys_are_refused(void **state)
{
	static const char *const bad[] = { "", "x", ORIGIN, ORIGIN "+c5eef1ba",
		ORIGIN "+c5eef1bb+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4",
		"a b+c5eef1ba+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4",
		ORIGIN "+c5eef1ba+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVT",
		VKEY "A", VKEY "\n" };
	struct note_key k;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_not_equal(note_key_parse(&k, bad[i]), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_verifier_key_is_the_vectors),
		cmocka_unit_test(the_signature_is_the_vectors),
		cmocka_unit_test(unknown_signatures_are_passed_over),
		cmocka_unit_test(a_note_without_our_signature_is_refused),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(every_flipped_bit_is_refused),
		cmocka_unit_test(bad_verifier_keys_are_refused),
	};

	return cmocka_run_group_tests(tests, make_key, drop_key);
}
