/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/test.h"
#include "tests/lib/trails.h"
#include "vault/err.h"
#include "vault/tiles_copy.h"
#include "vault/tiles_view.h"

/* A checkpoint of a trail of so many entries, and its directory. */
struct made {
	struct note_checkpoint checkpoint;
	char *note;
	struct file *dir;
};

static void
made_clear(struct made *m)
{
	free(m->note);
	file_free(m->dir);
}

static void
publish(struct trails *t, uint64_t entries, struct made *m)
{
	assert_int_equal(trails_add(t, entries), 0);
	assert_int_equal(trail_publish(t->trail, &m->checkpoint, &m->note), 0);
	assert_true(m->checkpoint.size == entries);
	assert_int_equal(file_open(&m->dir, t->s.dir, "trail",
			     O_RDONLY | O_DIRECTORY, 0),
	    0);
}

static int
copy(const struct made *m, const struct scratch *to, const struct file *known)
{
	const struct tiles_copy how = { m->dir, to->dir, known, &m->checkpoint,
		m->note };

	return tiles_copy_run(&how);
}

static void
a_log_of_any_size_is_copied(void **state)
{
	static const uint64_t sizes[] = { 1, 255, 256, 257, 511, 512, 700 };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		__attribute__((cleanup(made_clear))) struct made m = { 0 };
		OWNED_TRAILS t = trails_new();
		OWNED_SCRATCH to = scratch_new();
		OWNED(tiles_view) v = NULL;

		assert_int_equal(trails_open(&t, 0), 0);
		publish(&t, sizes[i], &m);
		assert_int_equal(copy(&m, &to, NULL), 0);
		assert_int_equal(tiles_view_open(&v, to.dir, sizes[i],
				     &m.checkpoint.root),
		    0);
		trails_close(&t);
	}
}

/* Tiles that were partial are full by the time that they are copied. */
static void
a_log_that_grew_is_copied_as_it_was(void **state)
{
	__attribute__((cleanup(made_clear))) struct made m = { 0 },
							 later = { 0 };
	OWNED_TRAILS t = trails_new();
	OWNED_SCRATCH to = scratch_new();
	struct stat st;

	(void)state;
	assert_int_equal(trails_open(&t, 0), 0);
	publish(&t, 300, &m);
	publish(&t, 900, &later);
	assert_int_equal(copy(&m, &to, NULL), 0);
	assert_int_equal(fstatat(to.dir->fd, "tile/entries/001.p/44", &st, 0),
	    0);
	assert_int_equal(fstatat(to.dir->fd, "tile/entries/001", &st, 0), -1);
	trails_close(&t);
}

static void
full_tiles_are_linked(void **state)
{
	__attribute__((cleanup(made_clear))) struct made m = { 0 },
							 later = { 0 };
	OWNED_TRAILS t = trails_new();
	OWNED_SCRATCH first = scratch_new(), second = scratch_new();
	struct stat a, b;

	(void)state;
	assert_int_equal(trails_open(&t, 0), 0);
	publish(&t, 300, &m);
	assert_int_equal(copy(&m, &first, NULL), 0);
	publish(&t, 600, &later);
	assert_int_equal(copy(&later, &second, first.dir), 0);
	assert_int_equal(fstatat(first.dir->fd, "tile/entries/000", &a, 0), 0);
	assert_int_equal(fstatat(second.dir->fd, "tile/entries/000", &b, 0), 0);
	assert_true(a.st_ino == b.st_ino);
	trails_close(&t);
}

static void
a_changed_entry_is_found(void **state)
{
	__attribute__((cleanup(made_clear))) struct made m = { 0 };
	OWNED_TRAILS t = trails_new();
	OWNED_SCRATCH to = scratch_new();
	struct stat st;

	(void)state;
	assert_int_equal(trails_open(&t, 0), 0);
	publish(&t, 600, &m);
	trails_close(&t);
	trails_flip(&t, "trail/tile/entries/000", 40);
	assert_int_equal(copy(&m, &to, NULL), ERR_INTEGRITY);
	assert_int_equal(fstatat(to.dir->fd, "checkpoint", &st, 0), -1);
}

static void
a_missing_tile_is_found(void **state)
{
	__attribute__((cleanup(made_clear))) struct made m = { 0 };
	OWNED_TRAILS t = trails_new();
	OWNED_SCRATCH to = scratch_new();

	(void)state;
	assert_int_equal(trails_open(&t, 0), 0);
	publish(&t, 600, &m);
	trails_close(&t);
	assert_int_equal(unlinkat(t.s.dir->fd, "trail/tile/0/001", 0), 0);
	assert_int_equal(copy(&m, &to, NULL), ERR_INTEGRITY);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_log_of_any_size_is_copied),
		cmocka_unit_test(a_log_that_grew_is_copied_as_it_was),
		cmocka_unit_test(full_tiles_are_linked),
		cmocka_unit_test(a_changed_entry_is_found),
		cmocka_unit_test(a_missing_tile_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
