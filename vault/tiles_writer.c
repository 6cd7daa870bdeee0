/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/tiles_writer.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vault/err.h"
#include "vault/log.h"
#include "vault/names.h"
#include "vault/tiles.h"
#include "vault/tlog.h"
#include "vault/writer.h"

#define FILE_MODE 0640
#define DIR_MODE 0750

/* The last tile of a level, being filled. */
struct filling {
	struct tiles_hashes tile;
	bool grown;			/* since it was last written */
	char directory[TILES_PATH_MAX]; /* the one last made for it */
};

struct tiles_writer {
	const struct file *trail;
	struct tlog_tree tree;
	struct filling level[TILES_LEVELS];
	struct writer bundle;
	bool bundle_grown;
	char bundle_directory[TILES_PATH_MAX];
};

void
tiles_writer_free(struct tiles_writer *w)
{
	if (w == NULL)
		return;
	writer_free(&w->bundle);
	free(w);
}

/* ---- directories ---- */

/* Make the directories that path goes through, unless they are the ones made
 * last time. */
static int
make_parents(const struct tiles_writer *w, const char *path, char *made)
{
	char parent[TILES_PATH_MAX];
	size_t n = (size_t)(strrchr(path, '/') - path);
	int err = 0;

	if (strncmp(made, path, n) == 0 && made[n] == '\0')
		return 0;
	made[0] = '\0';
	for (size_t i = 1; i <= n && err == 0; i++) {
		if (path[i] != '/')
			continue;
		snprintf(parent, sizeof(parent), "%.*s", (int)i, path);
		err = file_mkdir(w->trail, parent, DIR_MODE);
	}
	if (err == 0)
		snprintf(made, TILES_PATH_MAX, "%.*s", (int)n, path);
	return err;
}

static int
remove_name(void *arg, const char *name)
{
	const struct file *dir = arg;

	if (unlinkat(dir->fd, name, 0) != 0)
		return log_sys("unlink '%s/%s'", dir->name, name);
	return 0;
}

static int
remove_temporary(void *arg, const char *name)
{
	if (strncmp(name, FILE_TEMPORARY, strlen(FILE_TEMPORARY)) != 0)
		return 0;
	return remove_name(arg, name);
}

/* Call each for every name in a directory, if it is there. */
static int
clear(const struct tiles_writer *w, const char *path,
    int (*each)(void *arg, const char *name))
{
	OWNED(file) dir = NULL;
	int err;

	err = file_open(&dir, w->trail, path, O_RDONLY | O_DIRECTORY, 0);
	if (err == ERR_NOT_FOUND)
		return 0;
	if (err != 0)
		return err;
	return names_each(dir, each, dir);
}

/* The full tile is there: readers of the partial ones turn to it.  What cannot
 * be removed stays; it does no harm. */
static void
remove_partials(const struct tiles_writer *w, const char *full)
{
	char path[TILES_PATH_MAX + 2];

	snprintf(path, sizeof(path), "%s.p", full);
	if (clear(w, path, remove_name) != 0)
		return;
	if (unlinkat(w->trail->fd, path, AT_REMOVEDIR) != 0 && errno != ENOENT)
		log_warn("'%s/%s' could not be removed", w->trail->name, path);
}

/* ---- writing ---- */

static int
store(struct tiles_writer *w, const struct tiles_place *place, char *made,
    const void *bytes, size_t n)
{
	char path[TILES_PATH_MAX];
	int err;

	tiles_path(place, path);
	err = make_parents(w, path, made);
	if (err == 0)
		err = file_replace(w->trail, path, bytes, n, FILE_MODE);
	if (err == 0 && place->width == TILES_WIDTH)
		remove_partials(w, path);
	return err;
}

/* Write the last tile of a level; it holds the subtrees up to the end. */
static int
store_level(struct tiles_writer *w, unsigned int level)
{
	struct filling *f = &w->level[level];
	struct tiles_place place = { .level = level, .width = f->tile.width };
	uint64_t hashes = w->tree.size >> (TILES_HEIGHT * level);
	uint8_t bytes[TILES_WIDTH * DIGEST_SIZE];

	place.n = (hashes - 1) / TILES_WIDTH;
	for (unsigned int i = 0; i < place.width; i++)
		memcpy(bytes + (size_t)i * DIGEST_SIZE, f->tile.hash[i].bytes,
		    DIGEST_SIZE);
	f->grown = false;
	return store(w, &place, f->directory, bytes,
	    (size_t)place.width * DIGEST_SIZE);
}

