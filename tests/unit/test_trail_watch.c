/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tamper-evident, while the writer runs: whatever is done to the files of a
 * trail that is open is found, within three seconds where nothing else runs.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/lib/test.h"
#include "tests/lib/trails.h"
#include "vault/err.h"

#define ENTRIES 600  /* two full bundles, and the beginning of a third */
#define CALM 30	     /* tenths of a second that a control must last */
#define PATIENCE 200 /* and that a busy machine may take to find the others */

static void
rest(void)
{
	const struct timespec t = { 0, 100000000 };

	nanosleep(&t, NULL);
}

static void
path_of(const struct trails *t, const char *path, char *out, size_t size)
{
	snprintf(out, size, "%s/%s", t->s.path, path);
}

/* ---- what is done ---- */

static void
nothing(const struct trails *t)
{
	(void)t;
}

static void
remove_checkpoint(const struct trails *t)
{
	assert_int_equal(unlinkat(t->s.dir->fd, "trail/checkpoint", 0), 0);
}

static void
empty_checkpoint(const struct trails *t)
{
	char path[256];

	path_of(t, "trail/checkpoint", path, sizeof(path));
	assert_int_equal(truncate(path, 0), 0);
}

static void
flip_checkpoint(const struct trails *t)
{
	trails_flip(t, "trail/checkpoint", 25);
}

static void
remove_old_tile(const struct trails *t)
{
	assert_int_equal(unlinkat(t->s.dir->fd, "trail/tile/0/000", 0), 0);
}

static void
flip_old_tile(const struct trails *t)
{
	trails_flip(t, "trail/tile/0/001", 77);
}

static void
flip_last_tile(const struct trails *t)
{
	trails_flip(t, "trail/tile/0/002.p/88", 77);
}

static void
flip_upper_tile(const struct trails *t)
{
	trails_flip(t, "trail/tile/1/000.p/2", 7);
}

static void
remove_old_bundle(const struct trails *t)
{
	assert_int_equal(unlinkat(t->s.dir->fd, "trail/tile/entries/000", 0),
	    0);
}

static void
flip_old_bundle(const struct trails *t)
{
	trails_flip(t, "trail/tile/entries/000", 1000);
}

static void
flip_last_bundle(const struct trails *t)
{
	trails_flip(t, "trail/tile/entries/002.p/88", 5);
}

static void
move_the_tiles(const struct trails *t)
{
	assert_int_equal(renameat(t->s.dir->fd, "trail/tile", t->s.dir->fd,
			     "trail/gone"),
	    0);
}

static void
remove_journal(const struct trails *t)
{
	assert_int_equal(unlinkat(t->s.dir->fd, TRAILS_SEGMENT, 0), 0);
}

static void
cut_journal(const struct trails *t)
{
	char path[256];

	path_of(t, TRAILS_SEGMENT, path, sizeof(path));
	assert_int_equal(truncate(path, 3000), 0);
}

static void
flip_journal(const struct trails *t)
{
	trails_flip(t, TRAILS_SEGMENT, 3000);
}

static void
put_a_copy_of_the_journal(const struct trails *t)
{
	static uint8_t bytes[JOURNAL_SEGMENT];

	trails_peek(t, TRAILS_SEGMENT, bytes, sizeof(bytes), 0);
	assert_int_equal(file_replace(t->s.dir, TRAILS_SEGMENT, bytes,
			     sizeof(bytes), 0600),
	    0);
}

static void
touch_everything(const struct trails *t)
{
	static const char *const paths[] = { TRAILS_SEGMENT, "trail/checkpoint",
		"trail/tile/0/000", "trail/tile/entries/002.p/88" };

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		assert_int_equal(utimensat(t->s.dir->fd, paths[i], NULL, 0), 0);
}

