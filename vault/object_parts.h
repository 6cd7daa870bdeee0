/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_OBJECT_PARTS_H
#define WEIR_OBJECT_PARTS_H

#include "vault/object.h"

/* What sealing and opening share; for object*.c alone. */

#define OBJECT_MAGIC "weirobj\n"
#define OBJECT_VERSION 1
#define OBJECT_SUITE 1 /* AES-256-GCM, HKDF-SHA-256, blocks by SHA-256 */

#define OBJECT_ROW_FIXED 24 /* of a segment's row, before the digests */

/* The bytes that a key of an object gives: an AES key and the commitment. */
#define OBJECT_OKM 64
#define OBJECT_OKM_COMMITMENT 32 /* where it begins */
void object_okm(uint8_t okm[static OBJECT_OKM],
    const uint8_t key[static KEY_SIZE], enum object_type type);

/* The AAD of segment i of o: its type, index, lengths and codec. */
#define OBJECT_AAD 44
void object_aad(uint8_t aad[static OBJECT_AAD], const struct object *o,
    uint32_t i);

/* The nonce of segment i. */
#define OBJECT_NONCE 12
void object_nonce(uint8_t nonce[static OBJECT_NONCE], uint32_t i);

/* Of a plain or sealed length: its segments, its blocks. */
uint32_t object_segments(uint64_t plain_length);
uint32_t object_blocks(uint32_t sealed_length);

/* The blocks of a segment's sealed bytes, to be hashed; returns how many. */
#define OBJECT_SEGMENT_BLOCKS (OBJECT_SEGMENT / OBJECT_BLOCK)
size_t object_block_bytes(struct lanes_bytes in[static OBJECT_SEGMENT_BLOCKS],
    const struct object_segment *s, const uint8_t *sealed);

/* The plain length of segment i. */
uint32_t object_segment_length(uint64_t plain_length, uint32_t i);

/* v as little-endian bytes; returns where the next may stand. */
uint8_t *object_put(uint8_t *at, uint64_t v, size_t n);

#endif
