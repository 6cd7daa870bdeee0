/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/evp.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/sample.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/gcm.h"
#include "vault/object.h"
#include "vault/object_parts.h"

static const uint8_t key_a[KEY_SIZE] = "the key of these tests, number a";
static const uint8_t key_b[KEY_SIZE] = "the key of these tests, number b";

static const enum object_type types[] = { OBJECT_CHUNK, OBJECT_MANIFEST,
	OBJECT_MANIFEST_PAGE, OBJECT_LOCKBOX_PAGE, OBJECT_TENSOR_INDEX };
#define TYPES (sizeof(types) / sizeof(types[0]))

static struct sample
seal(const void *plain, size_t n)
{
	return sample_chunk(plain, n, key_a);
}

/* Parse and open all of it as if it were just read. */
static int
open_all(const uint8_t *bytes, size_t n, size_t header_length,
    const struct digest *name, uint8_t **plain)
{
	OWNED(object) o = NULL;
	int err;

	if (header_length > n)
		header_length = n;
	err = object_parse(&o, bytes, header_length, OBJECT_CHUNK, name);
	if (err != 0)
		return err;
	return object_open(o, key_a, bytes + header_length, n - header_length,
	    plain);
}

static int
try_open(const uint8_t *bytes, size_t n, size_t header_length,
    const struct digest *name)
{
	/* Exactly as large as they are, so that ASan sees a read beyond. */
	OWNED_MEM(uint8_t) copy = malloc(n > 0 ? n : 1);
	OWNED_MEM(uint8_t) plain = NULL;

	assert_non_null(copy);
	memcpy(copy, bytes, n);
	return open_all(copy, n, header_length, name, &plain);
}

