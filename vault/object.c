/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/object.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "vault/err.h"
#include "vault/object_parts.h"
#include "vault/reader.h"
#include "vault/size.h"

#define PAGE_MAX (1U << 20)
#define TABLE_MAX (64U << 20)

#define ROW_MIN (OBJECT_ROW_FIXED + DIGEST_SIZE)
#define HEADER_MIN (OBJECT_HEADER_FIXED + ROW_MIN)

uint64_t
object_limit(enum object_type type)
{
	switch (type) {
	case OBJECT_CHUNK:
		return OBJECT_CHUNK_MAX;
	case OBJECT_MANIFEST:
	case OBJECT_TENSOR_INDEX:
		return TABLE_MAX;
	case OBJECT_MANIFEST_PAGE:
	case OBJECT_LOCKBOX_PAGE:
		return PAGE_MAX;
	}
	return 0;
}

uint32_t
object_segments(uint64_t plain_length)
{
	return (uint32_t)size_units(plain_length, OBJECT_SEGMENT);
}

uint32_t
object_blocks(uint32_t sealed_length)
{
	return (uint32_t)size_units(sealed_length, OBJECT_BLOCK);
}

size_t
object_block_bytes(struct lanes_bytes in[static OBJECT_SEGMENT_BLOCKS],
    const struct object_segment *s, const uint8_t *sealed)
{
	size_t count = object_blocks(s->sealed_length);

	for (size_t b = 0; b < count; b++) {
		size_t left = s->sealed_length - b * OBJECT_BLOCK;

		in[b].at = sealed + b * OBJECT_BLOCK;
		in[b].length = left < OBJECT_BLOCK ? left : OBJECT_BLOCK;
	}
	return count;
}

uint32_t
object_segment_length(uint64_t plain_length, uint32_t i)
{
	uint64_t left = plain_length - (uint64_t)i * OBJECT_SEGMENT;

	return left < OBJECT_SEGMENT ? (uint32_t)left : OBJECT_SEGMENT;
}

uint8_t *
object_put(uint8_t *at, uint64_t v, size_t n)
{
	for (; n > 0; n--, v >>= 8)
		*at++ = (uint8_t)(v & 0xff);
	return at;
}

void
object_okm(uint8_t okm[static OBJECT_OKM], const uint8_t key[static KEY_SIZE],
    enum object_type type)
{
	static const char domain[] = "weir object v1";
	uint8_t info[sizeof(domain) - 1 + 2];

	memcpy(info, domain, sizeof(domain) - 1);
	info[sizeof(domain) - 1] = (uint8_t)type;
	info[sizeof(domain)] = OBJECT_SUITE;
	digest_hkdf_expand(okm, OBJECT_OKM, key, info, sizeof(info));
}

void
object_aad(uint8_t aad[static OBJECT_AAD], const struct object *o, uint32_t i)
{
	static const char domain[] = "weir segment v1";
	const struct object_segment *s = &o->segments[i];
	uint8_t *at = aad;

	memcpy(at, domain, sizeof(domain) - 1);
	at += sizeof(domain) - 1;
	at = object_put(at, OBJECT_VERSION, 2);
	at = object_put(at, o->type, 1);
	at = object_put(at, OBJECT_SUITE, 1);
	at = object_put(at, o->index, 8);
	at = object_put(at, o->plain_length, 8);
	at = object_put(at, i, 4);
	at = object_put(at, s->codec, 1);
	at = object_put(at, s->plain_length, 4);
	assert(at == aad + OBJECT_AAD);
}

void
object_nonce(uint8_t nonce[static OBJECT_NONCE], uint32_t i)
{
	object_put(nonce, i, OBJECT_NONCE);
}

/* Magic, version, type, suite: what a reader of this version knows. */
static int
parse_kind(struct reader *r)
{
	uint8_t type;

	reader_expect(r, OBJECT_MAGIC, 8);
	if (reader_u16(r) != OBJECT_VERSION)
		reader_fail(r);
	type = reader_u8(r);
	if (type < OBJECT_CHUNK || type > OBJECT_TENSOR_INDEX)
		reader_fail(r);
	if (reader_u8(r) != OBJECT_SUITE)
		reader_fail(r);
	return type;
}

