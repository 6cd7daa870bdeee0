/* SPDX-License-Identifier: Apache-2.0 */

/* Which keys and which signatures are taken at all. */
#include "tests/lib/test.h"

#include <openssl/evp.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/people.h"
#include "vault/base64.h"
#include "vault/err.h"
#include "vault/statement.h"

/* The seed 00 01 .. 1f; ssh-keygen -y says the same of it. */
#define BASE64                                                                 \
	"AAAAC3NzaC1lZDI1NTE5AAAAIAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"
#define KEY "ssh-ed25519 " BASE64

static void
a_key_is_read_and_written_as_openssh_does(void **state)
{
	static const char *const good[] = { KEY, KEY " carol@example.org",
		KEY " two words", KEY "\tcarol", KEY "\n", KEY " carol\r\n",
		"ssh-ed25519  " BASE64, "ssh-ed25519\t" BASE64 };
	struct statement_key k, want;
	char text[STATEMENT_KEY_TEXT];
	uint8_t seed[32], secret[64];

	(void)state;
	for (uint8_t i = 0; i < 32; i++)
		seed[i] = i;
	crypto_sign_seed_keypair(want.bytes, secret, seed);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		memset(&k, 0, sizeof(k));
		assert_int_equal(statement_key_parse(&k, good[i]), 0);
		assert_memory_equal(&k, &want, sizeof(k));
		assert_string_equal(statement_key_text(&k, text), KEY);
	}
}

static void
what_is_no_key_is_refused(void **state)
{
	static const char *const bad[] = { "", " ", "ssh-ed25519",
		"ssh-ed25519 ", BASE64, " " KEY, "ssh-rsa " BASE64,
		"ssh-ed25519" BASE64, "SSH-ED25519 " BASE64, KEY "=", KEY "A",
		KEY "====", KEY "\nssh-ed25519 " BASE64, KEY " a\nb",
		KEY "\n\nb", "sk-ssh-ed25519@openssh.com " BASE64,
		/* another type, another length, one byte more, one less */
		"ssh-ed25519 "
		"AAAAC3NzaC1lZDI1NTE4AAAAIAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3c"
		"hmQSVTG4",
		"ssh-ed25519 "
		"AAAAC3NzaC1lZDI1NTE5AAAAIQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3c"
		"hmQSVTG4",
		KEY "AA==",
		"ssh-ed25519 "
		"AAAAC3NzaC1lZDI1NTE5AAAAIAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3c"
		"hmQSVTE=" };
	struct statement_key k;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (statement_key_parse(&k, bad[i]) != ERR_FORMAT)
			fail_msg("taken: %s", bad[i]);
	}
	for (size_t n = 0; n < strlen(KEY); n++) {
		OWNED_MEM(char) cut = strndup(KEY, n);

		assert_int_equal(statement_key_parse(&k, cut), ERR_FORMAT);
	}
}

/* The points of small order, as RFC 7748's curve has them: every encoding,
 * also those of y + p, with either sign. */
static const char *const small[] = {
	"0100000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000080",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0000000000000000000000000000000000000000000000000000000000000080",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
};

static void
bytes_of(uint8_t out[static 32], const char *hex)
{
	struct digest d;

	assert_int_equal(digest_parse(&d, hex), 0);
	memcpy(out, d.bytes, sizeof(d.bytes));
}

static void
text_of(char out[static STATEMENT_KEY_TEXT], const uint8_t bytes[static 32])
{
	struct statement_key k;

	memcpy(k.bytes, bytes, sizeof(k.bytes));
	statement_key_text(&k, out);
}

static void
points_of_small_order_are_no_keys(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(small) / sizeof(small[0]); i++) {
		char text[STATEMENT_KEY_TEXT];
		struct statement_key k;
		uint8_t bytes[32];

		bytes_of(bytes, small[i]);
		assert_false(statement_key_ok(bytes));
		text_of(text, bytes);
		assert_int_equal(statement_key_parse(&k, text), ERR_FORMAT);
	}
}

static void
a_point_with_a_part_of_small_order_is_no_key(void **state)
{
	struct statement_key k = people_key(1);
	uint8_t eight[32], mixed[32];

	(void)state;
	assert_true(statement_key_ok(k.bytes));
	bytes_of(eight, small[6]);
	assert_int_equal(crypto_core_ed25519_add(mixed, k.bytes, eight), 0);
	assert_false(statement_key_ok(mixed));
}

/* y of 2^255 - 19 + n says the same as n, which for some is a point of the
 * curve: that spelling is refused. */
static void
keys_that_are_not_canonical_or_no_points_are_refused(void **state)
{
	size_t points = 0;

	(void)state;
	for (unsigned int y = 0; y < 19; y++) {
		uint8_t bytes[32], sum[32];

		memset(bytes, 0xff, sizeof(bytes));
		bytes[0] = (uint8_t)(0xed + y);
		bytes[31] = 0x7f;
		assert_false(statement_key_ok(bytes));
		memset(bytes, 0, sizeof(bytes));
		bytes[0] = (uint8_t)y;
		points += crypto_core_ed25519_add(sum, bytes, bytes) == 0;
	}
	assert_true(points > 0); /* or there was nothing to spell otherwise */
}

/* ---- signatures ---- */

