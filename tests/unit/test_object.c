/* SPDX-License-Identifier: Apache-2.0 */
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/fault.h"
#include "tests/lib/sample.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/object.h"

static const uint8_t key_a[KEY_SIZE] = "the key of these tests, number a";
static const uint8_t key_b[KEY_SIZE] = "the key of these tests, number b";
static const uint8_t no_salt[32];

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

static void
round_trip(const uint8_t *plain, size_t n)
{
	OWNED_SAMPLE s = seal(plain, n);
	OWNED_MEM(uint8_t) again = NULL;

	assert_int_equal(open_all(s.w.bytes, s.w.length, s.header_length,
			     &s.name, &again),
	    0);
	assert_memory_equal(plain, again, n);
}

static void
what_was_sealed_opens_at_every_size_edge(void **state)
{
	static const size_t sizes[] = { 1, 2, 32767, 32768, 32769, 65535, 65536,
		65537, 131071, 131072, 131073, OBJECT_CHUNK_MAX - 1,
		OBJECT_CHUNK_MAX };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		OWNED_MEM(uint8_t) plain = sample_noise(sizes[i], sizes[i]);

		round_trip(plain, sizes[i]);
		memset(plain, 'w', sizes[i]); /* compresses */
		round_trip(plain, sizes[i]);
		if (sizes[i] > OBJECT_SEGMENT) { /* some do, some do not */
			OWNED_MEM(uint8_t)
			some = sample_noise(sizes[i], sizes[i]);

			memcpy(plain + OBJECT_SEGMENT, some,
			    sizes[i] - OBJECT_SEGMENT);
			round_trip(plain, sizes[i]);
		}
	}
}

static void
the_header_is_laid_out_as_documented(void **state)
{
	OWNED_MEM(uint8_t) plain = sample_noise(100000, 100000);
	OWNED_SAMPLE s = seal(plain, 100000);
	const uint8_t *h = s.w.bytes, *row = h + 104;
	static const uint8_t fixed[40] = { 'w', 'e', 'i', 'r', 'o', 'b', 'j',
		'\n', 1, 0, 1, 1, 0x18, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xa0,
		0x86, 1, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0 };
	struct digest d;

	(void)state;
	/* 104 + 2 * 88 = 280 = 0x118 */
	assert_int_equal(s.header_length, 280);
	assert_memory_equal(h, fixed, sizeof(fixed));
	assert_memory_equal(h + 40, no_salt, 32);
	assert_int_equal(row[0], CODEC_RAW);
	assert_memory_equal(row + 4, "\0\0\1\0", 4);
	d = digest_of(h + 280, 32768);
	assert_memory_equal(row + 24, d.bytes, 32);
	d = digest_of(h + 280 + 32768, 32768);
	assert_memory_equal(row + 56, d.bytes, 32);
	row += 88;
	d = digest_of(h + 280 + 98304, 100000 - 98304);
	assert_memory_equal(row + 56, d.bytes, 32);
	assert_int_equal(s.w.length, 280 + 100000);
	d = digest_of(h, 280);
	assert_true(digest_equal(&d, &s.name));
}

static void
the_sealing_digest_is_as_documented(void **state)
{
	OWNED_MEM(uint8_t) plain = sample_noise(70000, 70000);
	OWNED(object_payload) p = NULL;
	OWNED_WRITER w = writer_of(1 << 20);
	OWNED(lanes) l = NULL;
	struct digest found, want;

	(void)state;
	assert_int_equal(object_payload_new(&p, OBJECT_CHUNK, 0, plain, 70000),
	    0);
	writer_bytes(&w, "weir sealing v2\1\0\1\1", 19);
	writer_u64(&w, 0);
	writer_u64(&w, 70000);
	writer_u32(&w, 2);
	writer_bytes(&w, "\0\0\0\1\0\0\0\1\0", 9);
	writer_u8(&w, 0);
	writer_u32(&w, 70000 - 65536);
	writer_u32(&w, 70000 - 65536);
	for (size_t at = 0; at < 70000; at += 32768) {
		want = digest_of(plain + at,
		    70000 - at < 32768 ? 70000 - at : 32768);
		writer_bytes(&w, want.bytes, sizeof(want));
	}
	want = digest_of(w.bytes, w.length);
	assert_int_equal(object_sealing_digest(&found, p, NULL), 0);
	assert_true(digest_equal(&found, &want));
	assert_int_equal(lanes_new(&l, LANES_FASTER), 0);
	assert_int_equal(object_sealing_digest(&found, p, l), 0);
	assert_true(digest_equal(&found, &want));
}

