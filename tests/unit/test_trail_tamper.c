/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tamper-evident.  tests/vectors/trail-* are the files of a trail of three
 * entries; after a change of the format on purpose:
 * build/tests/unit/test_trail_tamper write
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/test.h"
#include "tests/lib/trails.h"
#include "vault/err.h"
#include "vault/tlog.h"

#define NONE UINT64_MAX

/* A closed trail of n entries in one or more checkpoints. */
static struct trails
closed(uint64_t n)
{
	struct trails t = trails_new();

	assert_int_equal(trails_open(&t, 0), 0);
	assert_int_equal(trails_add(&t, n), 0);
	trails_close(&t);
	return t;
}

static uint64_t
length_of(const struct trails *t, const char *path)
{
	struct stat st;

	assert_int_equal(fstatat(t->s.dir->fd, path, &st, 0), 0);
	return (uint64_t)st.st_size;
}

static void
assert_found(const struct trails *t, uint64_t bad_index)
{
	struct trail_verdict v = { 0 };

	assert_int_equal(trails_verify(t, NULL, &v), ERR_INTEGRITY);
	assert_true(v.bad_index == bad_index);
	assert_true(v.why[0] != '\0');
}

static void
assert_whole(const struct trails *t, uint64_t entries)
{
	struct trail_verdict v;

	assert_int_equal(trails_verify(t, NULL, &v), 0);
	assert_int_equal(v.entries, entries);
	assert_true(v.bad_index == NONE);
}

/* ---- vectors ---- */

static const struct {
	const char *vector, *path;
} vectors[] = {
	{ "tests/vectors/trail-checkpoint", "trail/checkpoint" },
	{ "tests/vectors/trail-entries", "trail/tile/entries/000.p/3" },
	{ "tests/vectors/trail-tile", "trail/tile/0/000.p/3" },
};

static int
write_vectors(void)
{
	OWNED_TRAILS t = closed(3);
	int err = 0;

	for (size_t i = 0; i < 3 && err == 0; i++) {
		OWNED_MEM(uint8_t) bytes = NULL;
		size_t n;

		err = file_load(t.s.dir, vectors[i].path, 4096, &bytes, &n);
		if (err == 0)
			err = file_replace(NULL, vectors[i].vector, bytes, n,
			    0644);
	}
	return err;
}

static void
its_files_are_the_vectors_byte_for_byte(void **state)
{
	OWNED_TRAILS t = closed(3);

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		OWNED_MEM(uint8_t) have = NULL;
		OWNED_MEM(uint8_t) want = NULL;
		size_t n, m;

		assert_int_equal(file_load(t.s.dir, vectors[i].path, 4096,
				     &have, &n),
		    0);
		assert_int_equal(file_load(NULL, vectors[i].vector, 4096, &want,
				     &m),
		    0);
		assert_int_equal(n, m);
		assert_memory_equal(have, want, n);
	}
}

/* ---- what verify finds ---- */

static void
every_flipped_byte_of_the_entries_names_the_entry(void **state)
{
	static const char path[] = "trail/tile/entries/000.p/9";
	OWNED_TRAILS t = closed(9);
	uint64_t size = 2 + strlen("entry-0");

	(void)state;
	assert_int_equal(length_of(&t, path), 9 * size);
	for (uint64_t at = 0; at < 9 * size; at++) {
		trails_flip(&t, path, at);
		assert_found(&t, at / size);
		trails_flip(&t, path, at);
	}
	assert_whole(&t, 9);
}

static void
every_flipped_byte_of_a_leaf_tile_names_its_entry(void **state)
{
	static const char path[] = "trail/tile/0/000.p/9";
	OWNED_TRAILS t = closed(9);

	(void)state;
	for (uint64_t at = 0; at < 9 * DIGEST_SIZE; at++) {
		trails_flip(&t, path, at);
		assert_found(&t, at / DIGEST_SIZE);
		trails_flip(&t, path, at);
	}
}

static void
every_flipped_byte_of_the_checkpoint_is_refused(void **state)
{
	OWNED_TRAILS t = closed(9);
	uint64_t size = length_of(&t, "trail/checkpoint");
	struct trail_verdict v;

	(void)state;
	for (uint64_t at = 0; at < size; at++) {
		trails_flip(&t, "trail/checkpoint", at);
		assert_int_equal(trails_verify(&t, NULL, &v), ERR_INTEGRITY);
		assert_int_equal(trails_open(&t, 0), ERR_INTEGRITY);
		assert_non_null(strstr(trails_line, "trail/checkpoint"));
		trails_flip(&t, "trail/checkpoint", at);
	}
	assert_whole(&t, 9);
}

