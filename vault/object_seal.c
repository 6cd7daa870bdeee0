/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/object.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "vault/err.h"
#include "vault/gcm.h"
#include "vault/object_parts.h"

#define SEGMENTS_MAX ((64U << 20) / OBJECT_SEGMENT)

static_assert(OBJECT_CHUNK_HEAD >= OBJECT_HEADER_FIXED +
	    OBJECT_CHUNK_SEGMENTS *
		(OBJECT_ROW_FIXED + OBJECT_SEGMENT_BLOCKS * DIGEST_SIZE),
    "a chunk's header fits before it");

/* Blocks that are hashed side by side: as many as there are lanes, while their
 * bytes are near still. */
#define BLOCKS 16

struct blocks {
	struct lanes *lanes;
	size_t count;
	struct lanes_bytes in[BLOCKS];
	struct digest *out[BLOCKS];
};

struct object_payload {
	struct object *o; /* filled as far as is known */
	uint8_t *bytes;	  /* to be sealed: o->body_length of them */
	size_t capacity;
	bool borrowed; /* the bytes are the caller's */
	bool sealed;   /* or it was tried */
	bool in_place; /* the bytes are sealed ones */
};

/* Compress each segment of p->bytes behind the one before, in the same place:
 * what is written never gets ahead of what is read. */
static void
pack(struct object_payload *p, const struct object_plain *plain)
{
	struct object *o = p->o;

	for (uint32_t i = 0; i < o->segment_count; i++) {
		struct object_segment *s = &o->segments[i];
		const struct codec_segment in = {
			.plain = p->bytes + (size_t)i * OBJECT_SEGMENT,
			.length = object_segment_length(o->plain_length, i),
			.width = plain->widths != NULL ? plain->widths[i] :
							 CODEC_BYTES,
		};
		size_t n;

		s->plain_length = (uint32_t)in.length;
		s->body_offset = o->body_length;
		s->codec = codec_pack(plain->packer, &in,
		    p->bytes + o->body_length, &n);
		s->sealed_length = (uint32_t)n;
		o->body_length += n;
	}
}

/* Takes over plain's bytes, unless they are borrowed. */
static int
payload_new(struct object_payload **out, enum object_type type, uint64_t index,
    const struct object_plain *plain, bool borrowed)
{
	OWNED(object_payload) p = calloc(1, sizeof(*p));
	uint32_t segments = object_segments(plain->length);

	if (p == NULL) {
		secret_wipe(plain->bytes, plain->length);
		if (!borrowed)
			free(plain->bytes);
		return ERR_NOMEM;
	}
	p->bytes = plain->bytes;
	p->capacity = plain->length;
	p->borrowed = borrowed;
	p->o = calloc(1, sizeof(*p->o) + segments * sizeof(*p->o->segments));
	if (p->o == NULL)
		return ERR_NOMEM;
	p->o->type = type;
	p->o->index = index;
	p->o->plain_length = plain->length;
	p->o->segment_count = segments;
	pack(p, plain);
	*out = p;
	p = NULL;
	return 0;
}

int
object_payload_new(struct object_payload **out, enum object_type type,
    uint64_t index, const void *plain, size_t length)
{
	OWNED(codec_packer) packer = NULL;
	struct object_plain p = { .length = length };
	int err;

	if (length == 0 || length > object_limit(type))
		return ERR_LIMIT;
	err = codec_packer_new(&packer, CODEC_AUTO);
	if (err != 0)
		return err;
	p.packer = packer;
	p.bytes = malloc(length);
	if (p.bytes == NULL)
		return ERR_NOMEM;
	memcpy(p.bytes, plain, length);
	return payload_new(out, type, index, &p, false);
}

int
object_payload_over(struct object_payload **out,
    const struct object_plain *plain)
{
	assert(plain->length > 0 && plain->length <= OBJECT_CHUNK_MAX);
	return payload_new(out, OBJECT_CHUNK, 0, plain, true);
}

void
object_payload_free(struct object_payload *p)
{
	size_t sealed;

	if (p == NULL)
		return;
	sealed = p->in_place ? p->o->body_length : 0;
	if (p->bytes != NULL)
		secret_wipe(p->bytes + sealed, p->capacity - sealed);
	if (!p->borrowed)
		free(p->bytes);
	object_free(p->o);
	free(p);
}