static struct digest
sealing(enum object_type type, uint64_t index, const void *plain, size_t n)
{
	OWNED(object_payload) p = NULL;
	struct digest d;

	assert_int_equal(object_payload_new(&p, type, index, plain, n), 0);
	assert_int_equal(object_sealing_digest(&d, p, NULL), 0);
	return d;
}

static void
equal_payloads_alone_have_one_sealing_digest(void **state)
{
	struct digest a = sealing(OBJECT_CHUNK, 0, "weights", 7);
	struct digest others[] = {
		sealing(OBJECT_CHUNK, 0, "weightz", 7),
		sealing(OBJECT_CHUNK, 0, "weight", 6),
		sealing(OBJECT_MANIFEST_PAGE, 0, "weights", 7),
		sealing(OBJECT_CHUNK, 1, "weights", 7),
	};
	struct digest again = sealing(OBJECT_CHUNK, 0, "weights", 7);

	(void)state;
	assert_true(digest_equal(&a, &again));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_false(digest_equal(&a, &others[i]));
}

static void
equal_chunks_of_a_family_are_equal_objects(void **state)
{
	OWNED_MEM(uint8_t) plain = sample_noise(70000, 70000);
	OWNED_SAMPLE a = seal(plain, 70000);
	OWNED_SAMPLE b = seal(plain, 70000);

	(void)state;
	assert_int_equal(a.w.length, b.w.length);
	assert_memory_equal(a.w.bytes, b.w.bytes, a.w.length);
}

static void
a_failed_open_leaves_no_plain_bytes(void **state)
{
	static const uint8_t zeros[OBJECT_SEGMENT];
	OWNED_MEM(uint8_t) plain = sample_noise(OBJECT_SEGMENT, OBJECT_SEGMENT);
	OWNED_MEM(uint8_t) out = malloc(OBJECT_SEGMENT);
	OWNED_SAMPLE s = seal(plain, OBJECT_SEGMENT);
	OWNED(object) o = NULL;
	OWNED(object_opener) p = NULL;

	(void)state;
	assert_int_equal(object_parse(&o, s.w.bytes, s.header_length,
			     OBJECT_CHUNK, &s.name),
	    0);
	assert_int_equal(object_opener_new(&p, o, key_a), 0);
	memset(out, 1, OBJECT_SEGMENT);
	o->segments[0].tag[15] ^= 1;
	assert_int_equal(object_open_segment(p, 0, s.w.bytes + s.header_length,
			     out),
	    ERR_INTEGRITY);
	assert_memory_equal(out, zeros, OBJECT_SEGMENT);
	o->segments[0].tag[15] ^= 1;
	memset(out, 1, OBJECT_SEGMENT);
	s.w.bytes[s.header_length + 40000] ^= 1;
	assert_int_equal(object_open_segment(p, 0, s.w.bytes + s.header_length,
			     out),
	    ERR_INTEGRITY);
	assert_memory_equal(out, zeros, OBJECT_SEGMENT);
	s.w.bytes[s.header_length + 40000] ^= 1;
	assert_int_equal(object_open_segment(p, 0, s.w.bytes + s.header_length,
			     out),
	    0);
	assert_memory_equal(out, plain, OBJECT_SEGMENT);
}

static void
a_body_is_checked_without_a_key(void **state)
{
	OWNED_MEM(uint8_t) plain = sample_noise(200000, 200000);
	OWNED_SAMPLE s = seal(plain, 200000);
	const size_t n = s.w.length - s.header_length;
	uint8_t *body = s.w.bytes + s.header_length;
	OWNED(object) o = NULL;
	const uint8_t *sealed;
	struct object_run run = { .count = 1, .sealed = &sealed };

	(void)state;
	assert_int_equal(object_parse(&o, s.w.bytes, s.header_length,
			     OBJECT_CHUNK, &s.name),
	    0);
	assert_int_equal(object_check_body(o, NULL, body, n), 0);
	assert_int_equal(object_check_body(o, NULL, body, n - 1),
	    ERR_INTEGRITY);
	for (size_t at = 0; at < n; at += 16384) {
		body[at] ^= 128;
		assert_int_equal(object_check_body(o, NULL, body, n),
		    ERR_INTEGRITY);
		run.first = (uint32_t)(at / OBJECT_SEGMENT);
		sealed = body + at / OBJECT_SEGMENT * OBJECT_SEGMENT;
		assert_int_equal(object_check_run(o, NULL, &run),
		    ERR_INTEGRITY);
		body[at] ^= 128;
	}
	body[n - 1] ^= 1;
	assert_int_equal(object_check_body(o, NULL, body, n), ERR_INTEGRITY);
}

