/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/tiles_view.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "vault/err.h"
#include "vault/lanes.h"
#include "vault/log.h"

/* A full tile that was checked. */
struct checked {
	bool loaded;
	uint64_t n;
	struct tiles_hashes tile;
};

struct tiles_view {
	const struct file *trail;
	struct tlog_tree tree;
	struct tiles_hashes edge[TILES_LEVELS];
	struct checked last[TILES_LEVELS];
	struct lanes *lanes; /* NULL: too few entries were read so far */
};

/* Bundles in a row that are worth having lanes for. */
#define MANY 4

void
tiles_view_free(struct tiles_view *v)
{
	if (v == NULL)
		return;
	lanes_free(v->lanes);
	free(v);
}

uint64_t
tiles_view_size(const struct tiles_view *v)
{
	return v->tree.size;
}

const struct tlog_tree *
tiles_view_tree(const struct tiles_view *v)
{
	return &v->tree;
}

const struct tiles_hashes *
tiles_view_edge(const struct tiles_view *v, unsigned int level)
{
	return &v->edge[level];
}

/* How many full tiles a level has. */
static uint64_t
full_tiles(const struct tiles_view *v, unsigned int level)
{
	unsigned int bits = TILES_HEIGHT * (level + 1);

	return bits < 64 ? v->tree.size >> bits : 0;
}

/* Say what is wrong with a file and return the error. */
static int
refuse(const struct tiles_view *v, const struct tiles_place *place,
    const char *why)
{
	char path[TILES_PATH_MAX];

	return log_err(ERR_INTEGRITY,
	    "the trail was changed: '%s/%s' %s; restore the vault from a "
	    "backup",
	    v->trail->name, tiles_path(place, path), why);
}

static int
load_error(const struct tiles_view *v, const struct tiles_place *place, int err)
{
	if (err == ERR_NOT_FOUND)
		return refuse(v, place, "is missing");
	if (err == ERR_FORMAT)
		return refuse(v, place, "is not a tile of its size");
	return err;
}

/* Hash a run of a tile's hashes; count is a power of two. */
static struct digest
run_root(const struct tiles_hashes *t, unsigned int first, unsigned int count)
{
	struct tlog_tree tree = { 0 };

	for (unsigned int i = 0; i < count; i++)
		tlog_tree_add(&tree, &t->hash[first + i]);
	return tlog_tree_root(&tree);
}

/* Load the last tile of a level, and take its subtrees' roots as peaks. */
static int
load_edge(struct tiles_view *v, unsigned int level)
{
	struct tiles_hashes *t = &v->edge[level];
	struct tiles_place place = { .level = level };
	unsigned int at = 0;
	int err;

	place.width = tiles_edge(level, v->tree.size);
	place.n = full_tiles(v, level);
	if (place.width == 0)
		return 0;
	err = tiles_load(t, v->trail, &place);
	if (err != 0)
		return load_error(v, &place, err);
	for (unsigned int bit = TILES_HEIGHT; bit-- > 0;) {
		if ((place.width >> bit & 1) == 0)
			continue;
		v->tree.peaks[level * TILES_HEIGHT + bit] = run_root(t, at,
		    1U << bit);
		at += 1U << bit;
	}
	return 0;
}

int
tiles_view_open(struct tiles_view **out, const struct file *trail,
    uint64_t size, const struct digest *root)
{
	OWNED(tiles_view) v = calloc(1, sizeof(*v));
	struct digest r;
	int err = 0;

	if (v == NULL)
		return ERR_NOMEM;
	v->trail = trail;
	v->tree.size = size;
	for (unsigned int l = 0; l < TILES_LEVELS && err == 0; l++)
		err = load_edge(v, l);
	if (err != 0)
		return err;
	r = tlog_tree_root(&v->tree);
	if (!digest_equal(&r, root))
		return log_err(ERR_INTEGRITY,
		    "the trail was changed: the last tiles in '%s/tile' are "
		    "not those of the checkpoint of %" PRIu64
		    " entries; restore the vault from a backup",
		    trail->name, size);
	*out = v;
	v = NULL;
	return 0;
}

/* The root of a full tile, each of its levels side by side. */
static struct digest
full_root(struct tiles_view *v, const struct tiles_hashes *t)
{
	uint8_t pairs[TILES_WIDTH / 2][1 + 2 * DIGEST_SIZE];
	struct lanes_bytes in[TILES_WIDTH / 2];
	struct digest hash[TILES_WIDTH];

	if (v->lanes == NULL)
		return tiles_hashes_root(t);
	memcpy(hash, t->hash, sizeof(hash));
	for (unsigned int n = TILES_WIDTH / 2; n > 0; n /= 2) {
		for (unsigned int i = 0; i < n; i++) {
			in[i] = (struct lanes_bytes){ pairs[i],
				tlog_node_bytes(pairs[i], &hash[2 * i],
				    &hash[2 * i + 1]) };
		}
		lanes_digest(v->lanes, in, n, hash);
	}
	return hash[0];
}

static int checked_hash(struct tiles_view *v, unsigned int level, uint64_t n,
    struct digest *out);

