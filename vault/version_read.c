/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "vault/err.h"
#include "vault/lanes.h"
#include "vault/version_parts.h"

/* Segments fetched and opened at once: their blocks fill the lanes, and their
 * bytes are near still when they are opened. */
#define RUN_SEGMENTS 8
#define SCRATCH_IDLE 8

struct scratch {
	struct scratch *next;
	struct lanes *lanes;
	uint8_t edges[2][OBJECT_SEGMENT]; /* wanted only in part: the first
					     segment of a read, the last */
	uint8_t sealed[RUN_SEGMENTS * OBJECT_SEGMENT];
};

static struct scratch *
scratch_new(void)
{
	struct scratch *s = malloc(sizeof(*s));

	if (s == NULL || lanes_new(&s->lanes, LANES_FASTER) == 0)
		return s;
	free(s);
	return NULL;
}

static void
scratch_free(struct scratch *s)
{
	lanes_free(s->lanes);
	free(s);
}

void
version_drop_scratch(struct version *v)
{
	while (v->idle != NULL) {
		struct scratch *s = v->idle;

		v->idle = s->next;
		scratch_free(s);
	}
}

static struct scratch *
scratch_take(struct version *v)
{
	{
		LOCKED(lock, &v->mutex);
		struct scratch *s = v->idle;

		if (s != NULL) {
			v->idle = s->next;
			v->idle_count--;
			return s;
		}
	}
	return scratch_new();
}

static void
scratch_give(struct version *v, struct scratch *s)
{
	{
		LOCKED(lock, &v->mutex);

		if (v->idle_count < SCRATCH_IDLE) {
			s->next = v->idle;
			v->idle = s;
			v->idle_count++;
			return;
		}
	}
	scratch_free(s);
}

/* A read of part of a chunk: what is left to be read of it. */
struct part {
	struct version *version;
	const struct digest *name;
	const uint8_t *key;
	const struct object *object;
	struct object_opener *opener;
	struct scratch *scratch;
	uint32_t offset;
	uint32_t end;
	uint8_t *buf;
};

static struct opened_block
block_of(const struct part *p, uint32_t number)
{
	return (struct opened_block){ p->name, p->key, number };
}

/* What blocks that were opened lately have of a read's start and end. */
static void
take_opened(struct part *p)
{
	struct opened *o = p->version->opened;

	while (p->offset < p->end) {
		struct opened_block b = block_of(p, p->offset / OPENED_BLOCK);
		uint32_t end = (b.number + 1) * OPENED_BLOCK;
		uint32_t n = (end < p->end ? end : p->end) - p->offset;

		if (!opened_take(o, &b, p->offset % OPENED_BLOCK, p->buf, n))
			break;
		p->buf += n;
		p->offset += n;
	}
	while (p->offset < p->end) {
		struct opened_block b = block_of(p,
		    (p->end - 1) / OPENED_BLOCK);
		uint32_t start = b.number * OPENED_BLOCK;
		uint32_t n = p->end - (start > p->offset ? start : p->offset);

		if (!opened_take(o, &b, p->end - n - start,
			p->buf + (p->end - n - p->offset), n))
			break;
		p->end -= n;
	}
}

/* Keep the blocks of an edge that are wanted in part: all of such a block was
 * checked. */
static void
keep_opened(const struct part *p, uint32_t segment, const uint8_t *edge)
{
	uint32_t first = segment * OBJECT_SEGMENT;
	uint32_t last = first + p->object->segments[segment].plain_length;

	for (uint32_t at = first; at < last; at += OPENED_BLOCK) {
		uint32_t end = last - at < OPENED_BLOCK ? last :
							  at + OPENED_BLOCK;
		struct opened_block b = block_of(p, at / OPENED_BLOCK);

		if (at < p->end && end > p->offset &&
		    (at < p->offset || end > p->end))
			opened_keep(p->version->opened, &b, edge + (at - first),
			    end - at);
	}
}

/* Whether a read takes all of a segment. */
static bool
wants_all(const struct part *p, uint32_t segment)
{
	uint32_t start = segment * OBJECT_SEGMENT;

	return start >= p->offset &&
	    start + p->object->segments[segment].plain_length <= p->end;
}

/* Where a segment is opened to: its place in buf, or one of the edges. */
static uint8_t *
place_of(const struct part *p, uint32_t segment)
{
	uint32_t start = segment * OBJECT_SEGMENT;

	if (wants_all(p, segment))
		return p->buf + (start - p->offset);
	return p->scratch->edges[start < p->offset ? 0 : 1];
}

