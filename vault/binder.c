/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/binder.h"

#include <stdlib.h>

#include "vault/err.h"
#include "vault/log.h"
#include "vault/object.h"
#include "vault/writer.h"

struct binder {
	struct binder_how how;
	struct manifest_row rows[MANIFEST_PAGE_ROWS];
	uint32_t count; /* of the page being filled */
	struct lockbox *box;
	struct manifest_page_ref *pages;
	uint32_t page_count;
	uint32_t capacity;
};

int
binder_new(struct binder **out, const struct binder_how *how)
{
	struct binder *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return log_err(ERR_NOMEM, "out of memory for chunk rows");
	b->how = *how;
	*out = b;
	return 0;
}

void
binder_free(struct binder *b)
{
	if (b == NULL)
		return;
	lockbox_free(b->box);
	free(b->pages);
	free(b);
}

int
binder_store(struct store *s, const struct page_key *key,
    const struct binder_record *r, struct digest *name)
{
	OWNED_WRITER w = writer_of(object_limit(r->type) + OBJECT_HEADER_MAX);
	uint32_t header_length;
	struct digest made;
	int err;

	err = object_seal_page(key, r->type, r->index, r->bytes, r->length, &w,
	    &made);
	if (err == 0)
		err = object_peek(w.bytes, &header_length);
	if (err == 0)
		err = store_put_later(s, &made, w.bytes, w.length,
		    header_length, NULL);
	if (err == 0)
		*name = made;
	return err;
}

static struct manifest_page_ref *
next_page(struct binder *b)
{
	if (b->page_count == b->capacity) {
		uint32_t more = b->capacity != 0 ? b->capacity * 2 : 16;
		void *pages = reallocarray(b->pages, more, sizeof(*b->pages));

		if (pages == NULL)
			return NULL;
		b->pages = pages;
		b->capacity = more;
	}
	return &b->pages[b->page_count];
}

static int
store_rows(struct binder *b, struct manifest_page_ref *ref)
{
	const struct manifest_page page = { .index = b->page_count,
		.count = b->count,
		.rows = b->rows };
	OWNED_WRITER w = writer_of(object_limit(OBJECT_MANIFEST_PAGE));
	struct binder_record r = { .type = OBJECT_MANIFEST_PAGE,
		.index = b->page_count };
	int err;

	err = manifest_page_write(&page, &w, &ref->digest);
	if (err != 0)
		return err;
	r.bytes = w.bytes;
	r.length = w.length;
	return binder_store(b->how.store, b->how.manifest_key, &r,
	    &ref->object);
}

static int
store_box(struct binder *b, struct manifest_page_ref *ref)
{
	OWNED_WRITER w = writer_of(object_limit(OBJECT_LOCKBOX_PAGE));
	struct binder_record r = { .type = OBJECT_LOCKBOX_PAGE,
		.index = b->page_count };
	int err;

	err = lockbox_write(b->box, &w);
	if (err != 0)
		return err;
	r.bytes = w.bytes;
	r.length = w.length;
	return binder_store(b->how.store, b->how.lockbox_key, &r,
	    &ref->lockbox);
}

static int
store_page(struct binder *b)
{
	struct manifest_page_ref *ref = next_page(b);
	int err;

	if (ref == NULL)
		return log_err(ERR_NOMEM, "out of memory for pages");
	ref->first_offset = b->rows[0].offset;
	err = store_rows(b, ref);
	if (err == 0)
		err = store_box(b, ref);
	if (err != 0)
		return err;
	b->page_count++;
	b->count = 0;
	lockbox_free(b->box);
	b->box = NULL;
	return 0;
}

int
binder_add(struct binder *b, const struct digest *object, uint64_t offset,
    const struct lockbox_row *box)
{
	int err = 0;

	if (b->count == MANIFEST_PAGE_ROWS)
		err = store_page(b);
	if (err == 0 && b->box == NULL)
		err = lockbox_new(&b->box, b->page_count);
	if (err == 0)
		err = lockbox_add(b->box, box);
	if (err != 0)
		return err;
	b->rows[b->count++] = (struct manifest_row){ *object, offset,
		box->length };
	return 0;
}

int
binder_end(struct binder *b, struct manifest_page_ref **pages, uint32_t *count)
{
	int err = b->count > 0 ? store_page(b) : 0;

	if (err != 0)
		return err;
	*pages = b->pages;
	*count = b->page_count;
	b->pages = NULL;
	b->page_count = b->capacity = 0;
	return 0;
}