/* Borrow tile n of a level, checked. */
static int
checked_tile(struct tiles_view *v, unsigned int level, uint64_t n,
    const struct tiles_hashes **out)
{
	const struct tiles_place place = { level, n, TILES_WIDTH };
	struct checked *c = &v->last[level];
	struct digest want, root;
	int err;

	*out = &v->edge[level];
	if (n == full_tiles(v, level))
		return 0;
	*out = &c->tile;
	if (c->loaded && c->n == n)
		return 0;

	err = checked_hash(v, level + 1, n, &want);
	if (err != 0)
		return err;
	c->loaded = false;
	err = tiles_load(&c->tile, v->trail, &place);
	if (err != 0)
		return load_error(v, &place, err);
	root = full_root(v, &c->tile);
	if (!digest_equal(&root, &want))
		return refuse(v, &place, "is not the one of the checkpoint");
	c->loaded = true;
	c->n = n;
	return 0;
}

/* Hash n of a level of tiles. */
static int
checked_hash(struct tiles_view *v, unsigned int level, uint64_t n,
    struct digest *out)
{
	const struct tiles_hashes *t;
	int err = checked_tile(v, level, n / TILES_WIDTH, &t);

	if (err == 0)
		*out = t->hash[n % TILES_WIDTH];
	return err;
}

int
tiles_view_node(void *view, unsigned int level, uint64_t n, struct digest *out)
{
	struct tiles_view *v = view;
	const struct tiles_hashes *t;
	unsigned int bits = level % TILES_HEIGHT;
	uint64_t first = n << bits;
	int err;

	if (level >= 64 || v->tree.size >> level <= n)
		return ERR_USAGE;
	err = checked_tile(v, level / TILES_HEIGHT, first / TILES_WIDTH, &t);
	if (err == 0)
		*out = run_root(t, first % TILES_WIDTH, 1U << bits);
	return err;
}

/* The leaves of a bundle's entries. */
static int
leaves_of(struct tiles_view *v, const struct tiles_bundle *b,
    struct digest *leaves)
{
	OWNED_MEM(uint8_t) bytes = NULL;
	struct lanes_bytes in[TILES_WIDTH];
	size_t at = 0;

	for (unsigned int i = 0; i < b->width; i++)
		at += TLOG_LEAF_BYTES(b->entry[i].length);
	bytes = malloc(at + 1);
	if (bytes == NULL)
		return ERR_NOMEM;
	at = 0;
	for (unsigned int i = 0; i < b->width; i++) {
		in[i].at = bytes + at;
		in[i].length = tlog_leaf_bytes(bytes + at, b->entry[i].at,
		    b->entry[i].length);
		at += in[i].length;
	}
	lanes_digest(v->lanes, in, b->width, leaves);
	return 0;
}

static int
check_bundle(struct tiles_view *v, const struct tiles_place *place,
    const struct tiles_bundle *b)
{
	struct digest leaves[TILES_WIDTH], want;
	char path[TILES_PATH_MAX];
	int err = leaves_of(v, b, leaves);

	for (unsigned int i = 0; err == 0 && i < b->width; i++) {
		uint64_t index = place->n * TILES_WIDTH + i;

		err = checked_hash(v, 0, index, &want);
		if (err == 0 && !digest_equal(&leaves[i], &want))
			return log_err(ERR_INTEGRITY,
			    "the trail was changed: entry %" PRIu64
			    " in '%s/%s' is not the one of the checkpoint; "
			    "restore the vault from a backup",
			    index, v->trail->name, tiles_path(place, path));
	}
	return err;
}

int
tiles_view_bundle(struct tiles_view *v, uint64_t n, struct tiles_bundle *out)
{
	struct tiles_place place = { TILES_BUNDLES, n, TILES_WIDTH };
	struct tiles_bundle b = { 0 };
	int err;

	if (n > full_tiles(v, 0))
		return ERR_USAGE;
	if (n == full_tiles(v, 0))
		place.width = v->edge[0].width;
	if (place.width == 0) {
		*out = b;
		return 0;
	}
	err = tiles_load_bundle(&b, v->trail, &place);
	if (err != 0)
		return load_error(v, &place, err);
	err = b.sound ? check_bundle(v, &place, &b) :
			load_error(v, &place, ERR_FORMAT);
	if (err != 0) {
		tiles_bundle_clear(&b);
		return err;
	}
	*out = b;
	return 0;
}

int
tiles_view_many(struct tiles_view *v)
{
	return v->lanes == NULL ? lanes_new(&v->lanes, LANES_FASTER) : 0;
}

int
tiles_view_each(struct tiles_view *v, uint64_t from, uint64_t to,
    int (*each)(void *arg, uint64_t index, const uint8_t *entry, size_t n),
    void *arg)
{
	if (to > v->tree.size)
		to = v->tree.size;
	if (from < to && to - from > MANY * TILES_WIDTH) {
		int err = tiles_view_many(v);

		if (err != 0)
			return err;
	}
	while (from < to) {
		OWNED_BUNDLE b = { 0 };
		int err = tiles_view_bundle(v, from / TILES_WIDTH, &b);

		for (unsigned int i = from % TILES_WIDTH;
		     err == 0 && i < b.width && from < to; i++, from++)
			err = each(arg, from, b.entry[i].at, b.entry[i].length);
		if (err != 0)
			return err;
	}
	return 0;
}
