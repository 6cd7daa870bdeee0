/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/forgery.h"

#include <stdio.h>
#include <stdlib.h>

#include "vault/lockbox.h"

#define PAGE_MAX (1U << 20)

#define must_equal(got, wanted)                                                \
	do {                                                                   \
		if ((got) != (wanted)) {                                       \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__,     \
			    #got);                                             \
			abort();                                               \
		}                                                              \
	} while (0)

static void
store_page(struct shed *s, const struct page_key *key, enum object_type type,
    uint32_t index, const struct writer *plain, struct digest *name)
{
	OWNED_WRITER w = writer_of(4 * PAGE_MAX);
	uint32_t header;
	bool stored;

	must_equal(object_seal_page(key, type, index, plain->bytes,
		       plain->length, &w, name),
	    0);
	must_equal(object_peek(w.bytes, &header), 0);
	must_equal(store_put(s->store, name, w.bytes, w.length, header,
		       &stored),
	    0);
}

static void
forge_box(struct shed *s, struct manifest_page_ref *ref)
{
	OWNED(lockbox) box = NULL;
	OWNED(lockbox) other = NULL;
	OWNED_WRITER w = writer_of(PAGE_MAX);

	must_equal(store_open_lockbox(s->store, &ref->lockbox,
		       s->keys.lockbox_key, 0, &box),
	    0);
	must_equal(lockbox_new(&other, 0), 0);
	for (uint32_t i = 0; i < lockbox_count(box); i++) {
		struct lockbox_row row = *lockbox_at(box, i);

		row.key[0] ^= i == 1;
		must_equal(lockbox_add(other, &row), 0);
	}
	must_equal(lockbox_write(other, &w), 0);
	store_page(s, s->keys.lockbox_key, OBJECT_LOCKBOX_PAGE, 0, &w,
	    &ref->lockbox);
}

static void
forge_tensors(struct shed *s, struct version *v, struct manifest *m)
{
	struct tensor_list list;
	OWNED_WRITER w = writer_of(PAGE_MAX);

	must_equal(version_tensors(v, &list), 0);
	must_equal(list.count > 1, true);
	list.items[1].shape[0]++;
	must_equal(tensor_index_write(&list, &w), 0);
	m->tensor_digest = digest_of(w.bytes, w.length);
	store_page(s, s->keys.manifest_key, OBJECT_TENSOR_INDEX, 0, &w,
	    &m->tensor_object);
	tensor_list_clear(&list);
}

static void
forge_page(struct shed *s, struct version *v, struct manifest *m,
    const struct forgery *f)
{
	struct version_row rows[MANIFEST_PAGE_ROWS];
	struct manifest_row plain[MANIFEST_PAGE_ROWS];
	struct manifest_page page = { .rows = plain };
	OWNED_WRITER w = writer_of(PAGE_MAX);
	const struct manifest_file *file = manifest_find(m, f->swap);
	struct digest was;
	size_t got;

	must_equal(version_rows_at(v, 0, rows, MANIFEST_PAGE_ROWS, &got), 0);
	for (size_t i = 0; i < got; i++)
		plain[i] = rows[i].row;
	page.count = (uint32_t)got;
	was = plain[file->first_row].object;
	plain[file->first_row].object = plain[file->first_row + 1].object;
	plain[file->first_row + 1].object = was;
	must_equal(manifest_page_write(&page, &w, &m->pages[0].digest), 0);
	store_page(s, s->keys.manifest_key, OBJECT_MANIFEST_PAGE, 0, &w,
	    &m->pages[0].object);
}

void
forgery_make(struct shed *s, struct version *v, const struct intake_result *r,
    const struct forgery *f, struct digest *object, struct digest *version)
{
	OWNED(manifest) m = NULL;
	OWNED_MEM(uint8_t) plain = NULL;
	OWNED_WRITER w = writer_of(PAGE_MAX);
	size_t n;

	must_equal(store_open_page(s->store, &r->object, OBJECT_MANIFEST,
		       s->keys.manifest_key, &plain, &n),
	    0);
	must_equal(manifest_parse(&m, plain, n, &r->version), 0);
	if (!digest_is_zero(&f->file))
		m->files[0].digest = f->file;
	m->files[0].header_bytes += (uint64_t)f->header;
	m->weight_bytes -= (uint64_t)f->header;
	if (f->swap != NULL)
		forge_page(s, v, m, f);
	if (f->key)
		forge_box(s, &m->pages[0]);
	if (f->tensors)
		forge_tensors(s, v, m);
	if (f->none)
		m->tensor_digest = m->tensor_object = (struct digest){ 0 };
	must_equal(manifest_write(m, &w, version), 0);
	store_page(s, s->keys.manifest_key, OBJECT_MANIFEST, 0, &w, object);
}