static int
store_bundle(struct tiles_writer *w)
{
	struct tiles_place place = {
		.level = TILES_BUNDLES,
		.n = (w->tree.size - 1) / TILES_WIDTH,
		.width = (unsigned int)((w->tree.size - 1) % TILES_WIDTH) + 1,
	};

	w->bundle_grown = false;
	return store(w, &place, w->bundle_directory, w->bundle.bytes,
	    w->bundle.length);
}

/* Put a hash into its level; a full tile's root goes into the next one. */
static int
push(struct tiles_writer *w, struct digest hash)
{
	int err = 0;

	for (unsigned int l = 0; l < TILES_LEVELS && err == 0; l++) {
		struct filling *f = &w->level[l];

		f->tile.hash[f->tile.width++] = hash;
		f->grown = true;
		if (f->tile.width < TILES_WIDTH)
			return 0;
		err = store_level(w, l);
		hash = tiles_hashes_root(&f->tile);
		f->tile.width = 0;
	}
	return err;
}

static void
add_to_bundle(struct tiles_writer *w, const void *entry, size_t n)
{
	writer_u8(&w->bundle, (uint8_t)(n >> 8));
	writer_u8(&w->bundle, n & 0xff);
	writer_bytes(&w->bundle, entry, n);
}

int
tiles_writer_add(struct tiles_writer *w, const void *entry, size_t n)
{
	struct digest leaf = tlog_leaf(entry, n);
	int err = 0;

	assert(n > 0 && n <= ENTRY_MAX);
	add_to_bundle(w, entry, n);
	if (!writer_ok(&w->bundle))
		return ERR_NOMEM;
	w->bundle_grown = true;
	tlog_tree_add(&w->tree, &leaf);
	if (tiles_edge(TILES_BUNDLES, w->tree.size) == 0) {
		err = store_bundle(w);
		writer_reset(&w->bundle);
	}
	if (err == 0)
		err = push(w, leaf);
	return err;
}

int
tiles_writer_flush(struct tiles_writer *w, uint64_t *size, struct digest *root)
{
	int err = 0;

	if (w->bundle_grown)
		err = store_bundle(w);
	for (unsigned int l = 0; l < TILES_LEVELS && err == 0; l++)
		if (w->level[l].grown)
			err = store_level(w, l);
	if (err != 0)
		return err;
	*size = w->tree.size;
	*root = tlog_tree_root(&w->tree);
	return 0;
}

/* ---- beginning ---- */

/* Remove temporary files beside tile n of a level and among its partial
 * ones. */
static int
sweep(const struct tiles_writer *w, unsigned int level, uint64_t n)
{
	const struct tiles_place place = { level, n, TILES_WIDTH };
	char path[TILES_PATH_MAX], partial[TILES_PATH_MAX + 2];
	int err;

	tiles_path(&place, path);
	snprintf(partial, sizeof(partial), "%s.p", path);
	err = clear(w, partial, remove_temporary);
	if (err != 0)
		return err;
	*strrchr(path, '/') = '\0';
	return clear(w, path, remove_temporary);
}

int
tiles_writer_open(struct tiles_writer **out, const struct file *trail,
    struct tiles_view *view)
{
	OWNED(tiles_writer) w = calloc(1, sizeof(*w));
	OWNED_BUNDLE b = { 0 };
	uint64_t n;
	int err;

	if (w == NULL)
		return ERR_NOMEM;
	w->trail = trail;
	w->tree = *tiles_view_tree(view);
	w->bundle = writer_of(TILES_BUNDLE_MAX);
	n = w->tree.size / TILES_WIDTH;
	err = tiles_view_bundle(view, n, &b);
	if (err == 0)
		err = sweep(w, TILES_BUNDLES, n);
	for (unsigned int l = 0; l < TILES_LEVELS && err == 0; l++) {
		n /= l == 0 ? 1 : TILES_WIDTH;
		w->level[l].tile = *tiles_view_edge(view, l);
		err = sweep(w, l, n);
	}
	if (err != 0)
		return err;

	/* The checkpoint's own. */
	err = clear(w, ".", remove_temporary);
	if (err != 0)
		return err;

	for (unsigned int i = 0; i < b.width; i++)
		add_to_bundle(w, b.entry[i].at, b.entry[i].length);
	if (!writer_ok(&w->bundle))
		return ERR_NOMEM;
	*out = w;
	w = NULL;
	return 0;
}
