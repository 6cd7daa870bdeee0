/* SPDX-License-Identifier: Apache-2.0 */
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "tests/lib/test.h"
#include "vault/codec.h"
#include "vault/err.h"
#include "vault/object.h"

#define ROOM (2 * OBJECT_SEGMENT)

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

/* Pack n bytes and unpack them again; tells the codec used. */
static enum codec
there_and_back(const uint8_t *plain, size_t n)
{
	const struct codec_segment s = { plain, n, CODEC_BYTES };
	static uint8_t packed[OBJECT_SEGMENT], again[OBJECT_SEGMENT];
	OWNED(codec_packer) p = NULL;
	OWNED(codec_opener) o = NULL;
	enum codec codec;
	size_t length;

	assert_int_equal(codec_packer_new(&p, CODEC_AUTO), 0);
	assert_int_equal(codec_opener_new(&o), 0);
	codec = codec_pack(p, &s, packed, &length);
	assert_true(length >= 1 && length <= n);
	assert_int_equal(codec_unpack(o, codec, packed, length, again, n), 0);
	assert_memory_equal(plain, again, n);
	return codec;
}

static void
what_does_not_compress_stays_raw(void **state)
{
	static const size_t sizes[] = { 1, 2, 100, 65535, 65536 };
	static uint8_t plain[OBJECT_SEGMENT];

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		noise(plain, sizes[i], i);
		assert_int_equal(there_and_back(plain, sizes[i]), CODEC_RAW);
	}
}

static void
text_is_packed_and_comes_back(void **state)
{
	static const size_t sizes[] = { 200, 4096, 65535, 65536 };
	static uint8_t plain[OBJECT_SEGMENT];

	(void)state;
	text(plain, sizeof(plain));
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		assert_int_equal(there_and_back(plain, sizes[i]), CODEC_ZSTD);
}

static void
a_small_gain_is_not_worth_it(void **state)
{
	static uint8_t plain[OBJECT_SEGMENT];

	(void)state;
	/* A sixteenth of it is zeros, which zstd would find. */
	noise(plain, sizeof(plain), 7);
	memset(plain, 0, sizeof(plain) / 16);
	assert_int_equal(there_and_back(plain, sizeof(plain)), CODEC_RAW);
	memset(plain, 0, sizeof(plain) / 4);
	assert_int_equal(there_and_back(plain, sizeof(plain)), CODEC_ZSTD);
}

static void
packing_does_not_depend_on_what_came_before(void **state)
{
	static uint8_t plain[OBJECT_SEGMENT], a[OBJECT_SEGMENT],
	    b[OBJECT_SEGMENT], other[OBJECT_SEGMENT];
	const struct codec_segment s = { plain, sizeof(plain), CODEC_GUESS };
	OWNED(codec_packer) p = NULL;
	size_t an, bn;

	(void)state;
	assert_int_equal(codec_packer_new(&p, CODEC_AUTO), 0);
	text(plain, sizeof(plain));
	codec_pack(p, &s, a, &an);
	noise(other, sizeof(other), 3);
	codec_pack(p, &(struct codec_segment){ other, 777, CODEC_WIDTH4 }, b,
	    &bn);
	codec_pack(p,
	    &(struct codec_segment){ other, sizeof(other), CODEC_WIDTH2 }, b,
	    &bn);
	codec_pack(p, &s, b, &bn);
	assert_int_equal(an, bn);
	assert_memory_equal(a, b, an);
}

static void
numbers_of_codecs_that_are_not_known_are_refused(void **state)
{
	enum codec codec = CODEC_ZSTD;

	(void)state;
	assert_int_equal(codec_parse(&codec, 0), 0);
	assert_int_equal(codec, CODEC_RAW);
	assert_int_equal(codec_parse(&codec, 1), 0);
	assert_int_equal(codec, CODEC_ZSTD);
	assert_int_equal(codec_parse(&codec, 2), 0);
	assert_int_equal(codec, CODEC_PLANES2);
	assert_int_equal(codec_parse(&codec, 3), 0);
	assert_int_equal(codec, CODEC_PLANES4);
	for (unsigned int n = 4; n < 256; n++)
		assert_int_equal(codec_parse(&codec, (uint8_t)n), ERR_FORMAT);
}

/* Frames for the tests below. */
struct frame {
	uint8_t bytes[ROOM];
	size_t length;
};

static struct frame frame;

