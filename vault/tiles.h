/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TILES_H
#define WEIR_TILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/digest.h"
#include "vault/entry.h"
#include "vault/file.h"
#include "vault/owned.h"

/*
 * The files of a C2SP tlog-tiles log (FORMAT.md, "Trail"): hash tiles and
 * entry bundles by their place.  What is read here is well-formed and no
 * more: tiles_view checks it against a checkpoint.
 */

#define TILES_WIDTH 256	 /* hashes in a tile, entries in a bundle */
#define TILES_HEIGHT 8	 /* levels of the tree in one of tiles */
#define TILES_LEVELS 8	 /* levels of tiles that 2^64 entries need */
#define TILES_BUNDLES 64 /* as a level: the entry bundles */

/* Tile n of a level; width of TILES_WIDTH is a full one. */
struct tiles_place {
	unsigned int level;
	uint64_t n;
	unsigned int width;
};

/* "tile/0/x001/x234/067.p/12", beneath trail/. */
#define TILES_PATH_MAX 96
char *tiles_path(const struct tiles_place *place,
    char buf[static TILES_PATH_MAX]);

/* How many hashes (entries, for level 0 and bundles) the last, partial tile of
 * a level has in a log of this size; 0: the last one is full. */
unsigned int tiles_edge(unsigned int level, uint64_t size);

/* A hash tile. */
struct tiles_hashes {
	unsigned int width;
	struct digest hash[TILES_WIDTH];
};
struct digest tiles_hashes_root(const struct tiles_hashes *t); /* width > 0 */

/* The bytes of an entry bundle, cut into entries. */
#define TILES_BUNDLE_MAX ((size_t)TILES_WIDTH * (2 + ENTRY_MAX))
struct tiles_bundle {
	uint8_t *bytes;
	unsigned int width; /* entries that are whole */
	bool sound;	    /* as many as asked for, and nothing else */
	struct {
		const uint8_t *at;
		size_t length;
	} entry[TILES_WIDTH];
};
void tiles_bundle_clear(struct tiles_bundle *b);
#define OWNED_BUNDLE                                                           \
	__attribute__((cleanup(tiles_bundle_clear))) struct tiles_bundle

/*
 * Read a tile or bundle beneath trail/.  A partial one that is not there any
 * more is the beginning of the full one.  A bundle that is damaged is not an
 * error, but not sound.  ERR_NOT_FOUND (not logged), ERR_FORMAT (not
 * logged), ERR_NOMEM, ERR_IO.
 */
int tiles_load(struct tiles_hashes *out, const struct file *trail,
    const struct tiles_place *place) MUST_USE;
int tiles_load_bundle(struct tiles_bundle *out, const struct file *trail,
    const struct tiles_place *place) MUST_USE;

/* A whole file, never waiting for a pipe, with a NUL behind that *length does
 * not count.  As tiles_load; ERR_FORMAT for more than max bytes. */
int tiles_read(const struct file *dir, const char *path, size_t max,
    uint8_t **out, size_t *length) MUST_USE;

#endif
