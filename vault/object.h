/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_OBJECT_H
#define WEIR_OBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/codec.h"
#include "vault/digest.h"
#include "vault/lanes.h"
#include "vault/owned.h"
#include "vault/secret.h"
#include "vault/writer.h"

/*
 * Objects: sealing, naming, checking and opening (FORMAT.md, "Object").
 * Bytes in, bytes out; no I/O.  Pure functions of their arguments but for
 * random salts; safe from any thread on objects of its own.
 */

enum object_type {
	OBJECT_CHUNK = 1,
	OBJECT_MANIFEST = 2,
	OBJECT_MANIFEST_PAGE = 3,
	OBJECT_LOCKBOX_PAGE = 4,
	OBJECT_TENSOR_INDEX = 5,
};

#define OBJECT_SEGMENT 65536
#define OBJECT_BLOCK 32768
#define OBJECT_CHUNK_MAX (4U << 20)
#define OBJECT_CHUNK_SEGMENTS (OBJECT_CHUNK_MAX / OBJECT_SEGMENT)
#define OBJECT_HEADER_MAX (128U << 10)
#define OBJECT_HEADER_FIXED 104 /* bytes before the segment rows */
#define OBJECT_TAG 16

/* The largest plain length of a type. */
uint64_t object_limit(enum object_type type);

/* A parsed header: what a reader needs to fetch and open segments. */
struct object_segment {
	enum codec codec;
	uint32_t plain_length;
	uint32_t sealed_length;
	uint64_t body_offset; /* of its sealed bytes, from the body's start */
	uint8_t tag[OBJECT_TAG];
	struct digest blocks[2]; /* ceil(sealed_length / OBJECT_BLOCK) used */
};

struct object {
	enum object_type type;
	uint64_t index;
	uint64_t plain_length;
	uint64_t body_length;
	uint32_t header_length;
	uint32_t segment_count;
	struct digest name;
	uint8_t salt[32];
	uint8_t commitment[32];
	struct object_segment segments[]; /* segment_count */
};

/*
 * The header length that the first OBJECT_HEADER_FIXED bytes state, for a
 * reader who fetches the rest.  ERR_FORMAT.
 */
int object_peek(const uint8_t fixed[static OBJECT_HEADER_FIXED],
    uint32_t *header_length) MUST_USE;

/*
 * Parse header bytes (exactly the header).  Checks H(header) against name
 * first (ERR_INTEGRITY), then the fields (ERR_FORMAT, ERR_LIMIT), that the
 * type is the one wanted (ERR_INTEGRITY).  name may be NULL only for
 * tools that list what lies in a store.  The caller frees.
 */
int object_parse(struct object **out, const void *header, size_t length,
    enum object_type type, const struct digest *name) MUST_USE;
void object_free(struct object *o);
OWNED_TYPE(object);

/* What a key gives for opening: an AES key and the commitment checked. */
struct object_opener;

/*
 * Ready to open segments of o under key.  ERR_INTEGRITY if the commitment is
 * another key's.  o is borrowed and must outlive the opener.  An opener is
 * for one thread at a time.
 */
int object_opener_new(struct object_opener **out, const struct object *o,
    const uint8_t key[static KEY_SIZE]) MUST_USE;
void object_opener_free(struct object_opener *p);
OWNED_TYPE(object_opener);

/*
 * Check and open one segment: sealed has its sealed_length bytes, plain has
 * room for its plain_length.  Every block digest and the tag are checked
 * before plain is handed out; on failure plain is wiped.  ERR_INTEGRITY.
 */
int object_open_segment(struct object_opener *p, uint32_t segment,
    const uint8_t *sealed, uint8_t *plain) MUST_USE;

/*
 * Segments one behind another, their bytes, and where each is to be opened to:
 * a raw one can be where its sealed bytes are.
 *
 * Where only bytes from .. to of the object are wanted, blocks of raw segments
 * that hold none of them are not hashed.  Nothing is handed out of these: they
 * are wiped once the tag, which is over all of the segment, was checked.
 */
struct object_run {
	uint32_t first;
	uint32_t count;		      /* > 0 */
	const uint8_t *const *sealed; /* of each: its sealed_length bytes */
	uint8_t *const *plain;	      /* of each: room for its plain_length */
	uint32_t from;
	uint32_t to; /* 0: all is wanted */
};
#define OBJECT_RUN_MAX 64

/* Whether block b of segment i (of the object) is hashed. */
bool object_run_hashes(const struct object *o, const struct object_run *run,
    uint32_t i, uint32_t b);

/*
 * The same for a run: the blocks of all of them are hashed side by side, and
 * compared, before the first is opened.  On failure all of plain is wiped.
 * At most OBJECT_RUN_MAX segments.  l as in lanes.h.
 */