static void
every_flipped_bit_is_found_by_the_name_or_the_blocks(void **state)
{
	OWNED_MEM(uint8_t) plain = sample_noise(300, 300);
	OWNED_SAMPLE s = seal(plain, 300);

	(void)state;
	for (size_t bit = 0; bit < 8 * s.w.length; bit++) {
		s.w.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(try_open(s.w.bytes, s.w.length,
				     s.header_length, &s.name),
		    ERR_INTEGRITY);
		s.w.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(try_open(s.w.bytes, s.w.length, s.header_length,
			     &s.name),
	    0);
}

/* Somebody who may also choose the name: everything but that still holds. */
static void
every_flipped_bit_of_a_header_is_found_without_the_name(void **state)
{
	OWNED_MEM(uint8_t) plain = sample_noise(300, 300);
	OWNED_SAMPLE s = seal(plain, 300);

	(void)state;
	for (size_t bit = 0; bit < 8 * s.header_length; bit++) {
		int err;

		s.w.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		err = try_open(s.w.bytes, s.w.length, s.header_length, NULL);
		assert_true(err == ERR_INTEGRITY || err == ERR_FORMAT ||
		    err == ERR_LIMIT);
		s.w.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static void
every_truncation_and_extension_is_refused(void **state)
{
	OWNED_MEM(uint8_t) plain = sample_noise(300, 300);
	OWNED_SAMPLE s = seal(plain, 300);

	(void)state;
	for (size_t n = 0; n < s.w.length; n++) {
		int err = try_open(s.w.bytes, n, s.header_length, NULL);

		assert_true(err == ERR_INTEGRITY || err == ERR_FORMAT);
		assert_int_equal(try_open(s.w.bytes, n, s.header_length,
				     &s.name),
		    ERR_INTEGRITY);
	}
	writer_u8(&s.w, 0);
	assert_int_equal(try_open(s.w.bytes, s.w.length, s.header_length,
			     &s.name),
	    ERR_INTEGRITY);
	assert_int_equal(try_open(s.w.bytes, s.w.length, s.header_length + 1,
			     NULL),
	    ERR_FORMAT);
}

static void
no_type_passes_for_another(void **state)
{
	static const uint8_t seed[KEY_SIZE] = "a version key of these tests";
	OWNED(version_key) v = NULL;
	OWNED(page_key) k = NULL;

	(void)state;
	assert_int_equal(version_key_from(&v, seed), 0);
	assert_int_equal(object_manifest_key(&k, v), 0);
	for (size_t i = 1; i < TYPES; i++) {
		OWNED_WRITER w = writer_of(1 << 20);
		struct digest name;
		uint32_t n;

		assert_int_equal(object_seal_page(k, types[i], 0, "abc", 3, &w,
				     &name),
		    0);
		assert_int_equal(object_peek(w.bytes, &n), 0);
		for (size_t j = 0; j < TYPES; j++) {
			OWNED(object) o = NULL;
			OWNED(object) forged = NULL;
			OWNED_MEM(uint8_t) plain = NULL;
			int err = object_parse(&o, w.bytes, n, types[j], &name);

			assert_int_equal(err, i == j ? 0 : ERR_INTEGRITY);
			if (i == j || j == 0)
				continue;
			w.bytes[10] = (uint8_t)types[j];
			assert_int_equal(object_parse(&forged, w.bytes, n,
					     types[j], NULL),
			    0);
			w.bytes[10] = (uint8_t)types[i];
			assert_int_equal(object_open_page(forged, k,
					     w.bytes + n, 3, &plain),
			    ERR_INTEGRITY);
		}
	}
}

static void
swap(uint8_t *a, uint8_t *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t t = a[i];

		a[i] = b[i];
		b[i] = t;
	}
}

static void
swapped_segments_are_refused(void **state)
{
	const size_t n = 2 * OBJECT_SEGMENT;
	OWNED_MEM(uint8_t) plain = sample_noise(n, n);
	OWNED_SAMPLE s = seal(plain, n);
	uint8_t *body = s.w.bytes + s.header_length;

	(void)state;
	swap(body, body + OBJECT_SEGMENT, OBJECT_SEGMENT);
	assert_int_equal(try_open(s.w.bytes, s.w.length, s.header_length,
			     &s.name),
	    ERR_INTEGRITY);
	/* With their rows, by somebody who can choose the name: all digests
	 * are right then, and nonce and AAD are not. */
	swap(s.w.bytes + 104, s.w.bytes + 104 + 88, 88);
	assert_int_equal(try_open(s.w.bytes, s.w.length, s.header_length, NULL),
	    ERR_INTEGRITY);
	swap(s.w.bytes + 104, s.w.bytes + 104 + 88, 88);
	swap(body, body + OBJECT_SEGMENT, OBJECT_SEGMENT);
	assert_int_equal(try_open(s.w.bytes, s.w.length, s.header_length,
			     &s.name),
	    0);
}

static void
another_key_is_refused_by_the_commitment(void **state)
{
	OWNED_SAMPLE s = seal("secret", 6);
	OWNED(object) o = NULL;
	OWNED(object_opener) p = NULL;

	(void)state;
	assert_int_equal(object_parse(&o, s.w.bytes, s.header_length,
			     OBJECT_CHUNK, &s.name),
	    0);
	assert_int_equal(object_opener_new(&p, o, key_b), ERR_INTEGRITY);
	assert_null(p);
	assert_int_equal(object_opener_new(&p, o, key_a), 0);
}

/*
 * GCM commits to no key: whoever knows two can make bytes that both open.
 * In GF(2^128) with GCM's order of bits, where the tag is
 * GHASH(AAD, sealed) + E(nonce || 1).
 */
struct element {
	uint8_t b[16];
};

static struct element
add(struct element x, struct element y)
{
	for (size_t i = 0; i < 16; i++)
		x.b[i] ^= y.b[i];
	return x;
}

static struct element
multiply(struct element x, struct element y)
{
	struct element z = { { 0 } };

	for (size_t bit = 0; bit < 128; bit++) {
		uint8_t carry = y.b[15] & 1;

		if (x.b[bit / 8] >> (7 - bit % 8) & 1)
			z = add(z, y);
		for (size_t i = 15; i > 0; i--)
			y.b[i] = (uint8_t)(y.b[i] >> 1 | y.b[i - 1] << 7);
		y.b[0] = (uint8_t)(y.b[0] >> 1 ^ (carry ? 0xe1 : 0));
	}
	return z;
}

/* x to the power of 2^128 - 2. */
static struct element
invert(struct element x)
{
	struct element z = { { 0x80 } };

	for (int i = 0; i < 127; i++) {
		x = multiply(x, x);
		z = multiply(z, x);
	}
	return z;
}

static struct element
encrypt(const uint8_t key[static KEY_SIZE], struct element block)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int n;

	assert_int_equal(EVP_EncryptInit_ex2(c, EVP_aes_256_ecb(), key, NULL,
			     NULL),
	    1);
	assert_int_equal(EVP_EncryptUpdate(c, block.b, &n, block.b, 16), 1);
	EVP_CIPHER_CTX_free(c);
	return block;
}

/* The tag of AAD and one block of sealed bytes, nonce zero; *h is the key's
 * point. */
static struct element
tag_of(const uint8_t key[static KEY_SIZE], const uint8_t aad[static OBJECT_AAD],
    struct element sealed, struct element *h)
{
	struct element sum = { { 0 } }, lengths = { { 0 } }, first = { { 0 } };

	*h = encrypt(key, sum);
	for (size_t i = 0; i < OBJECT_AAD; i += 16) {
		struct element block = { { 0 } };
		size_t n = OBJECT_AAD - i < 16 ? OBJECT_AAD - i : 16;

		memcpy(block.b, aad + i, n);
		sum = multiply(add(sum, block), *h);
	}
	sum = multiply(add(sum, sealed), *h);
	lengths.b[6] = OBJECT_AAD * 8 >> 8;
	lengths.b[7] = OBJECT_AAD * 8 & 0xff;
	lengths.b[15] = 16 * 8;
	sum = multiply(add(sum, lengths), *h);
	first.b[15] = 1;
	return add(sum, encrypt(key, first));
}

static int
gcm_accepts(const uint8_t key[static KEY_SIZE],
    const uint8_t aad[static OBJECT_AAD], struct element sealed,
    struct element tag)
{
	uint8_t out[16];
	OWNED(gcm) g = NULL;
	struct gcm_message m = {
		.aad = aad,
		.aad_length = OBJECT_AAD,
		.in = sealed.b,
		.out = out,
		.length = 16,
	};

	memcpy(m.tag, tag.b, 16);
	assert_int_equal(gcm_opener_new(&g, key), 0);
	return gcm_open(g, &m);
}

static void
bytes_that_two_keys_open_are_opened_by_one(void **state)
{
	OWNED_SAMPLE s = seal("sixteen bytes...", 16);
	uint8_t okm_a[OBJECT_OKM], okm_b[OBJECT_OKM], aad[OBJECT_AAD];
	struct element zero = { { 0 } }, ha, hb, x, tag;
	OWNED(object) o = NULL;
	OWNED(object) forged = NULL;
	OWNED(object_opener) p = NULL;
	struct digest d;

	(void)state;
	assert_int_equal(object_parse(&o, s.w.bytes, s.header_length,
			     OBJECT_CHUNK, &s.name),
	    0);
	object_aad(aad, o, 0);
	object_okm(okm_a, key_a, OBJECT_CHUNK);
	object_okm(okm_b, key_b, OBJECT_CHUNK);
	x = add(tag_of(okm_a, aad, zero, &ha), tag_of(okm_b, aad, zero, &hb));
	x = multiply(x, invert(add(multiply(ha, ha), multiply(hb, hb))));
	tag = tag_of(okm_a, aad, x, &ha);
	assert_int_equal(gcm_accepts(okm_a, aad, x, tag), 0);
	assert_int_equal(gcm_accepts(okm_b, aad, x, tag), 0);

	memcpy(s.w.bytes + 108 + 4, tag.b, 16);
	d = digest_of(x.b, 16);
	memcpy(s.w.bytes + 128, d.bytes, 32);
	assert_int_equal(object_parse(&forged, s.w.bytes, s.header_length,
			     OBJECT_CHUNK, NULL),
	    0);
	assert_int_equal(object_opener_new(&p, forged, key_b), ERR_INTEGRITY);
	assert_int_equal(object_opener_new(&p, forged, key_a), 0);
	assert_int_equal(object_open_segment(p, 0, x.b, zero.b), 0);
}

/* Whoever has the key finds other bytes for a tag: what is added to
 * the first of two blocks, and times the key's point to the second,
 * adds up to nothing. */
static void
a_tag_forged_with_the_key_is_not_enough(void **state)
{
	OWNED_SAMPLE s = seal("thirty-two bytes, in two blocks.", 32);
	uint8_t okm[OBJECT_OKM], aad[OBJECT_AAD], plain[32], *body;
	struct element zero = { { 0 } }, delta = { { 1, 2, 3 } }, point, block;
	OWNED(object) o = NULL;
	OWNED(object_opener) p = NULL;
	OWNED(gcm) g = NULL;
	struct gcm_message m = { .aad = aad,
		.aad_length = OBJECT_AAD,
		.out = plain,
		.length = 32 };

	(void)state;
	assert_int_equal(object_parse(&o, s.w.bytes, s.header_length,
			     OBJECT_CHUNK, &s.name),
	    0);
	assert_int_equal(o->segments[0].sealed_length, 32);
	object_aad(aad, o, 0);
	object_okm(okm, key_a, OBJECT_CHUNK);
	(void)tag_of(okm, aad, zero, &point);
	body = s.w.bytes + s.header_length;
	for (int i = 0; i < 2; i++) {
		memcpy(block.b, body + (size_t)i * 16, 16);
		block = add(block, i == 0 ? delta : multiply(delta, point));
		memcpy(body + (size_t)i * 16, block.b, 16);
	}
	/* The header's tag is good for the other bytes... */
	memcpy(m.tag, o->segments[0].tag, sizeof(m.tag));
	m.in = body;
	assert_int_equal(gcm_opener_new(&g, okm), 0);
	assert_int_equal(gcm_open(g, &m), 0);
	assert_memory_not_equal(plain, "thirty-two bytes, in two blocks.", 32);
	/* ... and the digests in it are not. */
	assert_int_equal(object_opener_new(&p, o, key_a), 0);
	assert_int_equal(object_open_segment(p, 0, body, plain), ERR_INTEGRITY);
	for (size_t i = 0; i < sizeof(plain); i++)
		assert_int_equal(plain[i], 0);
}

/* Parse s without a name after the byte at offset was set to v. */
static int
parse_with(struct sample *s, size_t offset, uint8_t v)
{
	OWNED(object) o = NULL;
	uint8_t old = s->w.bytes[offset];
	int err;

	s->w.bytes[offset] = v;
	err = object_parse(&o, s->w.bytes, s->header_length, OBJECT_CHUNK,
	    NULL);
	s->w.bytes[offset] = old;
	return err;
}

static void
what_is_not_known_is_refused(void **state)
{
	OWNED_SAMPLE s = seal("abc", 3);

	(void)state;
	assert_int_equal(parse_with(&s, 8, 2), ERR_FORMAT);  /* version */
	assert_int_equal(parse_with(&s, 10, 0), ERR_FORMAT); /* type */
	assert_int_equal(parse_with(&s, 10, 6), ERR_FORMAT);
	assert_int_equal(parse_with(&s, 11, 2), ERR_FORMAT);  /* suite */
	assert_int_equal(parse_with(&s, 16, 1), ERR_FORMAT);  /* index */
	assert_int_equal(parse_with(&s, 24, 0), ERR_FORMAT);  /* length */
	assert_int_equal(parse_with(&s, 32, 2), ERR_FORMAT);  /* segments */
	assert_int_equal(parse_with(&s, 36, 1), ERR_FORMAT);  /* zero */
	assert_int_equal(parse_with(&s, 71, 1), ERR_FORMAT);  /* salt */
	assert_int_equal(parse_with(&s, 104, 4), ERR_FORMAT); /* codec */
	assert_int_equal(parse_with(&s, 104, 255), ERR_FORMAT);
	assert_int_equal(parse_with(&s, 106, 1), ERR_FORMAT); /* zero */
	assert_int_equal(parse_with(&s, 108, 2), ERR_FORMAT); /* sealed */
	assert_int_equal(parse_with(&s, 108, 0), ERR_FORMAT);
	assert_int_equal(parse_with(&s, 27, 1), ERR_LIMIT); /* 16 MiB */
	assert_int_equal(parse_with(&s, 0, 'w'), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    every_flipped_bit_is_found_by_the_name_or_the_blocks),
		cmocka_unit_test(
		    every_flipped_bit_of_a_header_is_found_without_the_name),
		cmocka_unit_test(every_truncation_and_extension_is_refused),
		cmocka_unit_test(no_type_passes_for_another),
		cmocka_unit_test(swapped_segments_are_refused),
		cmocka_unit_test(another_key_is_refused_by_the_commitment),
		cmocka_unit_test(a_tag_forged_with_the_key_is_not_enough),
		cmocka_unit_test(bytes_that_two_keys_open_are_opened_by_one),
		cmocka_unit_test(what_is_not_known_is_refused),
	};

	if (sodium_init() < 0)
		return 1;
	/* For mutants of which one test is to be asked. */
	cmocka_set_test_filter(getenv("TEST_FILTER"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
