/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/fault.h"
#include "tests/lib/scratch.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/log.h"
#include "vault/tiles.h"
#include "vault/tiles_view.h"
#include "vault/tiles_writer.h"
#include "vault/tlog.h"

static int
set_up(void **state)
{
	(void)state;
	log_sink(test_hush, NULL);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	log_sink(NULL, NULL);
	return 0;
}

/* ---- helpers: entry N is "entry-N" ---- */

static size_t
entry_of(char text[static 32], uint64_t index)
{
	return (
	    size_t)snprintf(text, 32, "entry-%llu", (unsigned long long)index);
}

/* A log in the making, and what it must be by RFC 6962. */
struct rig {
	struct scratch s;
	struct tiles_writer *writer;
	struct tlog_tree tree;
};

static struct rig
begin(void)
{
	OWNED(tiles_view) view = NULL;
	struct rig r = { .s = scratch_new() };
	struct digest empty = tlog_empty();

	assert_int_equal(tiles_view_open(&view, r.s.dir, 0, &empty), 0);
	assert_int_equal(tiles_writer_open(&r.writer, r.s.dir, view), 0);
	return r;
}

static void
rig_end(struct rig *r)
{
	tiles_writer_free(r->writer);
	scratch_free(&r->s);
}
#define OWNED_RIG __attribute__((cleanup(rig_end))) struct rig

static int
add(struct rig *r, uint64_t to)
{
	int err = 0;

	while (r->tree.size < to && err == 0) {
		char text[32];
		size_t n = entry_of(text, r->tree.size);
		struct digest leaf = tlog_leaf(text, n);

		err = tiles_writer_add(r->writer, text, n);
		tlog_tree_add(&r->tree, &leaf);
	}
	return err;
}

static void
grow(struct rig *r, uint64_t to)
{
	struct digest root, want;
	uint64_t size;

	assert_int_equal(add(r, to), 0);
	assert_int_equal(tiles_writer_flush(r->writer, &size, &root), 0);
	want = tlog_tree_root(&r->tree);
	assert_int_equal(size, to);
	assert_true(digest_equal(&root, &want));
}

static int
view_of(struct tiles_view **out, const struct rig *r)
{
	struct digest root = tlog_tree_root(&r->tree);

	return tiles_view_open(out, r->s.dir, r->tree.size, &root);
}

static int
is_next(void *arg, uint64_t index, const uint8_t *entry, size_t n)
{
	uint64_t *next = arg;
	char text[32];

	assert_int_equal(index, *next);
	assert_int_equal(n, entry_of(text, index));
	assert_memory_equal(entry, text, n);
	(*next)++;
	return 0;
}

static bool
exists(const struct rig *r, const char *path)
{
	return faccessat(r->s.dir->fd, path, F_OK, 0) == 0;
}

static void
assert_holds(const struct rig *r, const char *path, const char *hex)
{
	OWNED_MEM(uint8_t) bytes = NULL;
	size_t n;

	assert_int_equal(file_load(r->s.dir, path, 1 << 20, &bytes, &n), 0);
	assert_int_equal(2 * n, strlen(hex));
	for (size_t i = 0; i < n; i++) {
		char two[3];

		snprintf(two, sizeof(two), "%02x", bytes[i]);
		assert_memory_equal(two, hex + 2 * i, 2);
	}
}

/* ---- what is written ---- */

static void
three_entries_are_the_vectors_bytes(void **state)
{
	OWNED_RIG r = begin();
	char hex[DIGEST_HEX_SIZE], all[3 * DIGEST_HEX_SIZE];

	(void)state;
	grow(&r, 3);
	assert_holds(&r, "tile/entries/000.p/3",
	    "0007656e7472792d300007656e7472792d310007656e7472792d32");
	all[0] = '\0';
	for (uint64_t i = 0; i < 3; i++) {
		char text[32];
		struct digest d = tlog_leaf(text, entry_of(text, i));

		snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s",
		    digest_hex(&d, hex));
	}
	assert_holds(&r, "tile/0/000.p/3", all);
}

