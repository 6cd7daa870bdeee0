/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CODEC_H
#define WEIR_CODEC_H

#include <stddef.h>
#include <stdint.h>

#include "vault/owned.h"

/* Segment codecs (FORMAT.md, "Object").  2 and 3 are kept for byte planes. */
enum codec {
	CODEC_RAW = 0,
	CODEC_ZSTD = 1,
};

/* Whether this program opens codec number n. */
int codec_parse(enum codec *out, uint8_t n) MUST_USE;

/* Contexts are reused between segments, and wiped when freed; one thread at a
 * time. */
struct codec_packer;
struct codec_opener;

int codec_packer_new(struct codec_packer **out) MUST_USE;
void codec_packer_free(struct codec_packer *p);
OWNED_TYPE(codec_packer);

/*
 * Try to make n plain bytes (1 .. OBJECT_SEGMENT) smaller: out has room for
 * n bytes.  Returns the codec used and *length; CODEC_RAW copies.
 * Deterministic for one version of zstd.
 */
enum codec codec_pack(struct codec_packer *p, const uint8_t *plain, size_t n,
    uint8_t *out, size_t *length);

int codec_opener_new(struct codec_opener **out) MUST_USE;
void codec_opener_free(struct codec_opener *p);
OWNED_TYPE(codec_opener);

/* Unpack to exactly n plain bytes.  ERR_FORMAT. */
int codec_unpack(struct codec_opener *p, enum codec codec,
    const uint8_t *packed, size_t length, uint8_t *plain, size_t n) MUST_USE;

#endif
