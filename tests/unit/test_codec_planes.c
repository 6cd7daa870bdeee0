/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/test.h"
#include "vault/codec.h"
#include "vault/err.h"
#include "vault/object.h"

/* Bytes that do not compress. */
static void
noise(uint8_t *buf, size_t n, uint64_t seed)
{
	uint64_t x = seed * 2 + 1;

	for (size_t i = 0; i < n; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		buf[i] = (uint8_t)(x >> 32);
	}
}

static void
text(uint8_t *buf, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf[i] = (uint8_t)((uint8_t) "model.layers.norm "[i % 18] +
		    i / 900 % 3);
}

/* How packing is asked for below; what came out last. */
static enum codec_effort effort;
static uint8_t width = CODEC_BYTES;
static size_t packed_length;

/* Pack n bytes and unpack them again; tells the codec used. */
static enum codec
there_and_back(const uint8_t *plain, size_t n)
{
	const struct codec_segment s = { plain, n, width };
	static uint8_t packed[OBJECT_SEGMENT], again[OBJECT_SEGMENT];
	OWNED(codec_packer) p = NULL;
	OWNED(codec_opener) o = NULL;
	enum codec codec;
	size_t length;

	assert_int_equal(codec_packer_new(&p, effort), 0);
	assert_int_equal(codec_opener_new(&o), 0);
	codec = codec_pack(p, &s, packed, &length);
	packed_length = length;
	assert_true(length >= 1 && length <= n);
	assert_int_equal(codec_unpack(o, codec, packed, length, again, n), 0);
	assert_memory_equal(plain, again, n);
	return codec;
}

/* Normally distributed numbers, nearly, as fp32, or their upper half: bf16. */
static void
weights(uint8_t *buf, size_t n, size_t bytes, uint64_t seed)
{
	uint8_t random[8];

	for (size_t i = 0; i + bytes <= n; i += bytes) {
		float f = -0.16F;
		uint32_t u;

		noise(random, sizeof(random), seed + i);
		for (size_t k = 0; k < sizeof(random); k++)
			f += (float)random[k] * (0.04F / 255);
		memcpy(&u, &f, sizeof(u));
		for (size_t k = 0; k < bytes; k++)
			buf[i + k] = (uint8_t)(u >> (32 - 8 * (bytes - k)));
	}
}

static void
floats_are_packed_in_planes_of_their_width_and_come_back(void **state)
{
	static const size_t sizes[] = { 1023, 4096, 65533, 65534, 65535,
		65536 };
	static uint8_t plain[OBJECT_SEGMENT];

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		weights(plain, sizeof(plain), 2, 1);
		width = CODEC_WIDTH2;
		assert_int_equal(there_and_back(plain, sizes[i]),
		    CODEC_PLANES2);
		width = CODEC_GUESS;
		assert_int_equal(there_and_back(plain, sizes[i]),
		    CODEC_PLANES2);
		weights(plain, sizeof(plain), 4, 1);
		width = CODEC_WIDTH4;
		assert_int_equal(there_and_back(plain, sizes[i]),
		    CODEC_PLANES4);
		width = CODEC_GUESS;
		assert_int_equal(there_and_back(plain, sizes[i]),
		    CODEC_PLANES4);
	}
	width = CODEC_BYTES;
	assert_int_not_equal(there_and_back(plain, sizeof(plain)),
	    CODEC_PLANES4);
}

static void
planes_save_what_bytes_do_not(void **state)
{
	static uint8_t plain[OBJECT_SEGMENT];

	(void)state;
	weights(plain, sizeof(plain), 2, 2);
	width = CODEC_WIDTH2;
	there_and_back(plain, sizeof(plain));
	assert_true(packed_length < sizeof(plain) * 70 / 100);
	width = CODEC_BYTES;
	there_and_back(plain, sizeof(plain));
	assert_true(packed_length > sizeof(plain) * 70 / 100);
	weights(plain, sizeof(plain), 4, 2);
	width = CODEC_WIDTH4;
	there_and_back(plain, sizeof(plain));
	assert_true(packed_length < sizeof(plain) * 86 / 100);
	width = CODEC_BYTES;
	there_and_back(plain, sizeof(plain));
	assert_int_equal(packed_length, sizeof(plain));
}

static void
noise_and_text_called_floats_are_packed_as_what_they_are(void **state)
{
	static const size_t sizes[] = { 1, 2, 3, 4, 5, 100, 65535, 65536 };
	static uint8_t plain[OBJECT_SEGMENT];

	(void)state;
	for (width = 0; width <= 4; width++)
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			noise(plain, sizes[i], i);
			assert_int_equal(there_and_back(plain, sizes[i]),
			    CODEC_RAW);
		}
	text(plain, sizeof(plain));
	for (width = 0; width <= 4; width++)
		assert_int_not_equal(there_and_back(plain, sizeof(plain)),
		    CODEC_RAW);
	width = CODEC_BYTES;
}