/* Bytes from .. to of a segment whose second block is not the one vouched for:
 * of the first come its bytes, of the second none. */
static int
open_from_to(const struct sample *s, const struct object *o, uint32_t from,
    uint32_t to, uint8_t *out)
{
	const uint8_t *sealed = s->w.bytes + s->header_length;
	OWNED(object_opener) p = NULL;
	const struct object_run run = {
		.count = 1,
		.sealed = &sealed,
		.plain = &out,
		.from = from,
		.to = to,
	};

	assert_int_equal(object_opener_new(&p, o, key_a), 0);
	memset(out, 1, OBJECT_SEGMENT);
	return object_open_run(p, NULL, &run);
}

static void
a_block_that_is_not_hashed_is_not_handed_out(void **state)
{
	static const uint8_t zeros[OBJECT_SEGMENT];
	OWNED_MEM(uint8_t) plain = sample_noise(OBJECT_SEGMENT, OBJECT_SEGMENT);
	OWNED_MEM(uint8_t) out = malloc(OBJECT_SEGMENT);
	OWNED_SAMPLE s = seal(plain, OBJECT_SEGMENT);
	const uint32_t half = OBJECT_BLOCK;
	OWNED(object) o = NULL;

	(void)state;
	assert_int_equal(object_parse(&o, s.w.bytes, s.header_length,
			     OBJECT_CHUNK, &s.name),
	    0);
	assert_int_equal(open_from_to(&s, o, half, half + 1, out), 0);
	assert_memory_equal(out, zeros, half);
	assert_memory_equal(out + half, plain + half, half);

	o->segments[0].blocks[1].bytes[0] ^= 1;
	assert_int_equal(open_from_to(&s, o, 0, half, out), 0);
	assert_memory_equal(out, plain, half);
	assert_memory_equal(out + half, zeros, half);
	assert_int_equal(open_from_to(&s, o, 0, half + 1, out), ERR_INTEGRITY);
	assert_memory_equal(out, zeros, OBJECT_SEGMENT);
	assert_int_equal(open_from_to(&s, o, half, half + 1, out),
	    ERR_INTEGRITY);
	assert_int_equal(open_from_to(&s, o, 0, 0, out), ERR_INTEGRITY);
	o->segments[0].blocks[1].bytes[0] ^= 1;

	/* The tag is over both. */
	s.w.bytes[s.header_length + half] ^= 1;
	assert_int_equal(open_from_to(&s, o, 0, half, out), ERR_INTEGRITY);
	assert_memory_equal(out, zeros, OBJECT_SEGMENT);
}

static void
a_page_opens_only_under_its_own_key_index_and_salt(void **state)
{
	static const uint8_t seed[KEY_SIZE] = "a version key of these tests";
	OWNED_WRITER w = writer_of(1 << 20);
	OWNED(version_key) v = NULL;
	OWNED(page_key) k = NULL;
	OWNED(page_key) other = NULL;
	OWNED(object) o = NULL;
	OWNED_MEM(uint8_t) plain = NULL;
	struct digest name;
	uint32_t n;

	(void)state;
	assert_int_equal(version_key_from(&v, seed), 0);
	assert_int_equal(object_manifest_key(&k, v), 0);
	assert_int_equal(object_lockbox_key(&other, v), 0);
	assert_int_equal(object_seal_page(k, OBJECT_MANIFEST_PAGE, 7, "page", 4,
			     &w, &name),
	    0);
	assert_int_equal(object_peek(w.bytes, &n), 0);
	assert_int_equal(object_parse(&o, w.bytes, n, OBJECT_MANIFEST_PAGE,
			     &name),
	    0);
	assert_int_equal(o->index, 7);
	assert_int_equal(object_open_page(o, other, w.bytes + n, 4, &plain),
	    ERR_INTEGRITY);
	o->index = 8;
	assert_int_equal(object_open_page(o, k, w.bytes + n, 4, &plain),
	    ERR_INTEGRITY);
	o->index = 7;
	o->salt[0] ^= 1;
	assert_int_equal(object_open_page(o, k, w.bytes + n, 4, &plain),
	    ERR_INTEGRITY);
	o->salt[0] ^= 1;
	assert_int_equal(object_open_page(o, k, w.bytes + n, 4, &plain), 0);
	assert_memory_equal(plain, "page", 4);
}

