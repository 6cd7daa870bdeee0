/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/codec.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* For contexts in memory of ours, which the library exports. */
#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>

#include "vault/err.h"
#include "vault/secret.h"

/* Weights compress by their bytes' frequencies or not at all: higher levels
 * search longer and find nothing. */
#define LEVEL 1

/*
 * A segment is worth compressing when that saves an eighth.  Unpacking halves
 * the speed of a read; bf16 saves a fifth, f16 and f32 a fourteenth.
 */
#define WORTH(n) ((n) - (n) / 8)

#define WINDOW_MAX (128U << 10)

/* Of a zstd frame (RFC 8878, section 3.1.1.1). */
#define FRAME_MIN 6
#define SINGLE_SEGMENT 0x20
#define DICTIONARY 0x03

/* A context lives in one piece of memory, made with it and wiped with it: it
 * keeps what went through, and asks for no more later. */
struct workspace {
	void *bytes;
	size_t size;
};

struct codec_packer {
	ZSTD_CCtx *ctx;
	struct workspace memory;
};

struct codec_opener {
	ZSTD_DCtx *ctx;
	struct workspace memory;
};

static int
workspace_new(struct workspace *w, size_t size)
{
	w->bytes = malloc(size);
	w->size = size;
	return w->bytes != NULL ? 0 : ERR_NOMEM;
}

static void
workspace_wipe(struct workspace *w)
{
	if (w->bytes != NULL)
		secret_wipe(w->bytes, w->size);
	free(w->bytes);
}

int
codec_parse(enum codec *out, uint8_t n)
{
	switch (n) {
	case CODEC_RAW:
		*out = CODEC_RAW;
		return 0;
	case CODEC_ZSTD:
		*out = CODEC_ZSTD;
		return 0;
	default:
		return ERR_FORMAT;
	}
}

int
codec_packer_new(struct codec_packer **out)
{
	OWNED(codec_packer) p = calloc(1, sizeof(*p));

	if (p == NULL ||
	    workspace_new(&p->memory, ZSTD_estimateCCtxSize(LEVEL)) != 0)
		return ERR_NOMEM;
	p->ctx = ZSTD_initStaticCCtx(p->memory.bytes, p->memory.size);
	assert(p->ctx != NULL);
	*out = p;
	p = NULL;
	return 0;
}

void
codec_packer_free(struct codec_packer *p)
{
	if (p == NULL)
		return;
	workspace_wipe(&p->memory);
	free(p);
}

enum codec
codec_pack(struct codec_packer *p, const uint8_t *plain, size_t n, uint8_t *out,
    size_t *length)
{
	size_t r = ZSTD_compressCCtx(p->ctx, out, WORTH(n), plain, n, LEVEL);

	if (!ZSTD_isError(r) && r < n) {
		*length = r;
		return CODEC_ZSTD;
	}
	memcpy(out, plain, n);
	*length = n;
	return CODEC_RAW;
}

int
codec_opener_new(struct codec_opener **out)
{
	OWNED(codec_opener) p = calloc(1, sizeof(*p));

	if (p == NULL ||
	    workspace_new(&p->memory, ZSTD_estimateDCtxSize()) != 0)
		return ERR_NOMEM;
	p->ctx = ZSTD_initStaticDCtx(p->memory.bytes, p->memory.size);
	assert(p->ctx != NULL);
	*out = p;
	p = NULL;
	return 0;
}

void
codec_opener_free(struct codec_opener *p)
{
	if (p == NULL)
		return;
	workspace_wipe(&p->memory);
	free(p);
}

/*
 * One frame and nothing else, without a dictionary, with the content size
 * told and a small window.  zstd itself would take several frames, frames to
 * be skipped, and any window.
 */
static bool
frame_ok(const uint8_t *packed, size_t length, size_t n)
{
	static const uint8_t magic[4] = { 0x28, 0xb5, 0x2f, 0xfd };
	uint64_t window;

	if (length < FRAME_MIN || memcmp(packed, magic, sizeof(magic)) != 0)
		return false;
	if ((packed[4] & DICTIONARY) != 0)
		return false;
	if ((packed[4] & SINGLE_SEGMENT) == 0) {
		window = UINT64_C(1) << (10 + (packed[5] >> 3));
		window += window / 8 * (packed[5] & 7);
		if (window > WINDOW_MAX)
			return false;
	}
	return ZSTD_getFrameContentSize(packed, length) == n &&
	    ZSTD_findFrameCompressedSize(packed, length) == length;
}

int
codec_unpack(struct codec_opener *p, enum codec codec, const uint8_t *packed,
    size_t length, uint8_t *plain, size_t n)
{
	switch (codec) {
	case CODEC_RAW:
		if (length != n)
			return ERR_FORMAT;
		memcpy(plain, packed, n);
		return 0;
	case CODEC_ZSTD:
		if (!frame_ok(packed, length, n) ||
		    ZSTD_decompressDCtx(p->ctx, plain, n, packed, length) != n)
			return ERR_FORMAT;
		return 0;
	}
	return ERR_FORMAT;
}
