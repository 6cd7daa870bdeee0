/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/codec.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* For contexts in memory of ours, and literals that are always coded. */
#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>

#include "vault/codec_parts.h"
#include "vault/err.h"
#include "vault/secret.h"

/*
 * Levels.  Weights compress by their bytes' frequencies or not at all: so far
 * below zero that no match is looked for, zstd is its entropy stage alone,
 * which takes less time and mostly less room.  Text and repeats have matches.
 */
enum level {
	LEVEL_ENTROPY = -1000,
	LEVEL_MATCHES = 1,
	LEVEL_LONG = 5,
};

/* Sizes that a segment is worth compressing to.  Unpacking halves the speed of
 * a read; planes save a third of bf16, but a seventh of f16 and f32. */
#define WORTH(n) ((n) - (n) / 8)
#define WORTH_PLANES(n) ((n) - (n) / 16)
#define WORTH_MAX(n) ((n) - (n) / 64)

/* The same for one plane, or a sample. */
#define WORTH_PLANE(n) ((n) - (n) / 32)

/* What is looked at before a segment is worked at. */
#define SAMPLE 4096
#define SAMPLE_PIECES 8
#define SAMPLE_PIECE (SAMPLE / SAMPLE_PIECES)

/* Chi-square of a sample's bytes: 255 +- 23 when each is as likely as any
 * other.  Below this limit coding them by their frequencies saves less than 36
 * bytes, its table not counted, which is no thirty-second of EVEN_LEAST. */
#define EVEN_LEAST 1024
#define EVEN_LIMIT 400

struct codec_packer {
	enum codec_effort effort;
	ZSTD_CCtx *ctx;
	struct codec_workspace memory;
	uint8_t planes[CODEC_SEGMENT];
	uint8_t packed[CODEC_SEGMENT + CODEC_PLANES_HEAD(PLANES_MAX)];
	uint8_t sample[SAMPLE];
	uint8_t sample_planes[SAMPLE];
	uint8_t trial[CODEC_SEGMENT]; /* what a level makes of some bytes */
	uint8_t best[CODEC_SEGMENT];  /* of a segment so far */
};

static size_t
larger(size_t a, size_t b)
{
	return a > b ? a : b;
}

/* zstd chooses by length: up to 16 KiB, and more. */
static size_t
workspace_size(enum codec_effort effort)
{
	static const enum level levels[] = { LEVEL_ENTROPY, LEVEL_MATCHES,
		LEVEL_LONG };
	const size_t count = effort == CODEC_MAX ? 3 : 2;
	size_t size = 0;

	for (size_t i = 0; i < count; i++) {
		const ZSTD_compressionParameters
		    small = ZSTD_getCParams((int)levels[i], CODEC_SEGMENT / 4,
			0);
		const ZSTD_compressionParameters
		    large = ZSTD_getCParams((int)levels[i], CODEC_SEGMENT, 0);

		size = larger(size, ZSTD_estimateCCtxSize_usingCParams(small));
		size = larger(size, ZSTD_estimateCCtxSize_usingCParams(large));
	}
	return size;
}

int
codec_packer_new(struct codec_packer **out, enum codec_effort effort)
{
	OWNED(codec_packer) p = calloc(1, sizeof(*p));

	if (p == NULL ||
	    codec_workspace_new(&p->memory, workspace_size(effort)) != 0)
		return ERR_NOMEM;
	p->effort = effort;
	p->ctx = ZSTD_initStaticCCtx(p->memory.bytes, p->memory.size);
	assert(p->ctx != NULL);
	/* Parameters of a context in one's own memory are zeros, not what they
	 * are where nothing is said. */
	if (ZSTD_isError(
		ZSTD_CCtx_reset(p->ctx, ZSTD_reset_session_and_parameters)))
		return ERR_NOMEM;
	*out = p;
	p = NULL;
	return 0;
}

void
codec_packer_free(struct codec_packer *p)
{
	if (p == NULL)
		return;
	codec_workspace_wipe(&p->memory);
	secret_wipe(p, sizeof(*p));
	free(p);
}