static void
equal_pages_are_never_equal_objects(void **state)
{
	OWNED_WRITER a = writer_of(1 << 20);
	OWNED_WRITER b = writer_of(1 << 20);
	OWNED(page_key) k = NULL;
	struct digest an, bn;

	(void)state;
	assert_int_equal(page_key_from(&k, key_b), 0);
	assert_int_equal(object_seal_page(k, OBJECT_MANIFEST, 0, "page", 4, &a,
			     &an),
	    0);
	assert_int_equal(object_seal_page(k, OBJECT_MANIFEST, 0, "page", 4, &b,
			     &bn),
	    0);
	assert_false(digest_equal(&an, &bn));
	assert_memory_not_equal(a.bytes + 40, b.bytes + 40, 32);
	assert_memory_not_equal(a.bytes + a.length - 4, b.bytes + b.length - 4,
	    4);
}

static void
plain_lengths_stop_at_the_limit_of_the_type(void **state)
{
	OWNED_MEM(uint8_t) plain = calloc(1, 64 << 20);

	(void)state;
	for (size_t i = 0; i < TYPES; i++) {
		OWNED(object_payload) p = NULL;
		OWNED_WRITER w = writer_of(65 << 20);
		OWNED(object) o = NULL;
		size_t n = object_limit(types[i]);
		struct digest name;
		uint32_t header;

		assert_int_equal(object_payload_new(&p, types[i], 0, plain, 0),
		    ERR_LIMIT);
		assert_int_equal(object_payload_new(&p, types[i], 0, plain,
				     n + 1),
		    ERR_LIMIT);
		assert_int_equal(object_payload_new(&p, types[i], 0, plain, n),
		    0);
		assert_int_equal(object_seal(p, key_a, no_salt, NULL, &w, &name,
				     &header),
		    0);
		assert_true(header <= OBJECT_HEADER_MAX);
		assert_int_equal(object_parse(&o, w.bytes, header, types[i],
				     &name),
		    0);
		/* One more in the header alone. */
		object_free(o);
		o = NULL;
		for (size_t b = 0; b < 8; b++)
			w.bytes[24 + b] = (uint8_t)((n + 1) >> 8 * b);
		assert_int_equal(object_parse(&o, w.bytes, header, types[i],
				     NULL),
		    ERR_LIMIT);
	}
}

static void
a_header_tells_its_length_within_limits(void **state)
{
	OWNED_SAMPLE s = seal("abc", 3);
	uint32_t n = 0;

	(void)state;
	assert_int_equal(object_peek(s.w.bytes, &n), 0);
	assert_int_equal(n, 160);
	s.w.bytes[12] = 159;
	assert_int_equal(object_peek(s.w.bytes, &n), ERR_FORMAT);
	memcpy(s.w.bytes + 12, "\0\0\2\0", 4);
	assert_int_equal(object_peek(s.w.bytes, &n), 0);
	assert_int_equal(n, OBJECT_HEADER_MAX);
	s.w.bytes[12] = 1;
	assert_int_equal(object_peek(s.w.bytes, &n), ERR_FORMAT);
	s.w.bytes[0] = 'W';
	assert_int_equal(object_peek(s.w.bytes, &n), ERR_FORMAT);
	assert_int_equal(n, OBJECT_HEADER_MAX);
}

static void
a_writer_without_room_gets_nothing(void **state)
{
	OWNED_WRITER w = writer_of(162 + 5);
	struct digest name;
	uint32_t header;

	(void)state;
	writer_bytes(&w, "12345", 5);
	for (size_t n = 3; n > 0; n--) {
		OWNED(object_payload) p = NULL;

		assert_int_equal(object_payload_new(&p, OBJECT_CHUNK, 0, "abc",
				     n),
		    0);
		assert_int_equal(object_seal(p, key_a, no_salt, NULL, &w, &name,
				     &header),
		    n == 3 ? ERR_LIMIT : 0);
		assert_int_equal(w.length, n == 3 ? 5 : 167);
		if (n == 2)
			break;
	}
	assert_memory_equal(w.bytes, "12345weirobj\n", 13);
}