static void
off_leaves_all_raw_and_max_is_never_larger_than_auto(void **state)
{
	static uint8_t plain[OBJECT_SEGMENT];

	(void)state;
	for (size_t bytes = 2; bytes <= 4; bytes += 2) {
		size_t with_auto;

		width = (uint8_t)bytes;
		weights(plain, sizeof(plain), bytes, 3);
		there_and_back(plain, sizeof(plain));
		with_auto = packed_length;
		effort = CODEC_OFF;
		assert_int_equal(there_and_back(plain, sizeof(plain)),
		    CODEC_RAW);
		effort = CODEC_MAX;
		assert_int_not_equal(there_and_back(plain, sizeof(plain)),
		    CODEC_RAW);
		assert_true(packed_length <= with_auto);
		width = CODEC_GUESS;
		there_and_back(plain, sizeof(plain));
		assert_true(packed_length <= with_auto);
		effort = CODEC_AUTO;
	}
	width = CODEC_BYTES;
}

/* A segment by hand: plane lengths, then what follows. */
static int
unpack_planes(size_t w, const size_t *lengths, const uint8_t *bytes,
    size_t count, size_t n)
{
	OWNED_MEM(uint8_t) packed = malloc(2 * w + count + 1);
	OWNED_MEM(uint8_t) plain = malloc(n);
	OWNED_MEM(uint8_t) exact = NULL;
	OWNED(codec_opener) o = NULL;

	for (size_t i = 0; i < w; i++) {
		packed[2 * i] = (uint8_t)lengths[i];
		packed[2 * i + 1] = (uint8_t)(lengths[i] >> 8);
	}
	memcpy(packed + 2 * w, bytes, count);
	exact = malloc(2 * w + count);
	memcpy(exact, packed, 2 * w + count);
	assert_int_equal(codec_opener_new(&o), 0);
	return codec_unpack(o, w == 2 ? CODEC_PLANES2 : CODEC_PLANES4, exact,
	    2 * w + count, plain, n);
}

static void
plane_lengths_must_add_up(void **state)
{
	static const uint8_t bytes[16] = { 0 };

	(void)state;
	assert_int_equal(unpack_planes(2, (size_t[]){ 3, 2 }, bytes, 5, 5), 0);
	assert_int_equal(unpack_planes(4, (size_t[]){ 2, 1, 1, 1 }, bytes, 5,
			     5),
	    0);
	assert_int_equal(unpack_planes(4, (size_t[]){ 1, 0, 0, 0 }, bytes, 1,
			     1),
	    0);
	/* a plane that is too long, at the other's cost */
	assert_int_equal(unpack_planes(2, (size_t[]){ 2, 3 }, bytes, 5, 5),
	    ERR_FORMAT);
	assert_int_equal(unpack_planes(2, (size_t[]){ 4, 1 }, bytes, 5, 5),
	    ERR_FORMAT);
	/* too short, and no frame */
	assert_int_equal(unpack_planes(2, (size_t[]){ 3, 1 }, bytes, 4, 5),
	    ERR_FORMAT);
	assert_int_equal(unpack_planes(2, (size_t[]){ 0, 2 }, bytes, 2, 5),
	    ERR_FORMAT);
	/* beyond the end, bytes left over */
	assert_int_equal(unpack_planes(2, (size_t[]){ 3, 2 }, bytes, 4, 5),
	    ERR_FORMAT);
	assert_int_equal(unpack_planes(2, (size_t[]){ 3, 2 }, bytes, 6, 5),
	    ERR_FORMAT);
	assert_int_equal(unpack_planes(2, (size_t[]){ 65535, 65535 }, bytes, 16,
			     65536),
	    ERR_FORMAT);
}

