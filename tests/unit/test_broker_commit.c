/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "keys/pages.h"
#include "tests/lib/desk.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/lockbox.h"
#include "vault/log.h"
#include "vault/manifest.h"
#include "vault/object.h"

/*
 * An uploader that makes the pages of its version itself.  The version's digest
 * does not bind the lockbox: keyd has to look at it.
 */

/* Three chunks of 64 KiB, and one. */
static const size_t sizes[] = { 3 * 65536, 5 };
#define ROWS 4

struct bench {
	struct desk d;
	struct desk_person owner;
	struct msg_put_commit m;
	struct page_key *manifest_key, *lockbox_key;
	struct manifest *manifest;
	struct lockbox_row rows[ROWS];
};

static void
ignore(void *arg, const char *line)
{
	(void)arg;
	(void)line;
}

static void
load(struct bench *b)
{
	OWNED_MEM(uint8_t) plain = NULL;
	OWNED_MEM(uint8_t) page = NULL;
	OWNED(lockbox) box = NULL;
	size_t n;

	assert_int_equal(store_open_page(b->d.store, &b->m.object,
			     OBJECT_MANIFEST, b->manifest_key, &plain, &n),
	    0);
	assert_int_equal(manifest_parse(&b->manifest, plain, n, NULL), 0);
	assert_int_equal(b->manifest->page_count, 1);
	assert_int_equal(store_open_page(b->d.store,
			     &b->manifest->pages[0].lockbox,
			     OBJECT_LOCKBOX_PAGE, b->lockbox_key, &page, &n),
	    0);
	assert_int_equal(lockbox_parse(&box, page, n, 0), 0);
	assert_int_equal(lockbox_count(box), ROWS);
	for (uint32_t i = 0; i < ROWS; i++)
		b->rows[i] = *lockbox_at(box, i);
}

static int
setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));
	struct msg_put_begin_reply begun;

	assert_non_null(b);
	log_sink(ignore, NULL);
	desk_new(&b->d, true);
	desk_person_come(&b->owner, &b->d, 0);
	assert_int_equal(desk_begin(&b->owner, "llama", &begun), 0);
	assert_int_equal(desk_take_in(&b->owner, &begun, sizes, 2, &b->m), 0);
	assert_int_equal(page_key_from(&b->manifest_key, begun.manifest_key),
	    0);
	assert_int_equal(page_key_from(&b->lockbox_key, begun.lockbox_key), 0);
	load(b);
	*state = b;
	return 0;
}

static int
teardown(void **state)
{
	struct bench *b = *state;

	manifest_free(b->manifest);
	page_key_free(b->manifest_key);
	page_key_free(b->lockbox_key);
	desk_person_go(&b->owner);
	desk_free(&b->d);
	free(b);
	return 0;
}

static struct digest
seal(struct bench *b, enum object_type type, const struct page_key *key,
    const struct writer *w)
{
	OWNED_WRITER object = writer_of(2 << 20);
	struct digest name;
	uint32_t header;

	assert_int_equal(object_seal_page(key, type, 0, w->bytes, w->length,
			     &object, &name),
	    0);
	memcpy(&header, object.bytes + 12, 4);
	assert_int_equal(store_put(b->d.store, &name, object.bytes,
			     object.length, header, NULL),
	    0);
	return name;
}

/* The commit of the same version with these rows in its lockbox. */
static int
commit_rows(struct bench *b, const struct lockbox_row *rows, uint32_t count)
{
	OWNED_WRITER page = writer_of(1 << 20), root = writer_of(1 << 20);
	struct msg_put_commit m = b->m;
	OWNED(lockbox) box = NULL;
	struct digest version;

	assert_int_equal(lockbox_new(&box, 0), 0);
	for (uint32_t i = 0; i < count; i++)
		assert_int_equal(lockbox_add(box, &rows[i]), 0);
	assert_int_equal(lockbox_write(box, &page), 0);
	b->manifest->pages[0].lockbox = seal(b, OBJECT_LOCKBOX_PAGE,
	    b->lockbox_key, &page);
	assert_int_equal(manifest_write(b->manifest, &root, &version), 0);
	assert_true(digest_equal(&version, &m.version));
	m.object = seal(b, OBJECT_MANIFEST, b->manifest_key, &root);
	return desk_commit(&b->owner, &m);
}

static void
rows_as_they_were_sealed_are_taken(void **state)
{
	struct bench *b = *state;

	assert_int_equal(commit_rows(b, b->rows, ROWS), 0);
}

static void
a_row_too_few_is_refused(void **state)
{
	struct bench *b = *state;

	assert_int_equal(commit_rows(b, b->rows, ROWS - 1), ERR_INTEGRITY);
	assert_int_equal(desk_count(&b->d, "put"), 0);
}

/* Releases would count less than they give. */
static void
a_length_that_is_not_the_chunks_is_refused(void **state)
{
	struct bench *b = *state;

	for (uint32_t i = 0; i < ROWS; i++) {
		struct lockbox_row rows[ROWS];

		memcpy(rows, b->rows, sizeof(rows));
		rows[i].length--;
		assert_int_equal(commit_rows(b, rows, ROWS), ERR_INTEGRITY);
	}
	assert_int_equal(desk_count(&b->d, "put"), 0);
	assert_int_equal(commit_rows(b, b->rows, ROWS), 0);
}

static void
a_key_that_is_not_the_familys_is_refused(void **state)
{
	struct bench *b = *state;

	for (uint32_t i = 0; i < ROWS; i++) {
		struct lockbox_row rows[ROWS];

		memcpy(rows, b->rows, sizeof(rows));
		rows[i].key[31] ^= 1;
		assert_int_equal(commit_rows(b, rows, ROWS), ERR_INTEGRITY);
		memcpy(rows, b->rows, sizeof(rows));
		rows[i].sealing.bytes[0] ^= 1;
		assert_int_equal(commit_rows(b, rows, ROWS), ERR_INTEGRITY);
	}
	assert_int_equal(desk_count(&b->d, "put"), 0);
}

#define TEST(x) cmocka_unit_test_setup_teardown(x, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(rows_as_they_were_sealed_are_taken),
		TEST(a_row_too_few_is_refused),
		TEST(a_length_that_is_not_the_chunks_is_refused),
		TEST(a_key_that_is_not_the_familys_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
