/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "vault/err.h"
#include "vault/journal.h"
#include "vault/tiles.h"
#include "vault/tlog.h"
#include "vault/trail.h"
#include "vault/trail_reader.h"

#define NO_ENTRY UINT64_MAX

struct verify {
	const struct file *dir;
	struct note_checkpoint checkpoint;
	const struct note_checkpoint *older;
	struct trail_verdict *out;
	struct tlog_tree tree;
	struct tiles_hashes level[TILES_LEVELS]; /* the last tile of each */
	bool cached;				 /* tile is leaf tile tile_n */
	uint64_t tile_n;
	struct tiles_hashes tile;
};

/* Say what is wrong, unless something is known already. */
static int PRINTF_LIKE(3, 4)
    bad(struct verify *v, uint64_t index, const char *fmt, ...)
{
	va_list args;

	if (v->out->bad_index == NO_ENTRY)
		v->out->bad_index = index;
	if (v->out->why[0] == '\0') {
		va_start(args, fmt);
		vsnprintf(v->out->why, sizeof(v->out->why), fmt, args);
		va_end(args);
	}
	return ERR_INTEGRITY;
}

/* For a file that could not be read; index as for bad. */
static int
bad_file(struct verify *v, const struct tiles_place *place, uint64_t index,
    int err)
{
	char path[TILES_PATH_MAX];

	if (err == ERR_NOT_FOUND)
		return bad(v, index, "'%s' is missing",
		    tiles_path(place, path));
	if (err == ERR_FORMAT)
		return bad(v, index, "'%s' is not a tile of its size",
		    tiles_path(place, path));
	return err;
}

/* The place of file n of a level as of the checkpoint. */
static struct tiles_place
place_of(const struct verify *v, unsigned int level, uint64_t n)
{
	struct tiles_place p = { level, n, TILES_WIDTH };
	uint64_t hashes = v->checkpoint.size;

	if (level != TILES_BUNDLES)
		hashes >>= TILES_HEIGHT * level;
	if (hashes / TILES_WIDTH == n)
		p.width = hashes % TILES_WIDTH;
	return p;
}

/* Compare what was computed for the last tile of a level with its file; the
 * leaves were compared one by one. */
static int
compare_tile(struct verify *v, unsigned int level)
{
	const struct tiles_hashes *want = &v->level[level];
	uint64_t hashes = v->tree.size >> (TILES_HEIGHT * level);
	struct tiles_place place = { level, (hashes - 1) / TILES_WIDTH,
		want->width };
	struct tiles_hashes have;
	char path[TILES_PATH_MAX];
	int err;

	if (level == 0)
		return 0;
	err = tiles_load(&have, v->dir, &place);
	if (err != 0)
		return bad_file(v, &place, NO_ENTRY, err);
	for (unsigned int i = 0; i < want->width; i++)
		if (!digest_equal(&want->hash[i], &have.hash[i]))
			return bad(v, NO_ENTRY,
			    "'%s': hash %u is not that of the tile below",
			    tiles_path(&place, path), i);
	return 0;
}

/* Compare an entry with its hash in the leaf tile. */
static int
compare_leaf(struct verify *v, uint64_t index, const struct digest *leaf,
    const char *what)
{
	struct tiles_place place = place_of(v, 0, index / TILES_WIDTH);
	char path[TILES_PATH_MAX];
	int err;

	if (!v->cached || v->tile_n != place.n) {
		v->cached = false;
		err = tiles_load(&v->tile, v->dir, &place);
		if (err != 0)
			return bad_file(v, &place, NO_ENTRY, err);
		v->cached = true;
		v->tile_n = place.n;
	}
	if (!digest_equal(leaf, &v->tile.hash[index % TILES_WIDTH]))
		return bad(v, index,
		    "entry %" PRIu64 " in %s does not have its hash in '%s'",
		    index, what, tiles_path(&place, path));
	return 0;
}

/* Put a hash into its level; full tiles are compared, and go up. */
static int
push(struct verify *v, struct digest hash)
{
	int err = 0;

	for (unsigned int l = 0; l < TILES_LEVELS && err == 0; l++) {
		struct tiles_hashes *t = &v->level[l];

		t->hash[t->width++] = hash;
		if (t->width < TILES_WIDTH)
			return 0;
		err = compare_tile(v, l);
		hash = tiles_hashes_root(t);
		t->width = 0;
	}
	return err;
}

static int
compare_older(struct verify *v)
{
	struct digest root;

	if (v->older == NULL || v->older->size != v->tree.size)
		return 0;
	root = tlog_tree_root(&v->tree);
	if (!digest_equal(&root, &v->older->root))
		return bad(v, NO_ENTRY,
		    "the first %" PRIu64 " entries are not those of the "
		    "checkpoint that was kept: the log was rewritten",
		    v->older->size);
	return 0;
}

