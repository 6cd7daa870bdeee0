/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/pages.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>

#include "vault/err.h"
#include "vault/object.h"

/* A manifest, and the key of its version's lockbox pages. */
struct held_manifest {
	uint64_t used; /* 0: empty */
	size_t bytes;
	struct digest object;
	struct manifest *manifest;
	struct page_key *lockbox_key;
};

/* Found by its version's manifest, not by its own name: whoever makes a
 * manifest names any object as a page of it. */
struct held_lockbox {
	uint64_t used;
	struct digest manifest_object;
	uint32_t index;
	struct lockbox *box;
};

struct pages {
	struct store *store; /* borrowed */
	size_t bytes;	     /* of all manifests, at most */
	uint64_t clock;
	struct held_manifest manifests[PAGES_MANIFESTS];
	struct held_lockbox boxes[PAGES_LOCKBOXES];
};

static void
drop_manifest(struct held_manifest *h)
{
	manifest_free(h->manifest);
	page_key_free(h->lockbox_key);
	*h = (struct held_manifest){ 0 };
}

static void
drop_box(struct held_lockbox *h)
{
	lockbox_free(h->box);
	*h = (struct held_lockbox){ 0 };
}

int
pages_new(struct pages **out, struct store *store, size_t bytes)
{
	struct pages *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return ERR_NOMEM;
	p->store = store;
	p->bytes = bytes;
	*out = p;
	return 0;
}

void
pages_clear(struct pages *p)
{
	for (size_t i = 0; i < PAGES_MANIFESTS; i++)
		drop_manifest(&p->manifests[i]);
	for (size_t i = 0; i < PAGES_LOCKBOXES; i++)
		drop_box(&p->boxes[i]);
}

void
pages_free(struct pages *p)
{
	if (p == NULL)
		return;
	pages_clear(p);
	free(p);
}

static int
fetch_manifest(struct pages *p, const struct pages_version *v,
    struct held_manifest *out)
{
	OWNED(version_key) key = NULL;
	OWNED(page_key) manifest_key = NULL;
	OWNED(page_key) lockbox_key = NULL;
	OWNED_MEM(uint8_t) plain = NULL;
	size_t length;
	int err;

	err = v->key(v->arg, &key);
	if (err == 0)
		err = object_manifest_key(&manifest_key, key);
	if (err == 0)
		err = object_lockbox_key(&lockbox_key, key);
	if (err == 0)
		err = store_open_page(p->store, &v->object, OBJECT_MANIFEST,
		    manifest_key, &plain, &length);
	if (err == 0)
		err = manifest_parse(&out->manifest, plain, length,
		    &v->version);
	if (err != 0)
		return err;
	/* About: what is parsed, and its rows' strings are as long as there. */
	out->bytes = length +
	    out->manifest->file_count * sizeof(struct manifest_file) +
	    out->manifest->page_count * sizeof(struct manifest_page_ref);
	out->object = v->object;
	out->lockbox_key = lockbox_key;
	lockbox_key = NULL;
	return 0;
}

/* The one that was used longest ago, if there is any; *total: what all take. */
static struct held_manifest *
oldest_manifest(struct pages *p, size_t *total)
{
	struct held_manifest *oldest = NULL;

	*total = 0;
	for (size_t i = 0; i < PAGES_MANIFESTS; i++) {
		struct held_manifest *h = &p->manifests[i];

		*total += h->bytes;
		if (h->used != 0 && (oldest == NULL || h->used < oldest->used))
			oldest = h;
	}
	return oldest;
}

/* Make room for one of so many bytes. */
static struct held_manifest *
place_manifest(struct pages *p, size_t bytes)
{
	struct held_manifest *oldest;
	size_t total;

	while ((oldest = oldest_manifest(p, &total)) != NULL &&
	    total + bytes > p->bytes)
		drop_manifest(oldest);
	for (size_t i = 0; i < PAGES_MANIFESTS; i++)
		if (p->manifests[i].used == 0)
			return &p->manifests[i];
	drop_manifest(oldest);
	return oldest;
}

static int
get_manifest(struct pages *p, const struct pages_version *v,
    struct held_manifest **out)
{
	struct held_manifest fresh = { 0 };
	int err;

	for (size_t i = 0; i < PAGES_MANIFESTS; i++) {
		struct held_manifest *h = &p->manifests[i];

		if (h->used != 0 && digest_equal(&h->object, &v->object)) {
			h->used = ++p->clock;
			*out = h;
			return 0;
		}
	}
	err = fetch_manifest(p, v, &fresh);
	if (err != 0)
		return err;
	*out = place_manifest(p, fresh.bytes);
	**out = fresh;
	(*out)->used = ++p->clock;
	return 0;
}

int
pages_manifest(struct pages *p, const struct pages_version *v,
    const struct manifest **out)
{
	struct held_manifest *h;
	int err = get_manifest(p, v, &h);

	if (err == 0)
		*out = h->manifest;
	return err;
}

static int
get_box(struct pages *p, const struct held_manifest *h, uint32_t index,
    struct lockbox **out)
{
	struct held_lockbox *oldest = &p->boxes[0];
	struct lockbox *box;
	int err;