static void
make_frame(size_t n, int content_size)
{
	static uint8_t plain[ROOM];
	ZSTD_CCtx *c = ZSTD_createCCtx();

	text(plain, n);
	ZSTD_CCtx_setParameter(c, ZSTD_c_contentSizeFlag, content_size);
	frame.length = ZSTD_compress2(c, frame.bytes, sizeof(frame.bytes),
	    plain, n);
	ZSTD_freeCCtx(c);
	assert_false(ZSTD_isError(frame.length));
}

static int
unpack(size_t length, size_t n)
{
	/* Exactly as large as they may be, so that ASan sees more. */
	OWNED_MEM(uint8_t) packed = malloc(length > 0 ? length : 1);
	OWNED_MEM(uint8_t) plain = malloc(n);
	OWNED(codec_opener) o = NULL;

	assert_non_null(packed);
	assert_non_null(plain);
	memcpy(packed, frame.bytes, length);
	assert_int_equal(codec_opener_new(&o), 0);
	return codec_unpack(o, CODEC_ZSTD, packed, length, plain, n);
}

static void
another_plain_length_is_refused(void **state)
{
	(void)state;
	make_frame(3000, 1);
	assert_int_equal(unpack(frame.length, 3000), 0);
	assert_int_equal(unpack(frame.length, 2999), ERR_FORMAT);
	assert_int_equal(unpack(frame.length, 3001), ERR_FORMAT);
}

static void
every_truncation_and_extension_is_refused(void **state)
{
	(void)state;
	make_frame(3000, 1);
	for (size_t n = 0; n < frame.length; n++)
		assert_int_equal(unpack(n, 3000), ERR_FORMAT);
	frame.bytes[frame.length] = 0;
	assert_int_equal(unpack(frame.length + 1, 3000), ERR_FORMAT);
}

static void
one_frame_is_all_there_may_be(void **state)
{
	static const uint8_t skipped[] = { 0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0,
		'w', 'e', 'i', 'r' };
	size_t one;

	(void)state;
	make_frame(1500, 1);
	one = frame.length;
	memcpy(frame.bytes + one, frame.bytes, one);
	assert_int_equal(unpack(2 * one, 3000), ERR_FORMAT);
	assert_int_equal(unpack(2 * one, 1500), ERR_FORMAT);
	memcpy(frame.bytes + one, skipped, sizeof(skipped));
	assert_int_equal(unpack(one + sizeof(skipped), 1500), ERR_FORMAT);
	memmove(frame.bytes + sizeof(skipped), frame.bytes, one);
	memcpy(frame.bytes, skipped, sizeof(skipped));
	assert_int_equal(unpack(one + sizeof(skipped), 1500), ERR_FORMAT);
	assert_int_equal(unpack(sizeof(skipped), 4), ERR_FORMAT);
}

/* A frame by hand: descriptor, window, content size, one raw block. */
static int
unpack_window(uint8_t window)
{
	const uint8_t head[] = { 0x28, 0xb5, 0x2f, 0xfd, 0x80, window, 5, 0, 0,
		0, 5 << 3 | 1, 0, 0, 'h', 'e', 'l', 'l', 'o' };

	memcpy(frame.bytes, head, sizeof(head));
	return unpack(sizeof(head), 5);
}

static void
windows_over_128_KiB_are_refused(void **state)
{
	(void)state;
	for (unsigned int w = 0; w < 256; w++)
		assert_int_equal(unpack_window((uint8_t)w),
		    w <= (17 - 10) << 3 ? 0 : ERR_FORMAT);
}

static void
frames_without_their_size_or_with_a_dictionary_are_refused(void **state)
{
	(void)state;
	make_frame(3000, 0);
	assert_int_equal(unpack(frame.length, 3000), ERR_FORMAT);
	for (uint8_t id = 1; id < 4; id++) {
		make_frame(3000, 1);
		frame.bytes[4] |= id;
		assert_int_equal(unpack(frame.length, 3000), ERR_FORMAT);
	}
}