static void
blocks_hash(struct blocks *b)
{
	struct digest found[BLOCKS];

	lanes_digest(b->lanes, b->in, b->count, found);
	for (size_t i = 0; i < b->count; i++)
		*b->out[i] = found[i];
	b->count = 0;
}

/* The digests of s's blocks in these bytes are wanted; s->blocks has them after
 * the next blocks_hash. */
static void
blocks_add(struct blocks *b, struct object_segment *s, const uint8_t *bytes)
{
	const size_t n = object_block_bytes(&b->in[b->count], s, bytes);

	for (size_t i = 0; i < n; i++)
		b->out[b->count + i] = &s->blocks[i];
	b->count += n;
	if (b->count + OBJECT_SEGMENT_BLOCKS > BLOCKS)
		blocks_hash(b);
}

/* The digest over the fields and the blocks' digests. */
static int
digest_fields(struct digest *out, const struct object *o)
{
	static const char domain[] = "weir sealing v2";
	uint8_t head[sizeof(domain) - 1 + 24 + 9 * SEGMENTS_MAX], *at = head;
	OWNED(digester) d = NULL;

	if (digester_new(&d) != 0)
		return ERR_NOMEM;
	memcpy(at, domain, sizeof(domain) - 1);
	at = object_put(at + sizeof(domain) - 1, OBJECT_VERSION, 2);
	at = object_put(at, o->type, 1);
	at = object_put(at, OBJECT_SUITE, 1);
	at = object_put(at, o->index, 8);
	at = object_put(at, o->plain_length, 8);
	at = object_put(at, o->segment_count, 4);
	for (uint32_t i = 0; i < o->segment_count; i++) {
		at = object_put(at, o->segments[i].codec, 1);
		at = object_put(at, o->segments[i].plain_length, 4);
		at = object_put(at, o->segments[i].sealed_length, 4);
	}
	digester_add(d, head, (size_t)(at - head));
	for (uint32_t i = 0; i < o->segment_count; i++) {
		const struct object_segment *s = &o->segments[i];

		digester_add(d, s->blocks,
		    object_blocks(s->sealed_length) * sizeof(s->blocks[0]));
	}
	*out = digester_end(d);
	return 0;
}

int
object_sealing_digests(struct digest *out, struct object_payload *const *p,
    size_t n, struct lanes *l)
{
	struct blocks b = { .lanes = l };
	int err = 0;

	for (size_t i = 0; i < n; i++) {
		struct object *o = p[i]->o;

		assert(!p[i]->sealed);
		for (uint32_t s = 0; s < o->segment_count; s++)
			blocks_add(&b, &o->segments[s],
			    p[i]->bytes + o->segments[s].body_offset);
	}
	blocks_hash(&b);
	for (size_t i = 0; i < n && err == 0; i++)
		err = digest_fields(&out[i], p[i]->o);
	return err;
}

int
object_sealing_digest(struct digest *out, struct object_payload *p,
    struct lanes *l)
{
	return object_sealing_digests(out, &p, 1, l);
}

/* Seal segment i to where it belongs in body; keep its tag. */
static int
seal_segment(struct object_payload *p, struct gcm *gcm, uint32_t i,
    uint8_t *body)
{
	struct object_segment *s = &p->o->segments[i];
	uint8_t aad[OBJECT_AAD];
	struct gcm_message m = {
		.aad = aad,
		.aad_length = sizeof(aad),
		.in = p->bytes + s->body_offset,
		.out = body + s->body_offset,
		.length = s->sealed_length,
	};
	int err;

	object_nonce(m.nonce, i);
	object_aad(aad, p->o, i);
	err = gcm_seal(gcm, &m);
	if (err == 0)
		memcpy(s->tag, m.tag, sizeof(s->tag));
	return err;
}

/* The blocks' digests stand after blocks_hash. */
static int
seal_body(struct object_payload *p, const uint8_t key[static KEY_SIZE],
    struct blocks *b, uint8_t *body)
{
	SECRET(uint8_t, okm, 64);
	OWNED(gcm) gcm = NULL;
	struct object *o = p->o;
	int err;

	assert(!p->sealed);
	p->sealed = true;
	object_okm(okm, key, o->type);
	memcpy(o->commitment, okm + OBJECT_OKM_COMMITMENT,
	    sizeof(o->commitment));
	err = gcm_sealer_new(&gcm, okm);
	for (uint32_t i = 0; i < o->segment_count && err == 0; i++) {
		struct object_segment *s = &o->segments[i];

		err = seal_segment(p, gcm, i, body);
		if (err == 0)
			blocks_add(b, s, body + s->body_offset);
	}
	return err;
}

