/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/fakekeys.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "vault/err.h"
#include "vault/lockbox.h"
#include "vault/object.h"

static bool
count(struct fakekeys *k, size_t n)
{
	k->calls++;
	k->asked += n;
	if (n > k->most)
		k->most = n;
	return k->calls == k->fail_at;
}

static int
chunk_keys(void *arg, const struct digest *digests, size_t n,
    uint8_t (*keys)[KEY_SIZE])
{
	struct fakekeys *k = arg;

	if (count(k, n))
		return ERR_UNREACHABLE;
	for (size_t i = 0; i < n; i++)
		object_chunk_key(keys[i], k->family, &digests[i]);
	return 0;
}

static int
release(void *arg, uint64_t first, uint32_t n, uint8_t (*keys)[KEY_SIZE])
{
	struct fakekeys *k = arg;

	if (count(k, n))
		return ERR_UNREACHABLE;
	if (first > k->row_count || n > k->row_count - first)
		return ERR_DENIED;
	memcpy(keys, k->rows[first], (size_t)n * KEY_SIZE);
	return 0;
}

void
fakekeys_init(struct fakekeys *k)
{
	uint8_t bytes[KEY_SIZE];

	*k = (struct fakekeys){
		.intake = { .chunk_keys = chunk_keys, .arg = k },
		.extract = { .release = release, .arg = k, .window = 64 },
	};
	if (sodium_init() < 0)
		abort();
	memset(bytes, 'f', sizeof(bytes));
	if (family_key_from(&k->family, bytes) != 0)
		abort();
	memset(bytes, 'm', sizeof(bytes));
	if (page_key_from(&k->manifest_key, bytes) != 0)
		abort();
	memset(bytes, 'l', sizeof(bytes));
	if (page_key_from(&k->lockbox_key, bytes) != 0)
		abort();
	k->intake.manifest_key = k->manifest_key;
	k->intake.lockbox_key = k->lockbox_key;
}

void
fakekeys_clear(struct fakekeys *k)
{
	family_key_free(k->family);
	page_key_free(k->manifest_key);
	page_key_free(k->lockbox_key);
	free(k->rows);
	*k = (struct fakekeys){ 0 };
}

static int
load_page(struct fakekeys *k, struct store *s, const struct manifest *m,
    uint32_t page)
{
	OWNED(lockbox) box = NULL;
	int err = store_open_lockbox(s, &m->pages[page].lockbox, k->lockbox_key,
	    page, &box);

	if (err != 0)
		return err;
	for (uint32_t i = 0; i < lockbox_count(box); i++)
		memcpy(k->rows[(size_t)page * LOCKBOX_PAGE_ROWS + i],
		    lockbox_at(box, i)->key, KEY_SIZE);
	return 0;
}

int
fakekeys_load(struct fakekeys *k, struct store *s, const struct manifest *m)
{
	int err = 0;

	free(k->rows);
	k->row_count = m->chunk_rows;
	k->rows = calloc((size_t)m->page_count * LOCKBOX_PAGE_ROWS + 1,
	    KEY_SIZE);
	if (k->rows == NULL)
		return ERR_NOMEM;
	for (uint32_t p = 0; err == 0 && p < m->page_count; p++)
		err = load_page(k, s, m, p);
	return err;
}

const uint8_t *
fakekeys_row(const struct fakekeys *k, uint64_t row)
{
	if (row >= k->row_count)
		abort();
	return k->rows[row];
}