static void
paths_are_those_of_tlog_tiles(void **state)
{
	static const struct {
		struct tiles_place place;
		const char *path;
	} cases[] = {
		{ { 0, 5, 256 }, "tile/0/005" },
		{ { 7, 0, 1 }, "tile/7/000.p/1" },
		{ { 1, 1234067, 255 }, "tile/1/x001/x234/067.p/255" },
		{ { TILES_BUNDLES, 1000, 256 }, "tile/entries/x001/000" },
		{ { TILES_BUNDLES, UINT64_MAX, 200 },
		    "tile/entries/x018/x446/x744/x073/x709/x551/615.p/200" },
	};
	char buf[TILES_PATH_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(tiles_path(&cases[i].place, buf),
		    cases[i].path);
}

static void
partial_tiles_go_when_the_full_one_is_there(void **state)
{
	OWNED_RIG r = begin();

	(void)state;
	grow(&r, 255);
	assert_true(exists(&r, "tile/0/000.p/255"));
	assert_true(exists(&r, "tile/entries/000.p/255"));
	assert_false(exists(&r, "tile/1"));
	grow(&r, 256);
	assert_true(exists(&r, "tile/0/000"));
	assert_true(exists(&r, "tile/entries/000"));
	assert_true(exists(&r, "tile/1/000.p/1"));
	assert_false(exists(&r, "tile/0/000.p"));
	assert_false(exists(&r, "tile/entries/000.p"));
	assert_false(exists(&r, "tile/0/001.p"));
	grow(&r, 257);
	assert_true(exists(&r, "tile/0/001.p/1"));
	assert_true(exists(&r, "tile/1/000.p/1"));
}

/* ---- what is read ---- */

/* Every entry, and every proof by the view's nodes, of a log of this size. */
static void
assert_readable(const struct rig *r)
{
	struct digest root = tlog_tree_root(&r->tree);
	OWNED(tiles_view) v = NULL;
	uint64_t next = 0, size = r->tree.size;

	assert_int_equal(view_of(&v, r), 0);
	assert_int_equal(tiles_view_each(v, 0, UINT64_MAX, is_next, &next), 0);
	assert_int_equal(next, size);
	for (uint64_t i = 0; i < size; i += 1 + size / 40) {
		struct digest proof[TLOG_PROOF_MAX], leaf;
		char text[32];
		size_t n;

		leaf = tlog_leaf(text, entry_of(text, i));
		assert_int_equal(tlog_inclusion(i, size, tiles_view_node, v,
				     proof, &n),
		    0);
		assert_true(tlog_inclusion_ok(i, size, &leaf, proof, n, &root));
	}
	next = size / 2;
	assert_int_equal(tiles_view_each(v, size / 2, size, is_next, &next), 0);
	assert_int_equal(next, size);
}

static void
logs_on_each_side_of_every_edge_are_read_back(void **state)
{
	static const uint64_t sizes[] = { 1, 2, 3, 7, 255, 256, 257, 511, 512,
		513, 700, 2000 };
	OWNED_RIG r = begin();

	(void)state;
	assert_readable(&r);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		OWNED(tiles_view) v = NULL;

		grow(&r, sizes[i]);
		assert_readable(&r);
		/* and go on with a writer that begins there */
		tiles_writer_free(r.writer);
		r.writer = NULL;
		assert_int_equal(view_of(&v, &r), 0);
		assert_int_equal(tiles_writer_open(&r.writer, r.s.dir, v), 0);
	}
}

static void
a_third_level_is_made_and_read(void **state)
{
	OWNED_RIG r = begin();

	(void)state;
	grow(&r, 65535);
	assert_false(exists(&r, "tile/2"));
	assert_readable(&r);
	grow(&r, 65537);
	assert_true(exists(&r, "tile/1/000"));
	assert_true(exists(&r, "tile/2/000.p/1"));
	assert_false(exists(&r, "tile/1/001.p"));
	assert_readable(&r);
}

static void
an_older_checkpoint_is_read_after_its_partial_tiles_went(void **state)
{
	OWNED_RIG r = begin();
	OWNED(tiles_view) open = NULL;
	OWNED(tiles_view) late = NULL;
	struct tlog_tree old;
	struct digest root;
	uint64_t next = 0;

	(void)state;
	grow(&r, 300);
	old = r.tree;
	root = tlog_tree_root(&old);
	assert_int_equal(view_of(&open, &r), 0);
	grow(&r, 1000);
	assert_false(exists(&r, "tile/0/001.p"));
	assert_int_equal(tiles_view_each(open, 0, 300, is_next, &next), 0);
	assert_int_equal(tiles_view_open(&late, r.s.dir, 300, &root), 0);
	next = 0;
	assert_int_equal(tiles_view_each(late, 0, 1000, is_next, &next), 0);
	assert_int_equal(next, 300);
}