static uint32_t
header_length_of(const struct object *o)
{
	uint32_t n = OBJECT_HEADER_FIXED;

	for (uint32_t i = 0; i < o->segment_count; i++)
		n += OBJECT_ROW_FIXED +
		    object_blocks(o->segments[i].sealed_length) * DIGEST_SIZE;
	return n;
}

static uint8_t *
put_bytes(uint8_t *at, const void *bytes, size_t n)
{
	memcpy(at, bytes, n);
	return at + n;
}

static void
write_header(const struct object *o, uint8_t *header)
{
	uint8_t *at = put_bytes(header, OBJECT_MAGIC, 8);

	at = object_put(at, OBJECT_VERSION, 2);
	at = object_put(at, o->type, 1);
	at = object_put(at, OBJECT_SUITE, 1);
	at = object_put(at, o->header_length, 4);
	at = object_put(at, o->index, 8);
	at = object_put(at, o->plain_length, 8);
	at = object_put(at, o->segment_count, 4);
	at = object_put(at, 0, 4);
	at = put_bytes(at, o->salt, sizeof(o->salt));
	at = put_bytes(at, o->commitment, sizeof(o->commitment));
	for (uint32_t i = 0; i < o->segment_count; i++) {
		const struct object_segment *s = &o->segments[i];

		at = object_put(at, s->codec, 1);
		at = object_put(at, 0, 3);
		at = object_put(at, s->sealed_length, 4);
		at = put_bytes(at, s->tag, sizeof(s->tag));
		at = put_bytes(at, s->blocks,
		    object_blocks(s->sealed_length) * sizeof(s->blocks[0]));
	}
	assert(at == header + o->header_length);
}

int
object_seal(struct object_payload *p, const uint8_t key[static KEY_SIZE],
    const uint8_t salt[static 32], struct lanes *l, struct writer *w,
    struct digest *name, uint32_t *header_length)
{
	struct object *o = p->o;
	struct blocks b = { .lanes = l };
	const size_t start = w->length;
	uint8_t *header;
	int err;

	o->header_length = header_length_of(o);
	if (o->header_length + o->body_length > w->max - w->length)
		return ERR_LIMIT;
	header = writer_room(w, o->header_length + o->body_length);
	if (header == NULL)
		return ERR_NOMEM;
	memcpy(o->salt, salt, sizeof(o->salt));
	err = seal_body(p, key, &b, header + o->header_length);
	if (err != 0) {
		w->length = start;
		return err;
	}
	blocks_hash(&b);
	write_header(o, header);
	*name = digest_of(header, o->header_length);
	*header_length = o->header_length;
	return 0;
}

/* The header of a body that is sealed in place. */
static void
seal_head(struct object_sealing *s)
{
	struct object_payload *p = s->payload;
	struct object *o = p->o;
	uint8_t *header = p->bytes - header_length_of(o);

	o->header_length = header_length_of(o);
	write_header(o, header);
	p->in_place = true;
	s->bytes = header;
	s->length = o->header_length + o->body_length;
	s->header_length = o->header_length;
	s->name = digest_of(header, o->header_length);
}

int
object_seal_chunks(struct object_sealing *s, size_t n, struct lanes *l)
{
	struct blocks b = { .lanes = l };
	int err = 0;

	for (size_t i = 0; i < n && err == 0; i++) {
		assert(s[i].payload->borrowed);
		err = seal_body(s[i].payload, s[i].key, &b,
		    s[i].payload->bytes);
	}
	if (err != 0)
		return err;
	blocks_hash(&b);
	for (size_t i = 0; i < n; i++)
		seal_head(&s[i]);
	return 0;
}

int
object_seal_page(const struct page_key *k, enum object_type type,
    uint64_t index, const void *plain, size_t length, struct writer *w,
    struct digest *name)
{
	OWNED(object_payload) p = NULL;
	SECRET(uint8_t, key, 32);
	uint8_t salt[32];
	uint32_t header_length;
	int err;

	assert(type != OBJECT_CHUNK);
	err = object_payload_new(&p, type, index, plain, length);
	if (err != 0)
		return err;
	randombytes_buf(salt, sizeof(salt));
	object_page_key(key, k, type, index, salt);
	return object_seal(p, key, salt, NULL, w, name, &header_length);
}
