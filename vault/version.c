/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/version.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "vault/cache.h"
#include "vault/err.h"
#include "vault/size.h"

#define PAGES_MAX 64	/* 12 MiB */
#define HEADERS_MAX 512 /* 3.4 MiB */

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

struct version {
	struct store *store;
	struct page_key *key;
	struct manifest *manifest;
	struct cache *pages;
	struct cache *headers;
	pthread_mutex_t mutex; /* of what follows */
	struct scratch *idle;
	size_t idle_count;
};

/* What the version vouches for by digest and cannot be used is not what was
 * vouched for, however it fails. */
static int
vouched(int err)
{
	return err == ERR_FORMAT || err == ERR_LIMIT ? ERR_INTEGRITY : err;
}

static void
page_drop(void *value)
{
	manifest_page_free(value);
}

static void
header_drop(void *value)
{
	object_free(value);
}

static int
open_manifest(struct version *v, const struct version_open *how)
{
	OWNED_MEM(uint8_t) plain = NULL;
	size_t length;
	int err;

	err = store_open_page(how->store, &how->object, OBJECT_MANIFEST, v->key,
	    &plain, &length);
	if (err != 0)
		return err;
	return manifest_parse(&v->manifest, plain, length, &how->version);
}

int
version_open(struct version **out, const struct version_open *how)
{
	OWNED(version) v = calloc(1, sizeof(*v));
	int err;

	if (v == NULL)
		return ERR_NOMEM;
	pthread_mutex_init(&v->mutex, NULL);
	v->store = how->store;
	err = page_key_from(&v->key, page_key_bytes(how->manifest_key));
	if (err == 0)
		err = cache_new(&v->pages, PAGES_MAX, page_drop);
	if (err == 0)
		err = cache_new(&v->headers, HEADERS_MAX, header_drop);
	if (err == 0)
		err = vouched(open_manifest(v, how));
	if (err != 0)
		return err;
	*out = v;
	v = NULL;
	return 0;
}

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
version_free(struct version *v)
{
	if (v == NULL)
		return;
	while (v->idle != NULL) {
		struct scratch *s = v->idle;

		v->idle = s->next;
		scratch_free(s);
	}
	cache_free(v->headers);
	cache_free(v->pages);
	manifest_free(v->manifest);
	page_key_free(v->key);
	pthread_mutex_destroy(&v->mutex);
	free(v);
}

const struct manifest *
version_manifest(const struct version *v)
{
	return v->manifest;
}

static int
fetch_page(struct manifest_page **out, struct version *v, uint32_t index)
{
	const struct manifest_page_ref *ref = &v->manifest->pages[index];
	OWNED_MEM(uint8_t) plain = NULL;
	OWNED(manifest_page) p = NULL;
	size_t length;
	int err;

	err = store_open_page(v->store, &ref->object, OBJECT_MANIFEST_PAGE,
	    v->key, &plain, &length);
	if (err != 0)
		return err;
	err = manifest_page_parse(&p, plain, length, index, &ref->digest);
	if (err == 0)
		err = manifest_page_check(p, v->manifest);
	if (err != 0)
		return err;
	*out = p;
	p = NULL;
	return 0;
}

/* Hold page number index. */
static int
hold_page(struct cache_item **out, struct version *v, uint32_t index)
{
	const struct digest *digest = &v->manifest->pages[index].digest;
	struct cache_item *i = cache_get(v->pages, digest);
	struct manifest_page *p;
	int err;

	if (i != NULL) {
		*out = i;
		return 0;
	}
	err = vouched(fetch_page(&p, v, index));
	if (err != 0)
		return err;
	return cache_add(out, v->pages, digest, p);
}

static int
hold_header(struct cache_item **out, struct version *v,
    const struct digest *name)
{
	struct cache_item *i = cache_get(v->headers, name);
	struct object *o;
	int err;

	if (i != NULL) {
		*out = i;
		return 0;
	}
	err = vouched(store_header(v->store, name, OBJECT_CHUNK, &o));
	if (err != 0)
		return err;
	return cache_add(out, v->headers, name, o);
}

/* Where version_rows has come to. */
struct rows {
	const struct manifest_file *file;
	uint64_t at; /* the offset that the next row must hold */
	uint64_t end;
	struct version_row *rows;
	size_t max;
	size_t count;
};

/*
 * Take what page p has of the rows wanted.  A page fits its files
 * (manifest_page_check); that one page goes on where the other ended, is seen
 * here.
 */
static int
rows_of_page(struct rows *w, const struct manifest_page *p)
{
	uint64_t base = (uint64_t)p->index * MANIFEST_PAGE_ROWS, n;

	if (!manifest_page_find(p, w->file, w->at, &n))
		return ERR_INTEGRITY;
	for (n -= base; n < p->count && w->at < w->end && w->count < w->max;
	     n++) {
		const struct manifest_row *r = &p->rows[n];

		if (w->count > 0 && r->offset != w->at)
			return ERR_INTEGRITY;
		w->rows[w->count++] = (struct version_row){ base + n, *r };
		w->at = r->offset + r->length;
	}
	return 0;
}