static const struct {
	const char *what;
	void (*act)(const struct trails *t);
	int err;
} acts[] = {
	/* Controls: a watcher that always cries is none. */
	{ "nothing", nothing, 0 },
	{ "touched files", touch_everything, 0 },
	{ "a checkpoint removed", remove_checkpoint, ERR_INTEGRITY },
	{ "a checkpoint emptied", empty_checkpoint, ERR_INTEGRITY },
	{ "a checkpoint changed", flip_checkpoint, ERR_INTEGRITY },
	{ "an old tile removed", remove_old_tile, ERR_INTEGRITY },
	{ "an old tile changed", flip_old_tile, ERR_INTEGRITY },
	{ "the last tile changed", flip_last_tile, ERR_INTEGRITY },
	{ "an upper tile changed", flip_upper_tile, ERR_INTEGRITY },
	{ "an old bundle removed", remove_old_bundle, ERR_INTEGRITY },
	{ "an old bundle changed", flip_old_bundle, ERR_INTEGRITY },
	{ "the last bundle changed", flip_last_bundle, ERR_INTEGRITY },
	{ "all tiles moved away", move_the_tiles, ERR_INTEGRITY },
	{ "the journal removed", remove_journal, ERR_INTEGRITY },
	{ "the journal cut", cut_journal, ERR_INTEGRITY },
	{ "a record changed", flip_journal, ERR_INTEGRITY },
	{ "another file as the journal", put_a_copy_of_the_journal,
	    ERR_INTEGRITY },
};
#define ACTS (sizeof(acts) / sizeof(acts[0]))

static bool
all_found(const struct trails *t)
{
	for (size_t i = 0; i < ACTS; i++)
		if (trail_failed(t[i].trail) != acts[i].err)
			return false;
	return true;
}

/* All at once, each to a trail of its own: it takes a while to wait. */
static void
whatever_is_done_to_an_open_trail_is_found(void **state)
{
	static struct trails t[ACTS];

	(void)state;
	for (size_t i = 0; i < ACTS; i++) {
		struct note_checkpoint c;

		t[i] = trails_new();
		assert_int_equal(trails_open(&t[i], 0), 0);
		assert_int_equal(trails_add(&t[i], ENTRIES), 0);
		assert_int_equal(trail_publish(t[i].trail, &c, NULL), 0);
		assert_int_equal(c.size, ENTRIES);
	}
	for (size_t i = 0; i < ACTS; i++)
		acts[i].act(&t[i]);
	for (int n = 0; n < CALM || (n < PATIENCE && !all_found(t)); n++)
		rest();
	for (size_t i = 0; i < ACTS; i++) {
		uint64_t index;

		if (trail_failed(t[i].trail) != acts[i].err)
			fail_msg("%s: %d", acts[i].what,
			    trail_failed(t[i].trail));
		assert_int_equal(trail_append(t[i].trail, "x", 1, &index),
		    acts[i].err);
	}
	for (size_t i = 0; i < ACTS; i++)
		trails_free(&t[i]);
}

/* A writer that is busy all the while is looked at, too, and is not taken for
 * somebody else. */
static void
a_busy_writer_is_watched(void **state)
{
	OWNED_TRAILS t = trails_new();
	uint64_t to = 0;

	(void)state;
	assert_int_equal(trails_open(&t, 0), 0);
	for (int n = 0; n < 250; n++) {
		to += 40;
		assert_int_equal(trails_add(&t, to), 0);
	}
	assert_int_equal(trail_failed(t.trail), 0);
	remove_journal(&t);
	assert_int_equal(trails_add(&t, to + 1), ERR_INTEGRITY);
	assert_int_equal(trail_failed(t.trail), ERR_INTEGRITY);
}

/* What was changed just before it is replaced is not lost by that. */
static void
a_checkpoint_is_looked_at_before_it_is_replaced(void **state)
{
	OWNED_TRAILS t = trails_new();
	struct note_checkpoint c;

	(void)state;
	assert_int_equal(trails_open(&t, 0), 0);
	assert_int_equal(trails_add(&t, 5), 0);
	assert_int_equal(trail_publish(t.trail, &c, NULL), 0);
	flip_checkpoint(&t);
	(void)trails_add(&t, 6);
	assert_int_equal(trail_publish(t.trail, &c, NULL), ERR_INTEGRITY);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whatever_is_done_to_an_open_trail_is_found),
		cmocka_unit_test(a_busy_writer_is_watched),
		cmocka_unit_test(
		    a_checkpoint_is_looked_at_before_it_is_replaced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
