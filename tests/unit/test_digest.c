/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "tests/lib/fault.h"
#include "tests/lib/test.h"
#include "vault/digest.h"
#include "vault/err.h"

#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static void
check_hex(struct digest d, const char *want)
{
	char hex[DIGEST_HEX_SIZE];

	assert_string_equal(digest_hex(&d, hex), want);
}

static void
hashes_the_published_messages(void **state)
{
	static const char two_blocks
	    [] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";

	(void)state;
	check_hex(digest_of(NULL, 0), EMPTY);
	check_hex(digest_of("", 0), EMPTY);
	check_hex(digest_of("abc", 3), ABC);
	check_hex(digest_of(two_blocks, strlen(two_blocks)),
	    "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

static void
hashes_a_million_letters_in_pieces(void **state)
{
	OWNED(digester) d = NULL;
	char letters[1000];

	(void)state;
	memset(letters, 'a', sizeof(letters));
	assert_int_equal(digester_new(&d), 0);
	for (int i = 0; i < 1000; i++)
		digester_add(d, letters, sizeof(letters));
	check_hex(digester_end(d),
	    "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void
a_digester_is_ready_for_the_next_message(void **state)
{
	OWNED(digester) d = NULL;

	(void)state;
	assert_int_equal(digester_new(&d), 0);
	digester_add(d, "ab", 2);
	digester_add(d, "", 0);
	digester_add(d, "c", 1);
	check_hex(digester_end(d), ABC);
	check_hex(digester_end(d), EMPTY);
	digester_add(d, "abc", 3);
	check_hex(digester_end(d), ABC);
}

static void
two_parts_hash_as_one(void **state)
{
	(void)state;
	check_hex(digest_of2("a", 1, "bc", 2), ABC);
	check_hex(digest_of2("abc", 3, NULL, 0), ABC);
	check_hex(digest_of2(NULL, 0, "abc", 3), ABC);
}

static void
comparison_sees_every_bit(void **state)
{
	const struct digest a = digest_of("abc", 3);

	(void)state;
	assert_true(digest_equal(&a, &a));
	assert_int_equal(digest_compare(&a, &a), 0);
	for (size_t bit = 0; bit < DIGEST_SIZE * 8; bit++) {
		struct digest b = a;

		b.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(digest_equal(&a, &b));
		assert_true((digest_compare(&a, &b) < 0) ==
		    (a.bytes[bit / 8] < b.bytes[bit / 8]));
		assert_true((digest_compare(&b, &a) > 0) ==
		    (a.bytes[bit / 8] < b.bytes[bit / 8]));
	}
}

static void
only_zeros_are_zero(void **state)
{
	struct digest d = { { 0 } };

	(void)state;
	assert_true(digest_is_zero(&d));
	for (size_t i = 0; i < DIGEST_SIZE; i++) {
		d.bytes[i] = 1;
		assert_false(digest_is_zero(&d));
		d.bytes[i] = 0;
	}
}

static void
hex_reads_back(void **state)
{
	struct digest d, back;
	char hex[DIGEST_HEX_SIZE];

	(void)state;
	for (int i = 0; i < 256; i++) {
		memset(d.bytes, i, sizeof(d.bytes));
		d.bytes[i % DIGEST_SIZE] = (uint8_t)~i;
		assert_int_equal(digest_parse(&back, digest_hex(&d, hex)), 0);
		assert_true(digest_equal(&d, &back));
	}
}

static void
refuses_every_truncation_and_what_follows(void **state)
{
	struct digest d = { { 0 } };

	(void)state;
	for (size_t n = 0; n < 64; n++) {
		char *cut = strndup(ABC, n); /* ASan sees a step beyond */

		assert_int_equal(digest_parse(&d, cut), ERR_FORMAT);
		free(cut);
	}
	assert_int_equal(digest_parse(&d, ABC "0"), ERR_FORMAT);
	assert_int_equal(digest_parse(&d, ABC " "), ERR_FORMAT);
	assert_int_equal(digest_parse(&d, " " ABC), ERR_FORMAT);
	assert_true(digest_is_zero(&d));
}

static void
one_digest_has_one_spelling(void **state)
{
	struct digest want, d;
	char hex[DIGEST_HEX_SIZE];

	(void)state;
	assert_int_equal(digest_parse(&want, ABC), 0);
	for (size_t bit = 0; bit < 64 * 8; bit++) {
		memcpy(hex, ABC, sizeof(ABC));
		hex[bit / 8] = (char)(hex[bit / 8] ^ (1 << bit % 8));
		if (digest_parse(&d, hex) == 0)
			assert_false(digest_equal(&d, &want));
	}
	for (int c = 1; c < 256; c++) {
		char again[DIGEST_HEX_SIZE];

		memcpy(hex, ABC, sizeof(ABC));
		hex[17] = (char)c;
		if (digest_parse(&d, hex) == 0)
			assert_string_equal(digest_hex(&d, again), hex);
	}
}

/* RFC 5869, appendix A: the cases that use SHA-256. */
struct vector {
	const char *ikm, *salt, *info, *prk, *okm;
};

static const struct vector vectors[] = {
	{ "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
	    "000102030405060708090a0b0c", "f0f1f2f3f4f5f6f7f8f9",
	    "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
	    "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
	    "34007208d5b887185865" },
	{ "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	  "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"
	  "404142434445464748494a4b4c4d4e4f",
	    "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f"
	    "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f"
	    "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
	    "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecf"
	    "d0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeef"
	    "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
	    "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
	    "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
	    "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
	    "cc30c58179ec3e87c14c01d5c1f3434f1d87" },
	{ "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "", "",
	    "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
	    "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
	    "9d201395faa4b61a96c8" },
};

static size_t
unhex(uint8_t *out, const char *hex)
{
	size_t n = strlen(hex) / 2;

	for (size_t i = 0; i < n; i++) {
		char digits[3] = { hex[2 * i], hex[2 * i + 1], '\0' };

		out[i] = (uint8_t)strtoul(digits, NULL, 16);
	}
	return n;
}

static void
hkdf_gives_the_vectors_of_rfc_5869(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		const struct vector *v = &vectors[i];
		uint8_t ikm[80], salt[80], info[80], want[82], out[82];
		size_t n = unhex(want, v->okm);
		struct kdf_input in = {
			.key = ikm,
			.key_length = unhex(ikm, v->ikm),
			.salt = salt,
			.salt_length = unhex(salt, v->salt),
			.info = info,
			.info_length = unhex(info, v->info),
		};

		digest_hkdf(out, n, &in);
		assert_memory_equal(out, want, n);
		if (in.salt_length == 0)
			in.salt = NULL;
		if (in.info_length == 0)
			in.info = NULL;
		digest_hkdf(out, 1, &in);
		assert_memory_equal(out, want, 1);
	}
}

static void
expanding_alone_gives_the_same_from_the_middle(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		const struct vector *v = &vectors[i];
		uint8_t prk[32], info[80], want[82], out[82];
		size_t n = unhex(want, v->okm);
		size_t info_length = unhex(info, v->info);

		assert_int_equal(unhex(prk, v->prk), sizeof(prk));
		digest_hkdf_expand(out, n, prk, info, info_length);
		assert_memory_equal(out, want, n);
	}
}

static void
the_longest_output_is_whole(void **state)
{
	const struct kdf_input in = { .key = (const uint8_t *)"k",
		.key_length = 1 };
	uint8_t out[255 * 32], again[100];

	(void)state;
	digest_hkdf(out, sizeof(out), &in);
	digest_hkdf(again, sizeof(again), &in);
	assert_memory_equal(out, again, sizeof(again));
	assert_memory_not_equal(out, out + 254 * 32, 32);
}

static void
no_memory_for_a_digester_is_an_error(void **state)
{
	struct digester *d = NULL;

	(void)state;
	fault_fail(FAULT_MEMORY, 1, 0);
	assert_int_equal(digester_new(&d), ERR_NOMEM);
	assert_true(fault_off());
	assert_null(d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hashes_the_published_messages),
		cmocka_unit_test(hashes_a_million_letters_in_pieces),
		cmocka_unit_test(a_digester_is_ready_for_the_next_message),
		cmocka_unit_test(two_parts_hash_as_one),
		cmocka_unit_test(comparison_sees_every_bit),
		cmocka_unit_test(only_zeros_are_zero),
		cmocka_unit_test(hex_reads_back),
		cmocka_unit_test(refuses_every_truncation_and_what_follows),
		cmocka_unit_test(one_digest_has_one_spelling),
		cmocka_unit_test(hkdf_gives_the_vectors_of_rfc_5869),
		cmocka_unit_test(
		    expanding_alone_gives_the_same_from_the_middle),
		cmocka_unit_test(the_longest_output_is_whole),
		cmocka_unit_test(no_memory_for_a_digester_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