static void
nothing_beyond_the_checkpoint_is_given_out(void **state)
{
	OWNED_RIG r = begin();
	OWNED(tiles_view) v = NULL;
	struct tiles_bundle b;
	struct digest d;

	(void)state;
	grow(&r, 300);
	assert_int_equal(view_of(&v, &r), 0);
	grow(&r, 600);
	assert_int_equal(tiles_view_node(v, 0, 299, &d), 0);
	assert_int_equal(tiles_view_node(v, 0, 300, &d), ERR_USAGE);
	assert_int_equal(tiles_view_node(v, 2, 74, &d), 0);
	assert_int_equal(tiles_view_node(v, 2, 75, &d), ERR_USAGE);
	assert_int_equal(tiles_view_node(v, 9, 0, &d), ERR_USAGE);
	assert_int_equal(tiles_view_node(v, 64, 0, &d), ERR_USAGE);
	assert_int_equal(tiles_view_node(v, 0, UINT64_MAX, &d), ERR_USAGE);
	assert_int_equal(tiles_view_bundle(v, 1, &b), 0);
	assert_int_equal(b.width, 44);
	tiles_bundle_clear(&b);
	assert_int_equal(tiles_view_bundle(v, 2, &b), ERR_USAGE);
}

/* ---- damage ---- */

static int
read_all(const struct rig *r)
{
	OWNED(tiles_view) v = NULL;
	uint64_t next = 0;
	int err = view_of(&v, r);

	return err != 0 ? err :
			  tiles_view_each(v, 0, UINT64_MAX, is_next, &next);
}

/* The files of a log, for a walk by nftw, which takes no argument. */
static const struct rig *walked;
static unsigned int files;

static int
spoil(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	OWNED(file) f = NULL;
	off_t at, step = st->st_size / 150 + 1;
	uint8_t byte, bad;

	(void)ftw;
	if (type != FTW_F)
		return 0;
	files++;
	assert_int_equal(file_open(&f, NULL, path, O_RDWR, 0), 0);
	for (at = 0; at < st->st_size; at += step) {
		assert_int_equal(file_read_at(f, &byte, 1, (uint64_t)at), 0);
		bad = byte ^ (uint8_t)(1 << at % 8);
		assert_int_equal(file_write_at(f, &bad, 1, (uint64_t)at), 0);
		assert_int_equal(read_all(walked), ERR_INTEGRITY);
		assert_int_equal(file_write_at(f, &byte, 1, (uint64_t)at), 0);
	}
	at = st->st_size - 1;
	assert_int_equal(file_read_at(f, &byte, 1, (uint64_t)at), 0);
	assert_int_equal(ftruncate(f->fd, at), 0);
	assert_int_equal(read_all(walked), ERR_INTEGRITY);
	assert_int_equal(file_write_at(f, &byte, 1, (uint64_t)at), 0);
	assert_int_equal(ftruncate(f->fd, st->st_size + 1), 0);
	assert_int_equal(read_all(walked), ERR_INTEGRITY);
	assert_int_equal(ftruncate(f->fd, st->st_size), 0);
	assert_int_equal(read_all(walked), 0);
	return 0;
}

static int
remove_and_put_back(const char *path, const struct stat *st, int type,
    struct FTW *ftw)
{
	char away[4096];

	(void)st;
	(void)ftw;
	if (type != FTW_F)
		return 0;
	snprintf(away, sizeof(away), "%s/away", walked->s.path);
	assert_int_equal(rename(path, away), 0);
	assert_int_equal(read_all(walked), ERR_INTEGRITY);
	assert_int_equal(rename(away, path), 0);
	return 0;
}

static void
every_file_that_was_damaged_cut_or_removed_is_refused(void **state)
{
	OWNED_RIG r = begin();

	(void)state;
	grow(&r, 300);
	walked = &r;
	files = 0;
	assert_int_equal(nftw(r.s.path, remove_and_put_back, 16, FTW_PHYS), 0);
	assert_int_equal(read_all(&r), 0);
	assert_int_equal(nftw(r.s.path, spoil, 16, FTW_PHYS), 0);
	assert_int_equal(files, 5);
}