static void
damage_in_full_tiles_and_higher_levels_is_found(void **state)
{
	static const struct {
		const char *path;
		uint64_t offset, bad_index;
	} cases[] = {
		{ "trail/tile/entries/000", 5 * 9 + 3, 5 },
		{ "trail/tile/entries/001.p/44", 4, 256 },
		{ "trail/tile/0/000", 255 * 32, 255 },
		{ "trail/tile/0/001.p/44", 43 * 32 + 31, 299 },
		{ "trail/tile/1/000.p/1", 0, NONE },
	};
	OWNED_TRAILS t = closed(300);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		trails_flip(&t, cases[i].path, cases[i].offset);
		assert_found(&t, cases[i].bad_index);
		trails_flip(&t, cases[i].path, cases[i].offset);
		assert_int_equal(renameat(t.s.dir->fd, cases[i].path,
				     t.s.dir->fd, "away"),
		    0);
		assert_found(&t,
		    strstr(cases[i].path, "entries") == NULL ? NONE :
			cases[i].bad_index < 256	     ? 0 :
							       256);
		assert_int_equal(renameat(t.s.dir->fd, "away", t.s.dir->fd,
				     cases[i].path),
		    0);
	}
	assert_whole(&t, 300);
}

static void
an_entry_cut_added_or_swapped_is_found(void **state)
{
	static const char path[] = "trail/tile/entries/000.p/9";
	OWNED_TRAILS t = closed(9);
	uint8_t b[9 * 9];

	(void)state;
	trails_peek(&t, path, b, sizeof(b), 0);
	assert_int_equal(file_replace(t.s.dir, path, b, 8 * 9, 0600), 0);
	assert_found(&t, 8);
	assert_int_equal(file_replace(t.s.dir, path, b, 8 * 9 + 1, 0600), 0);
	assert_found(&t, 8);
	assert_int_equal(file_replace(t.s.dir, path, b + 9, 8 * 9, 0600), 0);
	assert_found(&t, 0);
	assert_int_equal(file_replace(t.s.dir, path, b, sizeof(b), 0600), 0);
	trails_poke(&t, path, b, 9, 9 * 9); /* one more */
	assert_found(&t, NONE);
	trails_poke(&t, path, b + 3 * 9, 9, 4 * 9);
	trails_poke(&t, path, b + 4 * 9, 9, 3 * 9);
	assert_found(&t, 3);
}

/* Who changes entry and tile alike must sign anew; the journal, if it was
 * forgotten, still tells which entry it was. */
static void
an_entry_changed_in_bundle_and_tile_is_found_and_named(void **state)
{
	OWNED_TRAILS t = closed(9);
	struct digest leaf = tlog_leaf("entry-X", 7);

	(void)state;
	trails_poke(&t, "trail/tile/entries/000.p/9", "X", 1, 4 * 9 + 8);
	trails_poke(&t, "trail/tile/0/000.p/9", leaf.bytes, DIGEST_SIZE,
	    4 * DIGEST_SIZE);
	assert_found(&t, 4);
	assert_int_equal(trails_open(&t, 0), ERR_INTEGRITY);
}

static void
a_changed_journal_is_found_and_named(void **state)
{
	OWNED_TRAILS t = closed(9);
	const uint64_t record = 104 + strlen("entry-0");

	(void)state;
	for (uint64_t at = 0; at < 9 * record; at += 5) {
		trails_flip(&t, TRAILS_SEGMENT, at);
		assert_found(&t, at / record);
		trails_flip(&t, TRAILS_SEGMENT, at);
	}
	assert_int_equal(renameat(t.s.dir->fd, "trail/journal", t.s.dir->fd,
			     "away"),
	    0);
	assert_found(&t, NONE);
}

/* ---- a checkpoint that somebody kept ---- */

static struct note_checkpoint
published(struct trails *t)
{
	struct note_checkpoint c;

	assert_int_equal(trail_publish(t->trail, &c, NULL), 0);
	return c;
}

static void
the_log_must_extend_the_checkpoint_that_was_kept(void **state)
{
	OWNED_TRAILS t = trails_new();
	struct note_checkpoint kept[3], c;
	struct trail_verdict v;

	(void)state;
	assert_int_equal(trails_open(&t, 0), 0);
	kept[0] = published(&t);
	assert_int_equal(trails_add(&t, 5), 0);
	kept[1] = published(&t);
	assert_int_equal(trails_add(&t, 300), 0);
	kept[2] = published(&t);
	trails_close(&t);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(trails_verify(&t, &kept[i], &v), 0);
	for (size_t i = 0; i < 3; i++) {
		c = kept[i];
		c.root.bytes[7] ^= 1;
		assert_int_equal(trails_verify(&t, &c, &v), ERR_INTEGRITY);
		assert_non_null(strstr(v.why, "rewritten"));
	}
	c = kept[2];
	c.size++;
	assert_int_equal(trails_verify(&t, &c, &v), ERR_INTEGRITY);
	assert_non_null(strstr(v.why, "cut"));
	assert_int_equal(v.bad_index, 300);
	c = kept[1];
	c.origin[0] = 'x';
	assert_int_equal(trails_verify(&t, &c, &v), ERR_INTEGRITY);
	assert_non_null(strstr(v.why, "another log"));
}

/* ---- what keyd refuses to start on ---- */