static int
seal_and_open(const uint8_t *plain, size_t n)
{
	OWNED(object_payload) p = NULL;
	OWNED_WRITER w = writer_of(1 << 20);
	OWNED(object) o = NULL;
	OWNED_MEM(uint8_t) again = NULL;
	struct digest name;
	uint32_t header;
	int err;

	err = object_payload_new(&p, OBJECT_CHUNK, 0, plain, n);
	if (err == 0)
		err = object_seal(p, key_a, no_salt, NULL, &w, &name, &header);
	if (err == 0)
		err = object_parse(&o, w.bytes, header, OBJECT_CHUNK, &name);
	if (err == 0)
		err = object_open(o, key_a, w.bytes + header, w.length - header,
		    &again);
	if (err == 0)
		assert_memory_equal(plain, again, n);
	return err;
}

static void
out_of_memory_is_an_error_and_leaks_nothing(void **state)
{
	static uint8_t plain[OBJECT_SEGMENT + 100];
	unsigned int n;

	(void)state;
	for (n = 1;; n++) {
		int err;

		fault_fail(FAULT_MEMORY, n, 0);
		err = seal_and_open(plain, sizeof(plain));
		if (!fault_off()) {
			assert_int_equal(err, 0);
			break;
		}
		assert_int_equal(err, ERR_NOMEM);
	}
	assert_true(n > 8);
}

static void
keys_differ_by_family_version_type_and_page(void **state)
{
	static const uint8_t salt[32] = "salt";
	struct digest sealing_a = digest_of("a", 1);
	struct digest sealing_b = digest_of("b", 1);
	OWNED(family_key) fa = NULL;
	OWNED(family_key) fb = NULL;
	OWNED(page_key) k = NULL;
	uint8_t keys[8][KEY_SIZE];

	(void)state;
	assert_int_equal(family_key_from(&fa, key_a), 0);
	assert_int_equal(family_key_from(&fb, key_b), 0);
	assert_int_equal(page_key_from(&k, key_a), 0);
	object_chunk_key(keys[0], fa, &sealing_a);
	object_chunk_key(keys[1], fa, &sealing_b);
	object_chunk_key(keys[2], fb, &sealing_a);
	object_page_key(keys[3], k, OBJECT_MANIFEST_PAGE, 0, salt);
	object_page_key(keys[4], k, OBJECT_MANIFEST_PAGE, 1, salt);
	object_page_key(keys[5], k, OBJECT_LOCKBOX_PAGE, 0, salt);
	object_page_key(keys[6], k, OBJECT_MANIFEST_PAGE, 0, no_salt);
	object_page_key(keys[7], k, OBJECT_MANIFEST_PAGE, UINT64_C(1) << 63,
	    salt);
	for (size_t i = 0; i < 8; i++)
		for (size_t j = 0; j < i; j++)
			assert_memory_not_equal(keys[i], keys[j], KEY_SIZE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_sealed_opens_at_every_size_edge),
		cmocka_unit_test(the_header_is_laid_out_as_documented),
		cmocka_unit_test(the_sealing_digest_is_as_documented),
		cmocka_unit_test(equal_payloads_alone_have_one_sealing_digest),
		cmocka_unit_test(equal_chunks_of_a_family_are_equal_objects),
		cmocka_unit_test(a_failed_open_leaves_no_plain_bytes),
		cmocka_unit_test(a_body_is_checked_without_a_key),
		cmocka_unit_test(a_block_that_is_not_hashed_is_not_handed_out),
		cmocka_unit_test(
		    a_page_opens_only_under_its_own_key_index_and_salt),
		cmocka_unit_test(equal_pages_are_never_equal_objects),
		cmocka_unit_test(plain_lengths_stop_at_the_limit_of_the_type),
		cmocka_unit_test(a_header_tells_its_length_within_limits),
		cmocka_unit_test(a_writer_without_room_gets_nothing),
		cmocka_unit_test(out_of_memory_is_an_error_and_leaks_nothing),
		cmocka_unit_test(keys_differ_by_family_version_type_and_page),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