static void
a_signature_whose_s_is_not_canonical_is_refused(void **state)
{
	const struct statement_fields f = people_fields(STATEMENT_REVOCATION);
	OWNED(statement) s = people_statement(&f);
	struct statement_signature sig = people_signature(1, s);
	struct statement_key k = people_key(1);

	(void)state;
	assert_true(statement_signed_by(s, &sig, &k));
	sig = people_other_s(&sig);
	assert_false(statement_signed_by(s, &sig, &k));
}

/* OpenSSL looks at the equation only. */
static bool
openssl_takes(const struct statement_signature *sig,
    const struct statement_key *k, const uint8_t *bytes, size_t n)
{
	EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL,
	    k->bytes, sizeof(k->bytes));
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool taken = EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) == 1 &&
	    EVP_DigestVerify(ctx, sig->bytes, sizeof(sig->bytes), bytes, n) ==
		1;

	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	return taken;
}

/* Whoever has a secret key can make R of small order that satisfies the
 * equation: R = 1, S = h a. */
static void
a_signature_whose_r_is_of_small_order_is_refused(void **state)
{
	const struct statement_fields f = people_fields(STATEMENT_REVOCATION);
	OWNED(statement) s = people_statement(&f);
	struct statement_signature sig = people_small_order(1, s);
	struct statement_key k = people_key(1);
	OWNED_MEM(uint8_t) bytes = NULL;
	size_t n;

	(void)state;
	assert_int_equal(statement_to_sign(s, &bytes, &n), 0);
	assert_true(
	    openssl_takes(&sig, &k, bytes, n)); /* or it is just wrong */
	assert_false(statement_signed_by(s, &sig, &k));
}

static void
every_flipped_bit_of_a_signature_is_refused(void **state)
{
	const struct statement_fields f = people_fields(STATEMENT_REVOCATION);
	OWNED(statement) s = people_statement(&f);
	struct statement_signature sig = people_signature(1, s);
	struct statement_key k = people_key(1);

	(void)state;
	for (size_t bit = 0; bit < 8 * sizeof(sig.bytes); bit++) {
		sig.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(statement_signed_by(s, &sig, &k));
		sig.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_true(statement_signed_by(s, &sig, &k));
}

static void
a_signature_over_the_bare_payload_is_refused(void **state)
{
	const struct statement_fields f = people_fields(STATEMENT_REVOCATION);
	OWNED(statement) s = people_statement(&f);
	struct statement_signature sig = { 0 };
	struct statement_key k = people_key(1);
	uint8_t seed[32], secret[64];
	size_t n;
	const void *payload = statement_payload(s, &n);

	(void)state;
	people_seed(1, seed);
	crypto_sign_seed_keypair(k.bytes, secret, seed);
	crypto_sign_detached(sig.bytes, NULL, payload, n, secret);
	assert_false(statement_signed_by(s, &sig, &k));
}

/* ---- base64 ---- */

static void
base64_is_strict(void **state)
{
	static const char *const bad[] = { "A", "AA", "AAA",
		"A===", "AB==", "AAB=", "AA=A",
		"====", "AAAA=", "AAAA====", " AAAA", "AA\nAA", "AAAA\n",
		"AA-_", "AA\xaf\xaf", "AA==AA==", "AAAAA" };
	uint8_t out[16];
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(base64_decode(out, sizeof(out), &n, bad[i],
				     strlen(bad[i])),
		    ERR_FORMAT);
	assert_int_equal(base64_decode(out, 3, &n, "AAA=", 4), 0);
	assert_int_equal(n, 2);
	assert_int_equal(base64_decode(out, 2, &n, "+/+/", 4), ERR_FORMAT);
	assert_int_equal(base64_decode(out, 3, &n, "+/+/", 4), 0);
	assert_int_equal(n, 3);
	assert_int_equal(base64_decode(out, 0, &n, "", 0), 0);
	assert_int_equal(n, 0);
}

static void
base64_comes_back_at_every_length(void **state)
{
	uint8_t bytes[100], again[100];
	char text[BASE64_SIZE(100)];

	(void)state;
	randombytes_buf(bytes, sizeof(bytes));
	for (size_t n = 0; n <= sizeof(bytes); n++) {
		size_t got;

		base64_encode(text, bytes, n);
		assert_int_equal(strlen(text), BASE64_SIZE(n) - 1);
		assert_int_equal(base64_decode(again, n, &got, text,
				     strlen(text)),
		    0);
		assert_int_equal(got, n);
		assert_memory_equal(bytes, again, n);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_is_read_and_written_as_openssh_does),
		cmocka_unit_test(what_is_no_key_is_refused),
		cmocka_unit_test(points_of_small_order_are_no_keys),
		cmocka_unit_test(a_point_with_a_part_of_small_order_is_no_key),
		cmocka_unit_test(
		    keys_that_are_not_canonical_or_no_points_are_refused),
		cmocka_unit_test(
		    a_signature_whose_s_is_not_canonical_is_refused),
		cmocka_unit_test(
		    a_signature_whose_r_is_of_small_order_is_refused),
		cmocka_unit_test(every_flipped_bit_of_a_signature_is_refused),
		cmocka_unit_test(a_signature_over_the_bare_payload_is_refused),
		cmocka_unit_test(base64_is_strict),
		cmocka_unit_test(base64_comes_back_at_every_length),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