static void
planes_cut_off_or_with_flipped_bits_fail_or_give_all_bytes(void **state)
{
	static uint8_t plain[OBJECT_SEGMENT], packed[OBJECT_SEGMENT];
	static const uint8_t widths[] = { CODEC_WIDTH2, CODEC_WIDTH4 };
	OWNED(codec_packer) p = NULL;
	OWNED(codec_opener) o = NULL;

	(void)state;
	assert_int_equal(codec_packer_new(&p, CODEC_AUTO), 0);
	assert_int_equal(codec_opener_new(&o), 0);
	for (size_t i = 0; i < 2; i++) {
		const struct codec_segment s = { plain, 2000, widths[i] };
		OWNED_MEM(uint8_t) out = malloc(2000);
		size_t n;
		enum codec codec;

		weights(plain, s.length, widths[i], 4);
		codec = codec_pack(p, &s, packed, &n);
		assert_int_equal(codec, i == 0 ? CODEC_PLANES2 : CODEC_PLANES4);
		for (size_t cut = 0; cut < n; cut++) {
			OWNED_MEM(uint8_t) exact = malloc(cut + 1);

			memcpy(exact, packed, cut);
			assert_int_equal(codec_unpack(o, codec, exact, cut, out,
					     2000),
			    ERR_FORMAT);
		}
		assert_int_equal(codec_unpack(o, codec, packed, n + 1, out,
				     2000),
		    ERR_FORMAT);
		for (size_t bit = 0; bit < 8 * n; bit++) {
			packed[bit / 8] ^= (uint8_t)(1U << bit % 8);
			(void)!codec_unpack(o, codec, packed, n, out, 2000);
			packed[bit / 8] ^= (uint8_t)(1U << bit % 8);
		}
		assert_int_equal(codec_unpack(o, codec, packed, n, out, 2000),
		    0);
		assert_memory_equal(out, plain, 2000);
	}
}

/* All 256 values, as often as any other, in the same order again and again. */
static void
rounds(uint8_t *buf, size_t n)
{
	uint8_t random[256];

	noise(random, sizeof(random), 77);
	for (size_t i = 0; i < 256; i++)
		buf[i] = (uint8_t)i;
	for (size_t i = 255; i > 0; i--) {
		const uint8_t kept = buf[i];

		buf[i] = buf[random[i] % (i + 1)];
		buf[random[i] % (i + 1)] = kept;
	}
	for (size_t i = 256; i < n; i++)
		buf[i] = buf[i - 256];
}

static void
noise_in_all_planes_but_one_is_not_taken_for_noise(void **state)
{
	static uint8_t plain[OBJECT_SEGMENT];

	(void)state;
	effort = CODEC_AUTO;
	width = CODEC_GUESS;
	for (size_t plane = 0; plane < 4; plane++) {
		noise(plain, sizeof(plain), plane);
		assert_int_equal(there_and_back(plain, sizeof(plain)),
		    CODEC_RAW);
		for (size_t i = plane; i < sizeof(plain); i += 4)
			plain[i] &= 0x07;
		assert_int_equal(there_and_back(plain, sizeof(plain)),
		    CODEC_PLANES4);
	}
	width = CODEC_BYTES;
}

static void
what_repeats_is_found_however_even_its_bytes(void **state)
{
	static uint8_t plain[OBJECT_SEGMENT];

	(void)state;
	effort = CODEC_AUTO;
	rounds(plain, sizeof(plain));
	width = CODEC_GUESS;
	assert_int_equal(there_and_back(plain, sizeof(plain)), CODEC_ZSTD);
	width = CODEC_BYTES;
	assert_int_equal(there_and_back(plain, sizeof(plain)), CODEC_ZSTD);
}

static void
a_segment_may_be_packed_where_it_lies(void **state)
{
	static uint8_t plain[2 * OBJECT_SEGMENT], apart[OBJECT_SEGMENT];
	static const uint8_t widths[] = { CODEC_GUESS, CODEC_BYTES,
		CODEC_WIDTH2, CODEC_WIDTH4 };

	(void)state;
	for (size_t i = 0; i < 4 * 3 * 3; i++) {
		const size_t before = i / 12 * 1000;
		const struct codec_segment s = { plain + before, OBJECT_SEGMENT,
			widths[i % 4] };
		OWNED(codec_packer) p = NULL;
		size_t a, b;
		enum codec codec;

		weights(plain + before, OBJECT_SEGMENT, 2, i);
		if (i / 12 == 1)
			text(plain + before, OBJECT_SEGMENT);
		assert_int_equal(codec_packer_new(&p,
				     (enum codec_effort)(i / 4 % 3)),
		    0);
		codec = codec_pack(p, &s, apart, &a);
		assert_int_equal(codec_pack(p, &s, plain, &b), codec);
		assert_int_equal(a, b);
		assert_memory_equal(plain, apart, a);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    floats_are_packed_in_planes_of_their_width_and_come_back),
		cmocka_unit_test(planes_save_what_bytes_do_not),
		cmocka_unit_test(
		    noise_and_text_called_floats_are_packed_as_what_they_are),
		cmocka_unit_test(
		    off_leaves_all_raw_and_max_is_never_larger_than_auto),
		cmocka_unit_test(plane_lengths_must_add_up),
		cmocka_unit_test(
		    noise_in_all_planes_but_one_is_not_taken_for_noise),
		cmocka_unit_test(what_repeats_is_found_however_even_its_bytes),
		cmocka_unit_test(a_segment_may_be_packed_where_it_lies),
		cmocka_unit_test(
		    planes_cut_off_or_with_flipped_bits_fail_or_give_all_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