int
object_peek(const uint8_t fixed[static OBJECT_HEADER_FIXED],
    uint32_t *header_length)
{
	struct reader r = reader_of(fixed, OBJECT_HEADER_FIXED);
	uint32_t n;

	parse_kind(&r);
	n = reader_u32(&r);
	if (!reader_ok(&r) || n < HEADER_MIN || n > OBJECT_HEADER_MAX)
		return ERR_FORMAT;
	*header_length = n;
	return 0;
}

/* The fixed part of a header, checked as far as it can be by itself. */
static int
parse_fixed(struct object *o, struct reader *r)
{
	static const uint8_t zero[32];

	o->type = (enum object_type)parse_kind(r);
	o->header_length = reader_u32(r);
	o->index = reader_u64(r);
	o->plain_length = reader_u64(r);
	o->segment_count = reader_u32(r);
	if (reader_u32(r) != 0)
		reader_fail(r);
	reader_copy(r, o->salt, sizeof(o->salt));
	reader_copy(r, o->commitment, sizeof(o->commitment));
	if (!reader_ok(r))
		return ERR_FORMAT;
	if (o->plain_length > object_limit(o->type))
		return ERR_LIMIT;
	if (o->plain_length == 0 ||
	    o->segment_count != object_segments(o->plain_length))
		return ERR_FORMAT;
	if (o->type == OBJECT_CHUNK && memcmp(o->salt, zero, 32) != 0)
		return ERR_FORMAT;
	if (o->index != 0 && o->type != OBJECT_MANIFEST_PAGE &&
	    o->type != OBJECT_LOCKBOX_PAGE)
		return ERR_FORMAT;
	return 0;
}

static void
parse_row(struct object *o, uint32_t i, struct reader *r)
{
	struct object_segment *s = &o->segments[i];
	uint8_t codec = reader_u8(r);

	for (int zero = 0; zero < 3; zero++)
		if (reader_u8(r) != 0)
			reader_fail(r);
	s->plain_length = object_segment_length(o->plain_length, i);
	s->sealed_length = reader_u32(r);
	s->body_offset = o->body_length;
	reader_copy(r, s->tag, sizeof(s->tag));
	if (codec_parse(&s->codec, codec) != 0 || s->sealed_length == 0 ||
	    s->sealed_length > s->plain_length ||
	    (s->codec == CODEC_RAW && s->sealed_length != s->plain_length)) {
		reader_fail(r);
		return;
	}
	for (uint32_t b = 0; b < object_blocks(s->sealed_length); b++)
		reader_copy(r, s->blocks[b].bytes, DIGEST_SIZE);
	o->body_length += s->sealed_length;
}

int
object_parse(struct object **out, const void *header, size_t length,
    enum object_type type, const struct digest *name)
{
	struct digest found = digest_of(header, length);
	struct reader r = reader_of(header, length);
	struct object fixed = { .name = found };
	OWNED(object) o = NULL;
	int err;

	if (name != NULL && !digest_equal(name, &found))
		return ERR_INTEGRITY;
	if (length > OBJECT_HEADER_MAX)
		return ERR_LIMIT;
	err = parse_fixed(&fixed, &r);
	if (err != 0)
		return err;
	if (fixed.header_length != length ||
	    fixed.segment_count > r.left / ROW_MIN)
		return ERR_FORMAT;

	o = calloc(1, sizeof(*o) + fixed.segment_count * sizeof(*o->segments));
	if (o == NULL)
		return ERR_NOMEM;
	*o = fixed;
	for (uint32_t i = 0; i < o->segment_count; i++)
		parse_row(o, i, &r);
	if (!reader_end(&r))
		return ERR_FORMAT;
	if (o->type != type)
		return ERR_INTEGRITY;
	*out = o;
	o = NULL;
	return 0;
}

void
object_free(struct object *o)
{
	free(o);
}

bool
object_run_hashes(const struct object *o, const struct object_run *run,
    uint32_t i, uint32_t b)
{
	uint64_t start = (uint64_t)i * OBJECT_SEGMENT + b * OBJECT_BLOCK;

	return run->to == 0 || o->segments[i].codec != CODEC_RAW ||
	    (start < run->to && start + OBJECT_BLOCK > run->from);
}