static void
flipped_bits_give_an_error_or_all_the_bytes(void **state)
{
	(void)state;
	make_frame(3000, 1);
	for (size_t bit = 0; bit < 8 * frame.length; bit++) {
		int err;

		frame.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		err = unpack(frame.length, 3000);
		assert_true(err == 0 || err == ERR_FORMAT);
		frame.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static void
raw_bytes_must_have_their_length(void **state)
{
	uint8_t plain[8] = "abcdefg";
	OWNED(codec_opener) o = NULL;

	(void)state;
	assert_int_equal(codec_opener_new(&o), 0);
	assert_int_equal(codec_unpack(o, CODEC_RAW, (const uint8_t *)"12345", 5,
			     plain, 4),
	    ERR_FORMAT);
	assert_int_equal(codec_unpack(o, CODEC_RAW, (const uint8_t *)"12345", 5,
			     plain, 5),
	    0);
	assert_memory_equal(plain, "12345fg", 8);
}

/* --- what is left in memory --- */

#define NEEDLE 32

/* How often the bytes stand in n bytes; told inverted, or they would be found
 * where they are asked for. */
static size_t
occurrences(const uint8_t *bytes, size_t n, const uint8_t inverted[NEEDLE])
{
	const uint8_t first = (uint8_t)~inverted[0];
	const uint8_t *end = bytes + n, *at = bytes;
	size_t found = 0;

	while ((size_t)(end - at) >= NEEDLE &&
	    (at = memchr(at, first, (size_t)(end - at) - NEEDLE + 1)) != NULL) {
		size_t same = 1;

		while (same < NEEDLE && (at[same] ^ inverted[same]) == 0xff)
			same++;
		found += same == NEEDLE;
		at++;
	}
	return found;
}

/* The heap grows in one piece here, and keeps what is freed. */
static size_t
left_in_heap(const uint8_t inverted[NEEDLE])
{
	size_t found = 0;
	char line[256];
	FILE *f = fopen("/proc/self/maps", "r");

	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		uintptr_t from, to;

		if (strstr(line, "[heap]") == NULL ||
		    sscanf(line, "%zx-%zx", &from, &to) != 2)
			continue;
		found += occurrences((const uint8_t *)from, to - from,
		    inverted);
	}
	fclose(f);
	return found;
}

/* Bytes of few kinds: their literals go through tables, and are unpacked into
 * the context. */
static void
few_kinds(uint8_t *buf, size_t n)
{
	noise(buf, n, 77);
	for (size_t i = 0; i < n; i++)
		buf[i] = (uint8_t) "acgtACGT"[buf[i] % 8];
}

static void
nothing_of_what_was_packed_is_left_behind(void **state)
{
	static uint8_t plain[OBJECT_SEGMENT], packed[OBJECT_SEGMENT];
	uint8_t inverted[NEEDLE];
	struct codec_packer *p;
	struct codec_opener *o;
	enum codec codec;
	size_t length;

	(void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	skip(); /* their heap is elsewhere */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
	skip();
#endif
#endif
	assert_int_equal(mallopt(M_MMAP_THRESHOLD, 32 << 20), 1);
	assert_int_equal(mallopt(M_TRIM_THRESHOLD, 512 << 20), 1);
	few_kinds(plain, sizeof(plain));
	for (size_t i = 0; i < NEEDLE; i++)
		inverted[i] = (uint8_t)~plain[3000 + i];
	assert_int_equal(codec_packer_new(&p, CODEC_AUTO), 0);
	assert_int_equal(codec_opener_new(&o), 0);
	codec = codec_pack(p,
	    &(struct codec_segment){ plain, sizeof(plain), CODEC_BYTES },
	    packed, &length);
	assert_int_equal(codec, CODEC_ZSTD);
	assert_int_equal(codec_unpack(o, codec, packed, length, plain,
			     sizeof(plain)),
	    0);
	/* The control: contexts do hold them. */
	assert_true(left_in_heap(inverted) > 0);
	codec_packer_free(p);
	codec_opener_free(o);
	assert_int_equal(left_in_heap(inverted), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_does_not_compress_stays_raw),
		cmocka_unit_test(text_is_packed_and_comes_back),
		cmocka_unit_test(a_small_gain_is_not_worth_it),
		cmocka_unit_test(packing_does_not_depend_on_what_came_before),
		cmocka_unit_test(
		    numbers_of_codecs_that_are_not_known_are_refused),
		cmocka_unit_test(another_plain_length_is_refused),
		cmocka_unit_test(every_truncation_and_extension_is_refused),
		cmocka_unit_test(one_frame_is_all_there_may_be),
		cmocka_unit_test(windows_over_128_KiB_are_refused),
		cmocka_unit_test(
		    frames_without_their_size_or_with_a_dictionary_are_refused),
		cmocka_unit_test(flipped_bits_give_an_error_or_all_the_bytes),
		cmocka_unit_test(raw_bytes_must_have_their_length),
		cmocka_unit_test(nothing_of_what_was_packed_is_left_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