int
version_rows(struct version *v, const struct manifest_file *f, uint64_t offset,
    uint64_t n, struct version_row *rows, size_t max, size_t *count)
{
	struct rows w = { .file = f, .at = offset, .rows = rows, .max = max };
	uint32_t page;

	if (offset >= f->size || n == 0 || max == 0) {
		*count = 0;
		return 0;
	}
	w.end = n < f->size - offset ? offset + n : f->size;
	page = manifest_page_of(v->manifest, f, offset);
	for (; w.at < w.end && w.count < max; page++) {
		OWNED(cache_item) item = NULL;
		int err;

		if (page >= v->manifest->page_count)
			return ERR_INTEGRITY;
		err = hold_page(&item, v, page);
		if (err == 0)
			err = rows_of_page(&w, cache_item_value(item));
		if (err != 0)
			return err;
	}
	*count = w.count;
	return 0;
}

int
version_rows_at(struct version *v, uint64_t first, struct version_row *rows,
    size_t count, size_t *got)
{
	OWNED(cache_item) item = NULL;
	const struct manifest_page *p;
	size_t skip = first % MANIFEST_PAGE_ROWS, n;
	int err;

	if (first >= v->manifest->chunk_rows || count == 0) {
		*got = 0;
		return 0;
	}
	err = hold_page(&item, v, (uint32_t)(first / MANIFEST_PAGE_ROWS));
	if (err != 0)
		return err;
	p = cache_item_value(item);
	if (skip >= p->count)
		return ERR_INTEGRITY;
	n = p->count - skip < count ? p->count - skip : count;
	for (size_t i = 0; i < n; i++)
		rows[i] = (struct version_row){ first + i, p->rows[skip + i] };
	*got = n;
	return 0;
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

/* A read of part of a chunk. */
struct part {
	struct version *version;
	const struct object *object;
	struct object_opener *opener;
	struct scratch *scratch;
	uint32_t offset;
	uint32_t end;
	uint8_t *buf;
};

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
read_chunk(struct version *v, const struct version_row *row,
    const uint8_t key[static KEY_SIZE], uint32_t offset, void *buf, size_t n)
{
	OWNED(cache_item) header = NULL;
	OWNED(object_opener) opener = NULL;
	struct part p = { .version = v, .offset = offset, .buf = buf };
	int err;

	err = hold_header(&header, v, &row->row.object);
	if (err != 0)
		return err;
	p.object = cache_item_value(header);
	if (p.object->plain_length != row->row.length)
		return ERR_INTEGRITY;
	err = object_opener_new(&opener, p.object, key);
	if (err != 0)
		return err;
	p.scratch = scratch_take(v);
	if (p.scratch == NULL)
		return ERR_NOMEM;
	p.opener = opener;
	p.end = offset + (uint32_t)n;
	err = read_part(&p);
	scratch_give(v, p.scratch);
	return err;
}

int
version_read(struct version *v, const struct version_row *row,
    const uint8_t key[static KEY_SIZE], uint32_t offset, void *buf, size_t n)
{
	int err;

	if (offset > row->row.length || n > row->row.length - offset)
		return ERR_USAGE;
	if (n == 0)
		return 0;
	err = read_chunk(v, row, key, offset, buf, n);
	if (err != 0)
		secret_wipe(buf, n);
	return err;
}

/* The index was made by the uploader: it may not point beyond its files. */
static bool
tensors_fit(const struct manifest *m, const struct tensor_list *l)
{
	for (size_t i = 0; i < l->count; i++) {
		const struct tensor *t = &l->items[i];
		uint64_t end;

		if (t->file >= m->file_count ||
		    m->files[t->file].kind != MANIFEST_FILE ||
		    !size_add(t->offset, t->length, &end) ||
		    end > m->files[t->file].size)
			return false;
	}
	return true;
}

int
version_tensors(struct version *v, struct tensor_list *out)
{
	const struct manifest *m = v->manifest;
	OWNED_MEM(uint8_t) plain = NULL;
	struct tensor_list l = { 0 };
	struct digest digest;
	size_t length;
	int err;

	if (digest_is_zero(&m->tensor_digest)) {
		*out = l;
		return 0;
	}
	err = vouched(store_open_page(v->store, &m->tensor_object,
	    OBJECT_TENSOR_INDEX, v->key, &plain, &length));
	if (err != 0)
		return err;
	digest = digest_of(plain, length);
	if (!digest_equal(&digest, &m->tensor_digest))
		return ERR_INTEGRITY;
	err = vouched(tensor_index_parse(&l, plain, length));
	if (err != 0)
		return err;
	if (!tensors_fit(m, &l)) {
		tensor_list_clear(&l);
		return ERR_INTEGRITY;
	}
	*out = l;
	return 0;
}
