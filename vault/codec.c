/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/codec.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* For contexts in memory of ours, which the library exports. */
#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>

#include "vault/codec_parts.h"
#include "vault/err.h"
#include "vault/secret.h"

#define WINDOW_MAX (128U << 10)

/* Of a zstd frame (RFC 8878, section 3.1.1.1). */
#define FRAME_MIN 6
#define SINGLE_SEGMENT 0x20
#define DICTIONARY 0x03

struct codec_opener {
	ZSTD_DCtx *ctx;
	struct codec_workspace memory;
	uint8_t planes[CODEC_SEGMENT]; /* those that were compressed */
};

int
codec_workspace_new(struct codec_workspace *w, size_t size)
{
	w->bytes = malloc(size);
	w->size = size;
	return w->bytes != NULL ? 0 : ERR_NOMEM;
}

void
codec_workspace_wipe(struct codec_workspace *w)
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
	case CODEC_ZSTD:
	case CODEC_PLANES2:
	case CODEC_PLANES4:
		*out = (enum codec)n;
		return 0;
	default:
		return ERR_FORMAT;
	}
}

int
codec_opener_new(struct codec_opener **out)
{
	OWNED(codec_opener) p = calloc(1, sizeof(*p));

	if (p == NULL ||
	    codec_workspace_new(&p->memory, ZSTD_estimateDCtxSize()) != 0)
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
	codec_workspace_wipe(&p->memory);
	secret_wipe(p->planes, sizeof(p->planes));
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

static int
unpack_frame(struct codec_opener *p, const uint8_t *packed, size_t length,
    uint8_t *plain, size_t n)
{
	if (!frame_ok(packed, length, n) ||
	    ZSTD_decompressDCtx(p->ctx, plain, n, packed, length) != n)
		return ERR_FORMAT;
	return 0;
}

/* Raw planes are merged from where they are. */
static int
unpack_planes(struct codec_opener *p, size_t width, const uint8_t *packed,
    size_t length, uint8_t *plain, size_t n)
{
	const uint8_t *planes[PLANES_MAX] = { NULL };
	size_t at = CODEC_PLANES_HEAD(width), room = 0;

	if (length < at || n > CODEC_SEGMENT)
		return ERR_FORMAT;
	for (size_t i = 0; i < width; i++) {
		const size_t size = planes_size(n, width, i);
		const size_t told = (size_t)(packed[2 * i] |
		    packed[2 * i + 1] << 8);

		if (told > size || told > length - at)
			return ERR_FORMAT;
		planes[i] = packed + at;
		if (told < size) {
			planes[i] = p->planes + room;
			if (unpack_frame(p, packed + at, told, p->planes + room,
				size) != 0)
				return ERR_FORMAT;
			room += size;
		}
		at += told;
	}
	if (at != length)
		return ERR_FORMAT;
	planes_merge(width, planes, n, plain);
	return 0;
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
		return unpack_frame(p, packed, length, plain, n);
	case CODEC_PLANES2:
		return unpack_planes(p, 2, packed, length, plain, n);
	case CODEC_PLANES4:
		return unpack_planes(p, 4, packed, length, plain, n);
	}
	return ERR_FORMAT;
}