	for (size_t i = 0; i < PAGES_LOCKBOXES; i++) {
		struct held_lockbox *b = &p->boxes[i];

		if (b->used != 0 && b->index == index &&
		    digest_equal(&b->manifest_object, &h->object)) {
			b->used = ++p->clock;
			*out = b->box;
			return 0;
		}
		if (b->used < oldest->used)
			oldest = b;
	}
	err = store_open_lockbox(p->store, &h->manifest->pages[index].lockbox,
	    h->lockbox_key, index, &box);
	if (err != 0)
		return err;
	drop_box(oldest);
	*oldest = (struct held_lockbox){
		.used = ++p->clock,
		.manifest_object = h->object,
		.index = index,
		.box = box,
	};
	*out = box;
	return 0;
}

int
pages_row(struct pages *p, const struct pages_version *v, uint64_t row,
    const struct lockbox_row **out, struct digest *object)
{
	uint32_t index = (uint32_t)(row / MANIFEST_PAGE_ROWS);
	uint32_t at = (uint32_t)(row % MANIFEST_PAGE_ROWS);
	struct held_manifest *h;
	struct lockbox *box;
	int err;

	*object = v->object;
	err = get_manifest(p, v, &h);
	if (err != 0)
		return err;
	assert(row < h->manifest->chunk_rows);
	*object = h->manifest->pages[index].lockbox;
	err = get_box(p, h, index, &box);
	if (err != 0)
		return err;
	if (at >= lockbox_count(box))
		return ERR_INTEGRITY;
	*out = lockbox_at(box, at);
	return 0;
}

static int
verify_page(const struct pages_verify *how, const struct page_key *key,
    const struct manifest *m, uint32_t index, struct manifest_page **out)
{
	const struct manifest_page_ref *ref = &m->pages[index];
	OWNED(manifest_page) page = NULL;
	OWNED_MEM(uint8_t) plain = NULL;
	size_t length;
	int err;

	err = store_open_page(how->store, &ref->object, OBJECT_MANIFEST_PAGE,
	    key, &plain, &length);
	if (err == 0)
		err = manifest_page_parse(&page, plain, length, index,
		    &ref->digest);
	if (err == 0)
		err = manifest_page_check(page, m);
	if (err != 0)
		return err;
	*out = page;
	page = NULL;
	return 0;
}

/* The lockbox is not signed: a length or a key that is not the chunk's would
 * have releases counted short, or open nothing. */
static int
compare_rows(const struct pages_verify *how, const struct lockbox *box,
    const struct manifest_page *page)
{
	if (lockbox_count(box) != page->count)
		return ERR_INTEGRITY;
	for (uint32_t i = 0; i < page->count; i++) {
		const struct lockbox_row *row = lockbox_at(box, i);
		SECRET(uint8_t, key, 32);

		object_chunk_key(key, how->family, &row->sealing);
		if (row->length != page->rows[i].length ||
		    sodium_memcmp(key, row->key, KEY_SIZE) != 0)
			return ERR_INTEGRITY;
	}
	return 0;
}

static int
verify_box(const struct pages_verify *how, const struct page_key *key,
    const struct digest *name, const struct manifest_page *page)
{
	OWNED(lockbox) box = NULL;
	int err = store_open_lockbox(how->store, name, key, page->index, &box);

	return err == 0 ? compare_rows(how, box, page) : err;
}

static int
open_manifest(const struct pages_verify *how, const struct page_key *key,
    struct manifest **out)
{
	OWNED_MEM(uint8_t) plain = NULL;
	size_t length;
	int err = store_open_page(how->store, &how->object, OBJECT_MANIFEST,
	    key, &plain, &length);

	return err == 0 ? manifest_parse(out, plain, length, &how->version) :
			  err;
}

int
pages_open(const struct pages_verify *how, struct manifest **out)
{
	OWNED(page_key) key = NULL;
	int err = object_manifest_key(&key, how->key);

	return err == 0 ? open_manifest(how, key, out) : err;
}

int
pages_verify(const struct pages_verify *how, struct manifest **out)
{
	OWNED(page_key) manifest_key = NULL;
	OWNED(page_key) lockbox_key = NULL;
	OWNED(manifest) m = NULL;
	int err;

	err = object_manifest_key(&manifest_key, how->key);
	if (err == 0)
		err = object_lockbox_key(&lockbox_key, how->key);
	if (err == 0)
		err = open_manifest(how, manifest_key, &m);
	for (uint32_t i = 0; err == 0 && i < m->page_count; i++) {
		OWNED(manifest_page) page = NULL;

		if (how->stop != NULL && *how->stop)
			return ERR_UNREACHABLE;
		err = verify_page(how, manifest_key, m, i, &page);
		if (err == 0)
			err = verify_box(how, lockbox_key, &m->pages[i].lockbox,
			    page);
		if (err == 0 && how->page != NULL)
			err = how->page(how->arg, m, page);
	}
	if (err != 0)
		return err;
	*out = m;
	m = NULL;
	return 0;
}