static void
a_view_needs_the_root_that_was_signed(void **state)
{
	OWNED_RIG r = begin();
	OWNED(tiles_view) v = NULL;
	struct digest root;

	(void)state;
	grow(&r, 300);
	root = tlog_tree_root(&r.tree);
	root.bytes[31] ^= 1;
	assert_int_equal(tiles_view_open(&v, r.s.dir, 300, &root),
	    ERR_INTEGRITY);
	root.bytes[31] ^= 1;
	assert_int_equal(tiles_view_open(&v, r.s.dir, 299, &root),
	    ERR_INTEGRITY);
	assert_int_equal(tiles_view_open(&v, r.s.dir, 301, &root),
	    ERR_INTEGRITY);
	assert_int_equal(tiles_view_open(&v, r.s.dir, 0, &root), ERR_INTEGRITY);
	assert_int_equal(tiles_view_open(&v, r.s.dir, UINT64_MAX, &root),
	    ERR_INTEGRITY);
}

static void
a_pipe_or_link_for_a_tile_neither_hangs_nor_is_followed(void **state)
{
	OWNED_RIG r = begin();
	int dir;

	(void)state;
	grow(&r, 3);
	dir = openat(r.s.dir->fd, "tile/0/000.p", O_RDONLY | O_DIRECTORY);
	assert_true(dir >= 0);
	assert_int_equal(renameat(dir, "3", dir, "away"), 0);
	assert_int_equal(mkfifoat(dir, "3", 0600), 0);
	assert_int_not_equal(read_all(&r), 0);
	assert_int_equal(unlinkat(dir, "3", 0), 0);
	assert_int_equal(symlinkat("away", dir, "3"), 0);
	assert_int_not_equal(read_all(&r), 0);
	close(dir);
}

/* ---- a disk that fails ---- */

static void
after_any_failure_work_is_done_again_from_the_checkpoint(void **state)
{
	unsigned int failures = 0;

	(void)state;
	for (unsigned int nth = 1;; nth++) {
		OWNED_RIG r = begin();
		OWNED(tiles_view) v = NULL;
		struct tlog_tree before;
		struct digest root;
		uint64_t size;
		bool fired;
		int err;

		grow(&r, 250);
		before = r.tree;
		fault_fail(FAULT_DISK, nth, EIO);
		err = add(&r, 520);
		if (err == 0)
			err = tiles_writer_flush(r.writer, &size, &root);
		fired = fault_off();
		assert_int_equal(err == 0, !fired);
		if (!fired)
			break;
		failures++;

		/* What the checkpoint covers is still there. */
		r.tree = before;
		assert_readable(&r);
		tiles_writer_free(r.writer);
		r.writer = NULL;
		assert_int_equal(view_of(&v, &r), 0);
		assert_int_equal(tiles_writer_open(&r.writer, r.s.dir, v), 0);
		grow(&r, 520);
		assert_readable(&r);
	}
	assert_true(failures > 20);
}

static void
what_a_dead_process_left_is_removed(void **state)
{
	static const char *const left[] = { "tile/0/" FILE_TEMPORARY "1",
		"tile/0/000.p/" FILE_TEMPORARY "2",
		"tile/entries/" FILE_TEMPORARY "3" };
	OWNED_RIG r = begin();
	OWNED(tiles_view) v = NULL;

	(void)state;
	grow(&r, 3);
	for (size_t i = 0; i < 3; i++) {
		OWNED(file) f = NULL;

		assert_int_equal(file_open(&f, r.s.dir, left[i],
				     O_WRONLY | O_CREAT, 0600),
		    0);
	}
	tiles_writer_free(r.writer);
	r.writer = NULL;
	assert_int_equal(view_of(&v, &r), 0);
	assert_int_equal(tiles_writer_open(&r.writer, r.s.dir, v), 0);
	for (size_t i = 0; i < 3; i++)
		assert_false(exists(&r, left[i]));
	assert_readable(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(three_entries_are_the_vectors_bytes),
		cmocka_unit_test(paths_are_those_of_tlog_tiles),
		cmocka_unit_test(partial_tiles_go_when_the_full_one_is_there),
		cmocka_unit_test(logs_on_each_side_of_every_edge_are_read_back),
		cmocka_unit_test(a_third_level_is_made_and_read),
		cmocka_unit_test(
		    an_older_checkpoint_is_read_after_its_partial_tiles_went),
		cmocka_unit_test(nothing_beyond_the_checkpoint_is_given_out),
		cmocka_unit_test(
		    every_file_that_was_damaged_cut_or_removed_is_refused),
		cmocka_unit_test(a_view_needs_the_root_that_was_signed),
		cmocka_unit_test(
		    a_pipe_or_link_for_a_tile_neither_hangs_nor_is_followed),
		cmocka_unit_test(
		    after_any_failure_work_is_done_again_from_the_checkpoint),
		cmocka_unit_test(what_a_dead_process_left_is_removed),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
