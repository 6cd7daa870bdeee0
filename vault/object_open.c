/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/object.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "vault/err.h"
#include "vault/gcm.h"
#include "vault/object_parts.h"

struct object_opener {
	const struct object *o;
	struct gcm *gcm;
	struct codec_opener *codec; /* NULL while all segments are raw */
	uint8_t *packed;	    /* one segment, before it is unpacked */
};

/* What compressed segments need besides. */
static int
prepare_codec(struct object_opener *p)
{
	uint32_t i = 0;

	while (i < p->o->segment_count && p->o->segments[i].codec == CODEC_RAW)
		i++;
	if (i == p->o->segment_count)
		return 0;
	p->packed = malloc(OBJECT_SEGMENT);
	if (p->packed == NULL)
		return ERR_NOMEM;
	return codec_opener_new(&p->codec);
}

int
object_opener_new(struct object_opener **out, const struct object *o,
    const uint8_t key[static KEY_SIZE])
{
	SECRET(uint8_t, okm, 64);
	OWNED(object_opener) p = calloc(1, sizeof(*p));
	int err;

	if (p == NULL)
		return ERR_NOMEM;
	object_okm(okm, key, o->type);
	if (memcmp(okm + OBJECT_OKM_COMMITMENT, o->commitment,
		sizeof(o->commitment)) != 0)
		return ERR_INTEGRITY;
	p->o = o;
	err = gcm_opener_new(&p->gcm, okm);
	if (err == 0)
		err = prepare_codec(p);
	if (err != 0)
		return err;
	*out = p;
	p = NULL;
	return 0;
}

void
object_opener_free(struct object_opener *p)
{
	if (p == NULL)
		return;
	if (p->packed != NULL)
		secret_wipe(p->packed, OBJECT_SEGMENT);
	free(p->packed);
	codec_opener_free(p->codec);
	gcm_free(p->gcm);
	free(p);
}

/* Decrypt straight to where the bytes shall be, when nothing is packed. */
static int
decrypt(struct object_opener *p, uint32_t segment, const uint8_t *sealed,
    uint8_t *plain)
{
	const struct object_segment *s = &p->o->segments[segment];
	uint8_t aad[OBJECT_AAD];
	struct gcm_message m = {
		.aad = aad,
		.aad_length = sizeof(aad),
		.in = sealed,
		.out = s->codec == CODEC_RAW ? plain : p->packed,
		.length = s->sealed_length,
	};
	int err;

	object_nonce(m.nonce, segment);
	object_aad(aad, p->o, segment);
	memcpy(m.tag, s->tag, sizeof(m.tag));
	err = gcm_open(p->gcm, &m);
	if (err != 0 || s->codec == CODEC_RAW)
		return err;
	err = codec_unpack(p->codec, s->codec, p->packed, s->sealed_length,
	    plain, s->plain_length);
	return err != 0 ? ERR_INTEGRITY : 0;
}

/* What was not hashed is not handed out: raw bytes, block for block. */
static void
wipe_unhashed(const struct object *o, const struct object_run *run, uint32_t i)
{
	const struct object_segment *s = &o->segments[run->first + i];
	uint8_t *plain = run->plain[i];

	for (uint32_t b = 0; b < object_blocks(s->sealed_length); b++) {
		uint32_t at = b * OBJECT_BLOCK, left = s->plain_length - at;

		if (!object_run_hashes(o, run, run->first + i, b))
			secret_wipe(plain + at,
			    left < OBJECT_BLOCK ? left : OBJECT_BLOCK);
	}
}

int
object_open_run(struct object_opener *p, struct lanes *l,
    const struct object_run *run)
{
	const struct object_segment *s = &p->o->segments[run->first];
	int err = object_check_run(p->o, l, run);

	for (uint32_t i = 0; err == 0 && i < run->count; i++) {
		err = decrypt(p, run->first + i, run->sealed[i], run->plain[i]);
		wipe_unhashed(p->o, run, i);
	}
	for (uint32_t i = 0; err != 0 && i < run->count; i++)
		secret_wipe(run->plain[i], s[i].plain_length);
	return err;
}

int
object_open_segment(struct object_opener *p, uint32_t segment,
    const uint8_t *sealed, uint8_t *plain)
{
	const struct object_run run = {
		.first = segment,
		.count = 1,
		.sealed = &sealed,
		.plain = &plain,
	};

	return object_open_run(p, NULL, &run);
}

int
object_open(const struct object *o, const uint8_t key[static KEY_SIZE],
    const uint8_t *body, size_t length, uint8_t **plain)
{
	OWNED(object_opener) p = NULL;
	uint8_t *buf;
	int err;

	if (length != o->body_length)
		return ERR_INTEGRITY;
	err = object_opener_new(&p, o, key);
	if (err != 0)
		return err;
	buf = malloc(o->plain_length);
	if (buf == NULL)
		return ERR_NOMEM;
	for (uint32_t i = 0; i < o->segment_count && err == 0; i++)
		err = object_open_segment(p, i,
		    body + o->segments[i].body_offset,
		    buf + (size_t)i * OBJECT_SEGMENT);
	if (err != 0) {
		secret_wipe(buf, o->plain_length);
		free(buf);
		return err;
	}
	*plain = buf;
	return 0;
}

int
object_open_page(const struct object *o, const struct page_key *k,
    const uint8_t *body, size_t length, uint8_t **plain)
{
	SECRET(uint8_t, key, 32);

	object_page_key(key, k, o->type, o->index, o->salt);
	return object_open(o, key, body, length, plain);
}
