/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/planes.h"

#include <assert.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

size_t
planes_size(size_t n, size_t width, size_t p)
{
	return n > p ? (n - p + width - 1) / width : 0;
}

/* Where each plane begins when one lies behind the other. */
static void
places(size_t width, size_t n, size_t at[PLANES_MAX])
{
	size_t next = 0;

	assert(width == 2 || width == 4);
	for (size_t p = 0; p < width; p++) {
		at[p] = next;
		next += planes_size(n, width, p);
	}
}

/* From byte `from` on, a multiple of width, which is 2 to the width / 2. */
static void
split_from(size_t width, const uint8_t *in, size_t n, uint8_t *out, size_t from)
{
	size_t at[PLANES_MAX] = { 0 };

	places(width, n, at);
	for (size_t i = from; i < n; i++)
		out[at[i & (width - 1)] + (i >> width / 2)] = in[i];
}

static void
merge_from(size_t width, const uint8_t *const planes[PLANES_MAX], size_t n,
    uint8_t *out, size_t from)
{
	for (size_t i = from; i < n; i++)
		out[i] = planes[i & (width - 1)][i >> width / 2];
}

void
planes_split_plain(size_t width, const uint8_t *in, size_t n, uint8_t *out)
{
	split_from(width, in, n, out, 0);
}

void
planes_merge_plain(size_t width, const uint8_t *const planes[PLANES_MAX],
    size_t n, uint8_t *out)
{
	assert(width == 2 || width == 4);
	merge_from(width, planes, n, out, 0);
}

#ifdef __SSE2__

static __m128i
load(const uint8_t *at)
{
	return _mm_loadu_si128((const __m128i *)at);
}

static void
store(uint8_t *at, __m128i v)
{
	_mm_storeu_si128((__m128i *)at, v);
}

/* The even bytes of a and b, and the odd ones. */
static __m128i
even(__m128i a, __m128i b)
{
	const __m128i low = _mm_set1_epi16(0xff);

	return _mm_packus_epi16(_mm_and_si128(a, low), _mm_and_si128(b, low));
}

static __m128i
odd(__m128i a, __m128i b)
{
	return _mm_packus_epi16(_mm_srli_epi16(a, 8), _mm_srli_epi16(b, 8));
}

static size_t
split2(const uint8_t *in, size_t n, uint8_t *out, const size_t at[PLANES_MAX])
{
	size_t i = 0;

	for (; n - i >= 32; i += 32) {
		__m128i a = load(in + i), b = load(in + i + 16);

		store(out + at[0] + i / 2, even(a, b));
		store(out + at[1] + i / 2, odd(a, b));
	}
	return i;
}

static size_t
split4(const uint8_t *in, size_t n, uint8_t *out, const size_t at[PLANES_MAX])
{
	size_t i = 0;

	for (; n - i >= 64; i += 64) {
		__m128i a = load(in + i), b = load(in + i + 16),
			c = load(in + i + 32), d = load(in + i + 48);
		__m128i even0 = even(a, b), even1 = even(c, d),
			odd0 = odd(a, b), odd1 = odd(c, d);

		store(out + at[0] + i / 4, even(even0, even1));
		store(out + at[1] + i / 4, even(odd0, odd1));
		store(out + at[2] + i / 4, odd(even0, even1));
		store(out + at[3] + i / 4, odd(odd0, odd1));
	}
	return i;
}

static size_t
merge2(const uint8_t *const planes[PLANES_MAX], size_t n, uint8_t *out)
{
	size_t i = 0;

	for (; n - i >= 32; i += 32) {
		__m128i a = load(planes[0] + i / 2),
			b = load(planes[1] + i / 2);

		store(out + i, _mm_unpacklo_epi8(a, b));
		store(out + i + 16, _mm_unpackhi_epi8(a, b));
	}
	return i;
}

static size_t
merge4(const uint8_t *const planes[PLANES_MAX], size_t n, uint8_t *out)
{
	size_t i = 0;

	for (; n - i >= 64; i += 64) {
		__m128i a = load(planes[0] + i / 4),
			b = load(planes[1] + i / 4),
			c = load(planes[2] + i / 4),
			d = load(planes[3] + i / 4);
		__m128i ab0 = _mm_unpacklo_epi8(a, b),
			ab1 = _mm_unpackhi_epi8(a, b),
			cd0 = _mm_unpacklo_epi8(c, d),
			cd1 = _mm_unpackhi_epi8(c, d);

		store(out + i, _mm_unpacklo_epi16(ab0, cd0));
		store(out + i + 16, _mm_unpackhi_epi16(ab0, cd0));
		store(out + i + 32, _mm_unpacklo_epi16(ab1, cd1));
		store(out + i + 48, _mm_unpackhi_epi16(ab1, cd1));
	}
	return i;
}

void
planes_split(size_t width, const uint8_t *in, size_t n, uint8_t *out)
{
	size_t at[PLANES_MAX] = { 0 };

	places(width, n, at);
	split_from(width, in, n, out,
	    width == 2 ? split2(in, n, out, at) : split4(in, n, out, at));
}

void
planes_merge(size_t width, const uint8_t *const planes[PLANES_MAX], size_t n,
    uint8_t *out)
{
	assert(width == 2 || width == 4);
	merge_from(width, planes, n, out,
	    width == 2 ? merge2(planes, n, out) : merge4(planes, n, out));
}

#else

void
planes_split(size_t width, const uint8_t *in, size_t n, uint8_t *out)
{
	planes_split_plain(width, in, n, out);
}

void
planes_merge(size_t width, const uint8_t *const planes[PLANES_MAX], size_t n,
    uint8_t *out)
{
	planes_merge_plain(width, planes, n, out);
}

#endif