/* The length of the frame, at most `most`; n when there is none. */
static size_t
compress(struct codec_packer *p, enum level level, const uint8_t *in, size_t n,
    uint8_t *out, size_t most)
{
	const int literals = level == LEVEL_ENTROPY ? ZSTD_lcm_huffman :
						      ZSTD_lcm_auto;
	size_t r;

	/* What failed for want of room counts as begun. */
	r = ZSTD_CCtx_reset(p->ctx, ZSTD_reset_session_only);
	assert(!ZSTD_isError(r));
	r = ZSTD_CCtx_setParameter(p->ctx, ZSTD_c_compressionLevel, (int)level);
	assert(!ZSTD_isError(r));
	r = ZSTD_CCtx_setParameter(p->ctx, ZSTD_c_literalCompressionMode,
	    literals);
	assert(!ZSTD_isError(r));
	r = ZSTD_compress2(p->ctx, out, most, in, n);
	return ZSTD_isError(r) ? n : r;
}

/* Some of n bytes, pieces from their begin to their end. */
static size_t
sample(const uint8_t *in, size_t n, uint8_t out[static SAMPLE])
{
	if (n <= SAMPLE) {
		memcpy(out, in, n);
		return n;
	}
	for (size_t i = 0; i < SAMPLE_PIECES; i++) {
		size_t at = (n - SAMPLE_PIECE) * i / (SAMPLE_PIECES - 1);

		at -= at % PLANES_MAX;
		memcpy(out + i * SAMPLE_PIECE, in + at, SAMPLE_PIECE);
	}
	return SAMPLE;
}

/* Whether every step-th of n bytes is as likely as any other: noise, most of
 * what weights have. */
static bool
is_even(const uint8_t *in, size_t n, size_t step)
{
	uint16_t counts[256] = { 0 };
	const uint64_t taken = (n + step - 1) / step;
	uint64_t squares = 0;

	if (taken < EVEN_LEAST)
		return false;
	for (size_t i = 0; i < n; i += step)
		counts[in[i]]++;
	for (size_t i = 0; i < 256; i++)
		squares += (uint64_t)counts[i] * counts[i];
	return squares * 256 < taken * (taken + EVEN_LIMIT);
}

/* What the better level makes of a sample: n when it is worth nothing. */
static size_t
promise(struct codec_packer *p, const uint8_t *in, size_t n, enum level *level)
{
	const size_t most = WORTH_PLANE(n);
	size_t entropy = is_even(in, n, 1) ?
	    n :
	    compress(p, LEVEL_ENTROPY, in, n, p->trial, most);
	size_t matches = compress(p, LEVEL_MATCHES, in, n, p->trial, most);

	*level = matches < entropy ? LEVEL_MATCHES : LEVEL_ENTROPY;
	return matches < entropy ? matches : entropy;
}

static size_t
pack_auto(struct codec_packer *p, const uint8_t *in, size_t n, uint8_t *out)
{
	size_t looked = sample(in, n, p->sample);
	enum level level;

	if (promise(p, p->sample, looked, &level) == looked)
		return n;
	return compress(p, level, in, n, out, WORTH_PLANE(n));
}

static size_t
pack_max(struct codec_packer *p, const uint8_t *in, size_t n, uint8_t *out)
{
	static const enum level levels[] = { LEVEL_ENTROPY, LEVEL_MATCHES,
		LEVEL_LONG };
	size_t best = n;

	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		size_t r = compress(p, levels[i], in, n, p->trial, n);

		if (r >= best)
			continue;
		memcpy(out, p->trial, r);
		best = r;
	}
	return best;
}

/* One frame, or the n bytes as they are. */
static size_t
pack_bytes(struct codec_packer *p, const uint8_t *in, size_t n, uint8_t *out)
{
	size_t r = n;

	if (n > 0)
		r = p->effort == CODEC_MAX ? pack_max(p, in, n, out) :
					     pack_auto(p, in, n, out);
	if (r == n && n > 0)
		memcpy(out, in, n);
	return r;
}

/* To p->packed. */
static size_t
pack_planes(struct codec_packer *p, size_t width, const uint8_t *plain,
    size_t n)
{
	const uint8_t *in = p->planes;
	uint8_t *out = p->packed + CODEC_PLANES_HEAD(width);

	planes_split(width, plain, n, p->planes);
	for (size_t i = 0; i < width; i++) {
		const size_t size = planes_size(n, width, i);
		const size_t r = pack_bytes(p, in, size, out);

		p->packed[2 * i] = (uint8_t)(r & 0xff);
		p->packed[2 * i + 1] = (uint8_t)(r >> 8);
		in += size;
		out += r;
	}
	return (size_t)(out - p->packed);
}