static void
a_trail_that_lost_a_part_is_refused(void **state)
{
	static const char *const parts[] = { "trail", "trail/checkpoint",
		"trail/journal", TRAILS_SEGMENT, "trail/tile", "trail/tile/0",
		"trail/tile/entries", "trail/tile/0/001.p/44",
		"trail/tile/1/000.p/1", "trail/tile/entries/001.p/44" };
	OWNED_TRAILS t = closed(300);

	(void)state;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		assert_int_equal(renameat(t.s.dir->fd, parts[i], t.s.dir->fd,
				     "away"),
		    0);
		trails_line[0] = '\0';
		assert_int_equal(trails_open(&t, 300), ERR_INTEGRITY);
		assert_non_null(strstr(trails_line, "backup"));
		assert_int_equal(renameat(t.s.dir->fd, "away", t.s.dir->fd,
				     parts[i]),
		    0);
	}
	assert_int_equal(trails_open(&t, 0), 0);
	assert_int_equal(t.replayed, 300);
}

static void
a_trail_that_ends_before_the_catalogue_does_is_refused(void **state)
{
	OWNED_TRAILS t = closed(9);

	(void)state;
	assert_int_equal(trails_open(&t, 10), ERR_INTEGRITY);
	assert_non_null(strstr(trails_line, "ends at entry 9"));
	assert_int_equal(trails_open(&t, 9), 0);
}

/* Keep and bring back what the trail was. */
static void
copy(const struct trails *t, const char *from, const char *to)
{
	OWNED_MEM(uint8_t) bytes = NULL;
	size_t n;

	assert_int_equal(file_load(t->s.dir, from, 16U << 20, &bytes, &n), 0);
	assert_int_equal(file_replace(t->s.dir, to, bytes, n, 0600), 0);
}

static void
an_older_journal_and_checkpoint_do_not_fork_the_log(void **state)
{
	OWNED_TRAILS t = closed(5);

	(void)state;
	copy(&t, "trail/checkpoint", "old-checkpoint");
	copy(&t, TRAILS_SEGMENT, "old-journal");
	assert_int_equal(trails_open(&t, 0), 0);
	assert_int_equal(trails_add(&t, 8), 0);
	trails_close(&t);

	copy(&t, "trail/checkpoint", "new-checkpoint");
	copy(&t, TRAILS_SEGMENT, "new-journal");
	copy(&t, "old-checkpoint", "trail/checkpoint");
	copy(&t, "old-journal", TRAILS_SEGMENT);
	assert_int_equal(trails_open(&t, 0), ERR_INTEGRITY);
	assert_non_null(strstr(trails_line, "the trail was cut"));
	copy(&t, "new-checkpoint", "trail/checkpoint");
	assert_int_equal(trails_open(&t, 0), ERR_INTEGRITY);

	/* The old checkpoint alone leads to the same log again. */
	copy(&t, "old-checkpoint", "trail/checkpoint");
	copy(&t, "new-journal", TRAILS_SEGMENT);
	assert_int_equal(trails_open(&t, 0), 0);
	assert_int_equal(t.replayed, 8);
	trails_close(&t);
	copy(&t, "trail/checkpoint", "old-checkpoint");
	assert_whole(&t, 8);
}

static void
another_vaults_trail_is_refused(void **state)
{
	OWNED_TRAILS t = closed(5);
	struct sign_key *other, *mine = t.seed;
	struct note_key key = t.key;
	uint8_t seed[KEY_SIZE] = { 9 };

	(void)state;
	assert_int_equal(sign_key_from(&other, seed), 0);
	assert_int_equal(note_key_of(&t.key, TRAILS_ORIGIN, other), 0);
	t.seed = other;
	assert_int_equal(trails_open(&t, 0), ERR_INTEGRITY);
	t.seed = mine;
	sign_key_free(other);
	assert_int_equal(note_key_of(&t.key, "weir.example/other", mine), 0);
	assert_int_equal(trails_open(&t, 0), ERR_INTEGRITY);
	t.key = key;
	assert_int_equal(trails_open(&t, 0), 0);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(its_files_are_the_vectors_byte_for_byte),
		cmocka_unit_test(
		    every_flipped_byte_of_the_entries_names_the_entry),
		cmocka_unit_test(
		    every_flipped_byte_of_a_leaf_tile_names_its_entry),
		cmocka_unit_test(
		    every_flipped_byte_of_the_checkpoint_is_refused),
		cmocka_unit_test(
		    damage_in_full_tiles_and_higher_levels_is_found),
		cmocka_unit_test(an_entry_cut_added_or_swapped_is_found),
		cmocka_unit_test(
		    an_entry_changed_in_bundle_and_tile_is_found_and_named),
		cmocka_unit_test(a_changed_journal_is_found_and_named),
		cmocka_unit_test(
		    the_log_must_extend_the_checkpoint_that_was_kept),
		cmocka_unit_test(a_trail_that_lost_a_part_is_refused),
		cmocka_unit_test(
		    a_trail_that_ends_before_the_catalogue_does_is_refused),
		cmocka_unit_test(
		    an_older_journal_and_checkpoint_do_not_fork_the_log),
		cmocka_unit_test(another_vaults_trail_is_refused),
	};

	if (argc == 2 && strcmp(argv[1], "write") == 0)
		return write_vectors() != 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