static int
take_bundle(struct verify *v, uint64_t n)
{
	const struct tiles_place place = place_of(v, TILES_BUNDLES, n);
	OWNED_BUNDLE b = { 0 };
	char path[TILES_PATH_MAX];
	int err;

	err = tiles_load_bundle(&b, v->dir, &place);
	if (err != 0)
		return bad_file(v, &place, n * TILES_WIDTH, err);
	for (unsigned int i = 0; i < b.width; i++) {
		struct digest leaf = tlog_leaf(b.entry[i].at,
		    b.entry[i].length);

		err = compare_leaf(v, v->tree.size, &leaf, "its bundle");
		tlog_tree_add(&v->tree, &leaf);
		if (err == 0)
			err = push(v, leaf);
		if (err == 0)
			err = compare_older(v);
		if (err != 0)
			return err;
	}
	if (b.width < place.width)
		return bad(v, n * TILES_WIDTH + b.width,
		    "'%s' ends before entry %u", tiles_path(&place, path),
		    b.width);
	if (!b.sound)
		return bad(v, NO_ENTRY, "'%s' has bytes behind its entries",
		    tiles_path(&place, path));
	return 0;
}

/* Entries, tiles and checkpoint. */
static int
check_log(struct verify *v)
{
	uint64_t bundles = v->checkpoint.size / TILES_WIDTH;
	struct digest root;
	int err;

	err = compare_older(v);
	for (uint64_t n = 0; err == 0 && n < bundles; n++)
		err = take_bundle(v, n);
	if (err == 0 && v->checkpoint.size % TILES_WIDTH != 0)
		err = take_bundle(v, bundles);
	for (unsigned int l = 0; l < TILES_LEVELS && err == 0; l++)
		if (v->level[l].width > 0)
			err = compare_tile(v, l);
	if (err != 0)
		return err;
	root = tlog_tree_root(&v->tree);
	if (!digest_equal(&root, &v->checkpoint.root))
		return bad(v, NO_ENTRY,
		    "entries and tiles agree, and are not those that the "
		    "checkpoint was signed over");
	return 0;
}

static int
compare_journal(void *arg, uint64_t index, const uint8_t *bytes, size_t n)
{
	struct verify *v = arg;
	struct digest leaf = tlog_leaf(bytes, n);

	if (index >= v->checkpoint.size)
		return 0;
	return compare_leaf(v, index, &leaf, "the journal");
}

static int
check_journal(struct verify *v, struct trail_reader *r,
    const struct journal_id *id)
{
	OWNED(file) dir = NULL;
	struct journal_fault fault = { .index = NO_ENTRY };
	struct journal_open how = {
		.id = *id,
		.each = compare_journal,
		.arg = v,
		.fault = &fault,
	};
	struct note_checkpoint newest;
	uint64_t first, next;
	int err;

	/* A writer may have published, and removed old segments, since. */
	err = trail_reader_newest(r, &newest);
	if (err != 0)
		return err;
	how.below = newest.size;
	err = file_open(&dir, v->dir, "journal", O_RDONLY | O_DIRECTORY, 0);
	if (err == ERR_NOT_FOUND)
		return bad(v, NO_ENTRY, "'journal' is missing");
	how.dir = dir;
	if (err == 0)
		err = journal_verify(&how, &first, &next);
	if (err == ERR_INTEGRITY && fault.why[0] != '\0')
		return bad(v, fault.index,
		    "the journal, record %" PRIu64 ": %s", fault.index,
		    fault.why);
	return err;
}

/* Checkpoints of another log, or of a longer one. */
static int
check_older(struct verify *v)
{
	if (v->older == NULL)
		return 0;
	if (strcmp(v->older->origin, v->checkpoint.origin) != 0)
		return bad(v, NO_ENTRY,
		    "the checkpoint that was kept is of another log");
	if (v->older->size > v->checkpoint.size)
		return bad(v, v->checkpoint.size,
		    "the log ends after %" PRIu64 " entries, and had %" PRIu64
		    " when the checkpoint was kept: it was cut",
		    v->checkpoint.size, v->older->size);
	return 0;
}

int
trail_verify(struct trail_reader *r, const struct journal_id *id,
    const struct note_checkpoint *older, struct trail_verdict *out)
{
	struct trail_verdict verdict = { .bad_index = NO_ENTRY };
	struct verify v = {
		.dir = trail_reader_directory(r),
		.checkpoint = *trail_reader_checkpoint(r),
		.older = older,
		.out = &verdict,
	};
	int err;

	err = check_older(&v);
	if (err == 0)
		err = check_log(&v);
	/* The journal may know which entry it is. */
	if (err == 0 ||
	    (err == ERR_INTEGRITY && verdict.bad_index == NO_ENTRY)) {
		int journal_err = check_journal(&v, r, id);

		if (err == 0)
			err = journal_err;
	}
	verdict.entries = v.checkpoint.size;
	if (err == 0 || err == ERR_INTEGRITY)
		*out = verdict;
	return err;
}
