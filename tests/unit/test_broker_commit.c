/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "keys/frame.h"
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
load(struct bench *b)
{
	OWNED_MEM(uint8_t) plain = NULL;
	OWNED(lockbox) box = NULL;
	size_t n;

	assert_int_equal(store_open_page(b->d.store, &b->m.object,
			     OBJECT_MANIFEST, b->manifest_key, &plain, &n),
	    0);
	assert_int_equal(manifest_parse(&b->manifest, plain, n, NULL), 0);
	assert_int_equal(b->manifest->page_count, 1);
	assert_int_equal(store_open_lockbox(b->d.store,
			     &b->manifest->pages[0].lockbox, b->lockbox_key, 0,
			     &box),
	    0);
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
	log_sink(test_hush, NULL);
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

/* --- while it is looked at --- */

/* What the reply at hand says: its error, or whether the version was known. */
static int
told(const struct desk_person *p, bool *known)
{
	struct reader r;
	struct frame f;
	OWNED_MEM(char) sentence = NULL;
	size_t used;
	int err;

	assert_true(p->answered);
	assert_int_equal(frame_parse(&f, p->answer.bytes, p->answer.length,
			     &used),
	    0);
	r = reader_of(f.body, f.length);
	assert_int_equal(msg_status_read(&r, &err, &sentence), 0);
	if (err == 0)
		*known = reader_u8(&r) != 0;
	return err;
}

static void
wait_for(struct desk_person *p)
{
	while (!p->answered)
		desk_settle(p->d);
}

static void
others_are_served_while_a_commit_is_looked_at(void **state)
{
	struct bench *b = *state;
	struct desk_person other;
	bool known = true;

	desk_person_come(&other, &b->d, 1);
	desk_commit_send(&b->owner, &b->m);
	assert_false(b->owner.answered);
	assert_int_equal(broker_waiting(b->owner.link), 1);
	assert_int_equal(desk_ask(&other, MSG_STATUS, NULL, NULL), 0);
	wait_for(&b->owner);
	assert_int_equal(told(&b->owner, &known), 0);
	assert_false(known);
	assert_int_equal(broker_waiting(b->owner.link), 0);
	desk_person_go(&other);
}

static void
a_commit_under_way_is_not_begun_twice(void **state)
{
	struct bench *b = *state;
	uint64_t first = b->owner.last_id + 1;

	desk_commit_send(&b->owner, &b->m);
	assert_int_equal(desk_commit(&b->owner, &b->m), ERR_CONFLICT);
	while (broker_waiting(b->owner.link) > 0)
		desk_settle(&b->d);
	assert_true(b->owner.last_id > first);
	assert_int_equal(desk_count(&b->d, "put"), 1);
}

/* Two copies of one tree: the one that comes second finds the other there, and
 * looks at it. */
static void
two_commits_of_one_version_make_one(void **state)
{
	struct bench *b = *state;
	struct msg_put_begin_reply begun;
	struct catalogue_version v;
	struct desk_person other;
	struct msg_put_commit m;
	bool known = true;

	desk_person_come(&other, &b->d, 0);
	assert_int_equal(desk_begin(&other, "llama", &begun), 0);
	assert_int_equal(desk_take_in(&other, &begun, sizes, 2, &m), 0);
	assert_true(digest_equal(&m.version, &b->m.version));
	desk_commit_send(&b->owner, &b->m);
	desk_commit_send(&other, &m);
	wait_for(&b->owner);
	wait_for(&other);
	assert_int_equal(told(&b->owner, &known), 0);
	assert_false(known);
	assert_int_equal(told(&other, &known), 0);
	assert_true(known);
	assert_int_equal(catalogue_version_get(b->d.catalogue, "llama",
			     &m.version, &v),
	    0);
	assert_true(digest_equal(&v.object, &b->m.object));
	desk_person_go(&other);
}

static void
who_leaves_while_it_is_looked_at_commits_nothing(void **state)
{
	struct bench *b = *state;

	desk_commit_send(&b->owner, &b->m);
	desk_person_go(&b->owner);
	desk_person_come(&b->owner, &b->d, 0);
	assert_int_equal(desk_commit(&b->owner, &b->m), ERR_DENIED);
	assert_int_equal(desk_count(&b->d, "put"), 0);
}

/* It is broken off or done, and the client hears which. */
static void
a_commit_at_the_end_is_answered(void **state)
{
	struct bench *b = *state;
	bool known;
	int err;

	desk_commit_send(&b->owner, &b->m);
	assert_int_equal(broker_stop(b->d.broker), 0);
	err = told(&b->owner, &known);
	assert_true(err == 0 || err == ERR_UNREACHABLE);
	assert_int_equal(desk_count(&b->d, "put"), err == 0);
}

static void
a_keyd_that_is_freed_leaves_no_check_at_work(void **state)
{
	struct bench *b = *state;

	desk_commit_send(&b->owner, &b->m);
	desk_person_go(&b->owner);
	desk_restart(&b->d, false);
	desk_person_come(&b->owner, &b->d, 0);
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
		TEST(others_are_served_while_a_commit_is_looked_at),
		TEST(a_commit_under_way_is_not_begun_twice),
		TEST(two_commits_of_one_version_make_one),
		TEST(who_leaves_while_it_is_looked_at_commits_nothing),
		TEST(a_commit_at_the_end_is_answered),
		TEST(a_keyd_that_is_freed_leaves_no_check_at_work),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
