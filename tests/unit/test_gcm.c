/* SPDX-License-Identifier: Apache-2.0 */
#include <sodium.h>
#include <string.h>

#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/gcm.h"

/* Test case 16 of McGrew and Viega, "The Galois/Counter Mode of Operation". */
static const char key_hex
    [] = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308";
static const char nonce_hex[] = "cafebabefacedbaddecaf888";
static const char aad_hex[] = "feedfacedeadbeeffeedfacedeadbeefabaddad2";
static const char plain_hex
    [] = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
	 "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39";
static const char sealed_hex
    [] = "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
	 "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662";
static const char tag_hex[] = "76fc6ece0f4e1768cddf8853bb2d551b";

struct text {
	uint8_t key[KEY_SIZE], aad[20], plain[60], sealed[60], out[60];
	struct gcm_message m;
};

static void
unhex(uint8_t *out, size_t n, const char *hex)
{
	assert_int_equal(sodium_hex2bin(out, n, hex, strlen(hex), NULL, &n,
			     NULL),
	    0);
}

static struct text *
text(void)
{
	static struct text t;

	memset(&t, 0, sizeof(t));
	unhex(t.key, 32, key_hex);
	unhex(t.aad, 20, aad_hex);
	unhex(t.plain, 60, plain_hex);
	unhex(t.sealed, 60, sealed_hex);
	unhex(t.m.nonce, 12, nonce_hex);
	unhex(t.m.tag, 16, tag_hex);
	t.m.aad = t.aad;
	t.m.aad_length = 20;
	t.m.in = t.sealed;
	t.m.out = t.out;
	t.m.length = 60;
	return &t;
}

static void
the_published_vector_is_sealed_and_opened(void **state)
{
	struct text *t = text();
	OWNED(gcm) seals = NULL;
	OWNED(gcm) opens = NULL;
	uint8_t tag[16];

	(void)state;
	unhex(tag, 16, tag_hex);
	assert_int_equal(gcm_sealer_new(&seals, t->key), 0);
	assert_int_equal(gcm_opener_new(&opens, t->key), 0);
	for (int again = 0; again < 3; again++) {
		t->m.in = t->plain;
		memset(t->m.tag, 0, 16);
		assert_int_equal(gcm_seal(seals, &t->m), 0);
		assert_memory_equal(t->out, t->sealed, 60);
		assert_memory_equal(t->m.tag, tag, 16);
		t->m.in = t->sealed;
		assert_int_equal(gcm_open(opens, &t->m), 0);
		assert_memory_equal(t->out, t->plain, 60);
	}
}

static void
bytes_may_be_sealed_and_opened_where_they_lie(void **state)
{
	struct text *t = text();
	OWNED(gcm) seals = NULL;
	OWNED(gcm) opens = NULL;

	(void)state;
	assert_int_equal(gcm_sealer_new(&seals, t->key), 0);
	assert_int_equal(gcm_opener_new(&opens, t->key), 0);
	memcpy(t->out, t->plain, 60);
	t->m.in = t->out;
	assert_int_equal(gcm_seal(seals, &t->m), 0);
	assert_memory_equal(t->out, t->sealed, 60);
	assert_int_equal(gcm_open(opens, &t->m), 0);
	assert_memory_equal(t->out, t->plain, 60);
}

static void
every_flipped_bit_is_refused_and_nothing_let_out(void **state)
{
	static const uint8_t zeros[60];
	struct text *t = text();
	OWNED(gcm) g = NULL;
	const struct {
		uint8_t *bytes;
		size_t n;
	} parts[] = { { t->sealed, 60 }, { t->aad, 20 }, { t->m.nonce, 12 },
		{ t->m.tag, 16 } };

	(void)state;
	assert_int_equal(gcm_opener_new(&g, t->key), 0);
	for (size_t p = 0; p < 4; p++)
		for (size_t bit = 0; bit < 8 * parts[p].n; bit++) {
			parts[p].bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_int_equal(gcm_open(g, &t->m), ERR_INTEGRITY);
			assert_memory_equal(t->out, zeros, 60);
			parts[p].bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
	t->m.length = 59;
	assert_int_equal(gcm_open(g, &t->m), ERR_INTEGRITY);
	t->m.length = 60;
	t->m.aad_length = 19;
	assert_int_equal(gcm_open(g, &t->m), ERR_INTEGRITY);
	t->m.aad_length = 20;
	assert_int_equal(gcm_open(g, &t->m), 0);
}

static void
no_bytes_have_a_tag_too(void **state)
{
	struct text *t = text();
	OWNED(gcm) seals = NULL;
	OWNED(gcm) opens = NULL;

	(void)state;
	assert_int_equal(gcm_sealer_new(&seals, t->key), 0);
	assert_int_equal(gcm_opener_new(&opens, t->key), 0);
	t->m.length = 0;
	assert_int_equal(gcm_seal(seals, &t->m), 0);
	assert_int_equal(gcm_open(opens, &t->m), 0);
	t->m.tag[0] ^= 1;
	assert_int_equal(gcm_open(opens, &t->m), ERR_INTEGRITY);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_published_vector_is_sealed_and_opened),
		cmocka_unit_test(bytes_may_be_sealed_and_opened_where_they_lie),
		cmocka_unit_test(
		    every_flipped_bit_is_refused_and_nothing_let_out),
		cmocka_unit_test(no_bytes_have_a_tag_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