/* What was opened at an edge, to where it belongs; nothing of it stays. */
static void
take_edge(const struct part *p, uint32_t segment)
{
	uint32_t start = segment * OBJECT_SEGMENT;
	uint32_t length = p->object->segments[segment].plain_length;
	uint32_t from = p->offset > start ? p->offset : start;
	uint32_t to = p->end < start + length ? p->end : start + length;
	uint8_t *edge = place_of(p, segment);

	if (wants_all(p, segment))
		return;
	memcpy(p->buf + (from - p->offset), edge + (from - start), to - from);
	if (p->version->opened != NULL)
		keep_opened(p, segment, edge);
	secret_wipe(edge, length);
}

/* Segments that are fetched and opened together. */
struct run {
	uint32_t first;
	uint32_t count;
	uint8_t *sealed[RUN_SEGMENTS];
	uint8_t *plain[RUN_SEGMENTS];
};

/*
 * Where the segments of a run go.  Sealed bytes of raw ones come to where they
 * are opened: one copy less, and what was hashed is near still.  Packed ones
 * come one behind another, for one read of the store.
 */
static void
place_run(const struct part *p, struct run *run)
{
	const struct object_segment *s = &p->object->segments[run->first];
	uint8_t *at = p->scratch->sealed;
	bool raw = true;

	for (uint32_t i = 0; i < run->count; i++) {
		run->plain[i] = place_of(p, run->first + i);
		raw = raw && s[i].codec == CODEC_RAW;
	}
	for (uint32_t i = 0; i < run->count; i++) {
		run->sealed[i] = raw ? run->plain[i] : at;
		at += s[i].sealed_length;
	}
}

/* Fetch a run: what is to come to one place by one read of the store. */
static int
fetch_run(const struct part *p, const struct run *run)
{
	const struct object *o = p->object;
	const struct object_segment *s = &o->segments[run->first];
	uint32_t next;

	for (uint32_t i = 0; i < run->count; i = next) {
		size_t length = s[i].sealed_length, got;
		int err;

		for (next = i + 1; next < run->count &&
		     run->sealed[next] == run->sealed[i] + length;
		     next++)
			length += s[next].sealed_length;
		err = store_get(p->version->store, &o->name,
		    o->header_length + s[i].body_offset, run->sealed[i], length,
		    &got);
		if (err == 0 && got < length)
			err = ERR_INTEGRITY;
		if (err != 0)
			return err;
	}
	return 0;
}

static int
read_run(const struct part *p, struct run *run)
{
	const struct object_run opened = {
		.first = run->first,
		.count = run->count,
		.sealed = (const uint8_t *const *)run->sealed,
		.plain = run->plain,
		.from = p->offset,
		.to = p->end,
	};
	int err;

	place_run(p, run);
	err = fetch_run(p, run);
	if (err == 0)
		err = object_open_run(p->opener, p->scratch->lanes, &opened);
	if (err != 0)
		return err;
	take_edge(p, run->first);
	if (run->count > 1)
		take_edge(p, run->first + run->count - 1);
	return 0;
}

static int
read_part(const struct part *p)
{
	uint32_t last = (p->end - 1) / OBJECT_SEGMENT;
	int err = 0;

	for (uint32_t i = p->offset / OBJECT_SEGMENT; err == 0 && i <= last;
	     i += RUN_SEGMENTS) {
		struct run run = { .first = i,
			.count = last - i < RUN_SEGMENTS ? last - i + 1 :
							   RUN_SEGMENTS };

		err = read_run(p, &run);
	}
	return err;
}

static int
read_chunk(struct part *p, uint32_t length)
{
	OWNED(cache_item) header = NULL;
	OWNED(object_opener) opener = NULL;
	int err;

	err = version_header(&header, p->version, p->name);
	if (err != 0)
		return err;
	p->object = cache_item_value(header);
	if (p->object->plain_length != length)
		return ERR_INTEGRITY;
	err = object_opener_new(&opener, p->object, p->key);
	if (err != 0)
		return err;
	p->scratch = scratch_take(p->version);
	if (p->scratch == NULL)
		return ERR_NOMEM;
	p->opener = opener;
	err = read_part(p);
	scratch_give(p->version, p->scratch);
	return err;
}

int
version_read(struct version *v, const struct version_row *row,
    const uint8_t key[static KEY_SIZE], uint32_t offset, void *buf, size_t n)
{
	struct part p = { .version = v,
		.name = &row->row.object,
		.key = key,
		.offset = offset,
		.buf = buf };
	int err;

	if (offset > row->row.length || n > row->row.length - offset)
		return ERR_USAGE;
	p.end = offset + (uint32_t)n;
	if (v->opened != NULL)
		take_opened(&p);
	if (p.offset == p.end)
		return 0;
	err = read_chunk(&p, row->row.length);
	if (err != 0)
		secret_wipe(buf, n);
	return err;
}
