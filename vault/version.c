/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/version_parts.h"

#include <stdlib.h>
#include <string.h>

#include "vault/err.h"
#include "vault/size.h"

#define PAGES_MAX 64	/* 12 MiB */
#define HEADERS_MAX 512 /* 3.4 MiB */

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
	v->opened = how->opened;
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

void
version_free(struct version *v)
{
	if (v == NULL)
		return;
	version_drop_scratch(v);
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

int
version_header(struct cache_item **out, struct version *v,
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
