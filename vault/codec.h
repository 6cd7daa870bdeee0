/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CODEC_H
#define WEIR_CODEC_H

#include <stddef.h>
#include <stdint.h>

#include "vault/owned.h"

/* Segment codecs (FORMAT.md, "Codecs"). */
enum codec {
	CODEC_RAW = 0,
	CODEC_ZSTD = 1,
	CODEC_PLANES2 = 2,
	CODEC_PLANES4 = 3,
};

/* How hard to try. */
enum codec_effort {
	CODEC_AUTO = 0, /* look at a sample, then do what promises to pay */
	CODEC_OFF,	/* all raw */
	CODEC_MAX,	/* try all there is, keep the smallest */
};

/* The bytes of a segment's elements, as the packer is told.  Anything but
 * these is taken for CODEC_BYTES. */
enum {
	CODEC_GUESS = 0, /* nobody knows: try what may be */
	CODEC_BYTES = 1,
	CODEC_WIDTH2 = 2,
	CODEC_WIDTH4 = 4,
};

/* Whether this program opens codec number n. */
int codec_parse(enum codec *out, uint8_t n) MUST_USE;

/* Contexts are reused between segments, and wiped when freed; one thread at a
 * time. */
struct codec_packer;
struct codec_opener;

int codec_packer_new(struct codec_packer **out, enum codec_effort effort)
    MUST_USE;
void codec_packer_free(struct codec_packer *p);
OWNED_TYPE(codec_packer);

/* A segment to be packed. */
struct codec_segment {
	const uint8_t *plain;
	size_t length; /* 1 .. OBJECT_SEGMENT */
	uint8_t width;
};

/*
 * Try to make a segment smaller: out has room for its plain length, and may be
 * where the segment lies, or before.  Returns the codec used and *length;
 * CODEC_RAW copies.  What comes out depends on the segment, the packer's effort
 * and zstd's version alone.
 */
enum codec codec_pack(struct codec_packer *p, const struct codec_segment *s,
    uint8_t *out, size_t *length);

int codec_opener_new(struct codec_opener **out) MUST_USE;
void codec_opener_free(struct codec_opener *p);
OWNED_TYPE(codec_opener);

/* Unpack to exactly n plain bytes (1 .. OBJECT_SEGMENT).  ERR_FORMAT; plain
 * may have been written to. */
int codec_unpack(struct codec_opener *p, enum codec codec,
    const uint8_t *packed, size_t length, uint8_t *plain, size_t n) MUST_USE;

#endif