int object_open_run(struct object_opener *p, struct lanes *l,
    const struct object_run *run) MUST_USE;

/* Check the block digests of a run's sealed bytes without a key; plain is not
 * looked at.  ERR_INTEGRITY. */
int object_check_run(const struct object *o, struct lanes *l,
    const struct object_run *run) MUST_USE;
/* The same for a whole body, whose length must fit too. */
int object_check_body(const struct object *o, struct lanes *l,
    const uint8_t *body, size_t length) MUST_USE;

/* Open a whole small object (a page).  *plain is plain_length bytes, which
 * the caller wipes and frees.  ERR_INTEGRITY also for another length. */
int object_open(const struct object *o, const uint8_t key[static KEY_SIZE],
    const uint8_t *body, size_t length, uint8_t **plain) MUST_USE;

/*
 * A payload prepared for sealing: compressed segment by segment into a
 * private buffer, from which digest and seal both read.
 */
struct object_payload;

/* plain: length bytes, 1 .. limit of the type (else ERR_LIMIT). */
int object_payload_new(struct object_payload **out, enum object_type type,
    uint64_t index, const void *plain, size_t length) MUST_USE;
/*
 * A chunk's, with what is known about it: packed where its bytes lie, and
 * sealed there by object_seal_chunks.  They stay the caller's, who leaves them
 * alone while the payload lives, as OBJECT_CHUNK_HEAD bytes before them, which
 * are for the header.
 */
#define OBJECT_CHUNK_HEAD 5760
struct object_plain {
	uint8_t *bytes;
	size_t length; /* as above */
	struct codec_packer *packer;
	const uint8_t *widths; /* of each segment's elements (codec.h);
				     NULL: CODEC_BYTES */
};
int object_payload_over(struct object_payload **out,
    const struct object_plain *plain) MUST_USE;
/* Wipes what is not sealed; of a caller's bytes, too. */
void object_payload_free(struct object_payload *p);
OWNED_TYPE(object_payload);

/* FORMAT.md, "Chunk keys".  l as in lanes.h.  ERR_NOMEM. */
int object_sealing_digest(struct digest *out, struct object_payload *p,
    struct lanes *l) MUST_USE;
/* Of n of them, whose blocks are hashed side by side: those of one small chunk
 * do not fill the lanes. */
int object_sealing_digests(struct digest *out, struct object_payload *const *p,
    size_t n, struct lanes *l) MUST_USE;

/*
 * Seal under key: the header and then the body are appended to w (one
 * buffer, ready to store).  salt is zeros for a chunk.  *name is
 * H(header), *header_length where the body starts.  The payload can only
 * be freed after: no key seals twice.  l as in lanes.h.  ERR_LIMIT when w
 * has no room, ERR_NOMEM.
 */
int object_seal(struct object_payload *p, const uint8_t key[static KEY_SIZE],
    const uint8_t salt[static 32], struct lanes *l, struct writer *w,
    struct digest *name, uint32_t *header_length) MUST_USE;

/*
 * The same for n chunks from object_payload_over, each in place, their blocks
 * hashed side by side.  On failure they can only be freed.  ERR_NOMEM.
 */
struct object_sealing {
	struct object_payload *payload;
	const uint8_t *key; /* KEY_SIZE bytes */

	struct digest name;   /* set, as what follows: */
	const uint8_t *bytes; /* header and body, while the caller's last */
	size_t length;
	uint32_t header_length;
};
int object_seal_chunks(struct object_sealing *s, size_t n, struct lanes *l)
    MUST_USE;

/* Key derivations of FORMAT.md; out is 32 bytes. */
void object_chunk_key(uint8_t out[static KEY_SIZE], const struct family_key *f,
    const struct digest *sealing);
int object_manifest_key(struct page_key **out, const struct version_key *v)
    MUST_USE;
int object_lockbox_key(struct page_key **out, const struct version_key *v)
    MUST_USE;
void object_page_key(uint8_t out[static KEY_SIZE], const struct page_key *k,
    enum object_type type, uint64_t index, const uint8_t salt[static 32]);

/* Seal a page (any type but chunk) under k with a fresh random salt:
 * payload, key, seal in one. */
int object_seal_page(const struct page_key *k, enum object_type type,
    uint64_t index, const void *plain, size_t length, struct writer *w,
    struct digest *name) MUST_USE;
/* The other half: key from k and the header's salt, then object_open. */
int object_open_page(const struct object *o, const struct page_key *k,
    const uint8_t *body, size_t length, uint8_t **plain) MUST_USE;

#endif