int
object_check_run(const struct object *o, struct lanes *l,
    const struct object_run *run)
{
	struct lanes_bytes in[OBJECT_RUN_MAX * OBJECT_SEGMENT_BLOCKS];
	struct digest found[OBJECT_RUN_MAX * OBJECT_SEGMENT_BLOCKS];
	const struct digest *vouched[OBJECT_RUN_MAX * OBJECT_SEGMENT_BLOCKS];
	size_t n = 0;

	assert(run->count > 0 && run->count <= OBJECT_RUN_MAX &&
	    run->first < o->segment_count &&
	    run->count <= o->segment_count - run->first);
	for (uint32_t i = 0; i < run->count; i++) {
		struct lanes_bytes blocks[OBJECT_SEGMENT_BLOCKS];
		const struct object_segment *s = &o->segments[run->first + i];
		size_t count = object_block_bytes(blocks, s, run->sealed[i]);

		for (uint32_t b = 0; b < count; b++) {
			if (!object_run_hashes(o, run, run->first + i, b))
				continue;
			in[n] = blocks[b];
			vouched[n++] = &s->blocks[b];
		}
	}
	lanes_digest(l, in, n, found);
	for (size_t i = 0; i < n; i++)
		if (!digest_equal(&found[i], vouched[i]))
			return ERR_INTEGRITY;
	return 0;
}

int
object_check_body(const struct object *o, struct lanes *l, const uint8_t *body,
    size_t length)
{
	if (length != o->body_length)
		return ERR_INTEGRITY;
	for (uint32_t i = 0; i < o->segment_count; i += OBJECT_RUN_MAX) {
		const uint8_t *sealed[OBJECT_RUN_MAX];
		struct object_run run = { .first = i, .sealed = sealed };
		int err;

		for (; run.count < OBJECT_RUN_MAX &&
		     i + run.count < o->segment_count;
		     run.count++)
			sealed[run.count] = body +
			    o->segments[i + run.count].body_offset;
		err = object_check_run(o, l, &run);
		if (err != 0)
			return err;
	}
	return 0;
}

void
object_chunk_key(uint8_t out[static KEY_SIZE], const struct family_key *f,
    const struct digest *sealing)
{
	static const char domain[] = "weir chunk key v1";
	uint8_t info[sizeof(domain) - 1 + DIGEST_SIZE];
	const struct kdf_input in = {
		.key = family_key_bytes(f),
		.key_length = KEY_SIZE,
		.info = info,
		.info_length = sizeof(info),
	};

	memcpy(info, domain, sizeof(domain) - 1);
	memcpy(info + sizeof(domain) - 1, sealing->bytes, DIGEST_SIZE);
	digest_hkdf(out, KEY_SIZE, &in);
}

static int
version_subkey(struct page_key **out, const struct version_key *v,
    const char *domain)
{
	SECRET(uint8_t, key, 32);
	const struct kdf_input in = {
		.key = version_key_bytes(v),
		.key_length = KEY_SIZE,
		.info = domain,
		.info_length = strlen(domain),
	};

	digest_hkdf(key, KEY_SIZE, &in);
	return page_key_from(out, key);
}

int
object_manifest_key(struct page_key **out, const struct version_key *v)
{
	return version_subkey(out, v, "weir manifest key v1");
}

int
object_lockbox_key(struct page_key **out, const struct version_key *v)
{
	return version_subkey(out, v, "weir lockbox key v1");
}

void
object_page_key(uint8_t out[static KEY_SIZE], const struct page_key *k,
    enum object_type type, uint64_t index, const uint8_t salt[static 32])
{
	static const char domain[] = "weir page v1";
	uint8_t info[sizeof(domain) - 1 + 1 + 8], *at = info;
	const struct kdf_input in = {
		.key = page_key_bytes(k),
		.key_length = KEY_SIZE,
		.salt = salt,
		.salt_length = 32,
		.info = info,
		.info_length = sizeof(info),
	};

	memcpy(at, domain, sizeof(domain) - 1);
	at = object_put(at + sizeof(domain) - 1, type, 1);
	object_put(at, index, 8);
	digest_hkdf(out, KEY_SIZE, &in);
}