/* What a sample comes to in planes: not more than its length. */
static size_t
promise_planes(struct codec_packer *p, size_t width, size_t n)
{
	const uint8_t *in = p->sample_planes;
	size_t sum = 0;

	planes_split(width, p->sample, n, p->sample_planes);
	for (size_t i = 0; i < width; i++) {
		const size_t size = planes_size(n, width, i);
		enum level level;

		if (size > 0)
			sum += promise(p, in, size, &level);
		in += size;
	}
	return sum;
}

/* Whether there is nothing in the sample's planes but noise. */
static bool
all_even(const struct codec_packer *p, size_t n)
{
	for (size_t i = 0; i < PLANES_MAX; i++)
		if (n <= i || !is_even(p->sample + i, n - i, PLANES_MAX))
			return false;
	return true;
}

/* Planes only where they are clearly better: they cost more to open. */
static uint8_t
guess(struct codec_packer *p, const struct codec_segment *s)
{
	const size_t n = sample(s->plain, s->length, p->sample);
	enum level level;
	size_t bytes, two, four;

	if (all_even(p, n))
		return CODEC_BYTES;
	bytes = promise(p, p->sample, n, &level);
	two = promise_planes(p, CODEC_WIDTH2, n);
	four = promise_planes(p, CODEC_WIDTH4, n);
	if (bytes - bytes / 32 <= two && bytes - bytes / 32 <= four)
		return CODEC_BYTES;
	return two <= four ? CODEC_WIDTH2 : CODEC_WIDTH4;
}

/* What was kept of a segment so far, in p->best unless it is raw. */
struct kept {
	enum codec codec;
	size_t length;
};

static void
try_planes(struct codec_packer *p, const struct codec_segment *s, size_t width,
    struct kept *k)
{
	const size_t n = s->length;
	const size_t r = pack_planes(p, width, s->plain, n);

	if (r >= k->length ||
	    r > (p->effort == CODEC_MAX ? WORTH_MAX(n) : WORTH_PLANES(n)))
		return;
	memcpy(p->best, p->packed, r);
	k->length = r;
	k->codec = width == CODEC_WIDTH2 ? CODEC_PLANES2 : CODEC_PLANES4;
}

static void
try_bytes(struct codec_packer *p, const struct codec_segment *s, struct kept *k)
{
	const size_t n = s->length;
	const size_t r = pack_bytes(p, s->plain, n, p->packed);

	if (r >= k->length ||
	    r > (p->effort == CODEC_MAX ? WORTH_MAX(n) : WORTH(n)))
		return;
	memcpy(p->best, p->packed, r);
	k->length = r;
	k->codec = CODEC_ZSTD;
}

static void
try_auto(struct codec_packer *p, const struct codec_segment *s, struct kept *k)
{
	const uint8_t width = s->width == CODEC_GUESS ? guess(p, s) : s->width;

	if (width == CODEC_WIDTH2 || width == CODEC_WIDTH4)
		try_planes(p, s, width, k);
	if (k->codec == CODEC_RAW)
		try_bytes(p, s, k);
}

static void
try_all(struct codec_packer *p, const struct codec_segment *s, struct kept *k)
{
	try_bytes(p, s, k);
	if (s->width == CODEC_WIDTH2 || s->width == CODEC_GUESS)
		try_planes(p, s, CODEC_WIDTH2, k);
	if (s->width == CODEC_WIDTH4 || s->width == CODEC_GUESS)
		try_planes(p, s, CODEC_WIDTH4, k);
}

enum codec
codec_pack(struct codec_packer *p, const struct codec_segment *s, uint8_t *out,
    size_t *length)
{
	struct kept k = { CODEC_RAW, s->length };

	assert(s->length > 0 && s->length <= CODEC_SEGMENT);
	switch (p->effort) {
	case CODEC_OFF:
		break;
	case CODEC_AUTO:
		try_auto(p, s, &k);
		break;
	case CODEC_MAX:
		try_all(p, s, &k);
		break;
	}
	/* Not before all of it was read. */
	memmove(out, k.codec == CODEC_RAW ? s->plain : p->best, k.length);
	*length = k.length;
	return k.codec;
}
