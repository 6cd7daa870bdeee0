/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/tiles.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vault/err.h"
#include "vault/tlog.h"

char *
tiles_path(const struct tiles_place *place, char buf[static TILES_PATH_MAX])
{
	char n[TLOG_PATH_MAX], level[12] = "entries", width[12] = "";

	if (place->level != TILES_BUNDLES)
		snprintf(level, sizeof(level), "%u", place->level);
	if (place->width != TILES_WIDTH)
		snprintf(width, sizeof(width), ".p/%u", place->width);
	snprintf(buf, TILES_PATH_MAX, "tile/%s/%s%s", level,
	    tlog_path(place->n, n), width);
	return buf;
}

unsigned int
tiles_edge(unsigned int level, uint64_t size)
{
	if (level == TILES_BUNDLES)
		level = 0;
	assert(level < TILES_LEVELS);
	return size >> (TILES_HEIGHT * level) & (TILES_WIDTH - 1);
}

struct digest
tiles_hashes_root(const struct tiles_hashes *t)
{
	struct tlog_tree tree = { 0 };

	assert(t->width > 0);
	for (unsigned int i = 0; i < t->width; i++)
		tlog_tree_add(&tree, &t->hash[i]);
	return tlog_tree_root(&tree);
}

void
tiles_bundle_clear(struct tiles_bundle *b)
{
	free(b->bytes);
	b->bytes = NULL;
	b->width = 0;
}

/* Cut n bytes, taken over, into width entries. */
static void
cut(struct tiles_bundle *b, uint8_t *bytes, size_t n, unsigned int width)
{
	size_t at = 0;

	b->bytes = bytes;
	for (b->width = 0; b->width < width; b->width++) {
		size_t length;

		if (n - at < 2)
			break;
		length = (size_t)bytes[at] << 8 | bytes[at + 1];
		if (length > n - at - 2)
			break;
		b->entry[b->width].at = bytes + at + 2;
		b->entry[b->width].length = length;
		at += 2 + length;
	}
	b->sound = b->width == width && at == n;
}

int
tiles_read(const struct file *dir, const char *path, size_t max, uint8_t **out,
    size_t *length)
{
	OWNED(file) f = NULL;
	OWNED_MEM(uint8_t) bytes = NULL;
	uint64_t size;
	int err;

	err = file_open(&f, dir, path, O_RDONLY | O_NONBLOCK, 0);
	if (err == 0)
		err = file_size(f, &size);
	if (err != 0)
		return err;
	if (size > max)
		return ERR_FORMAT;
	bytes = malloc((size_t)size + 1);
	if (bytes == NULL)
		return ERR_NOMEM;
	err = file_read_at(f, bytes, (size_t)size, 0);
	if (err != 0)
		return err;
	bytes[size] = '\0';
	*out = bytes;
	*length = (size_t)size;
	bytes = NULL;
	return 0;
}

/* Read a place's file, or the full one that took over from it; *width says
 * which. */
static int
read_place(const struct file *trail, const struct tiles_place *place,
    size_t max, uint8_t **out, size_t *length, unsigned int *width)
{
	struct tiles_place full = *place;
	char path[TILES_PATH_MAX];
	int err;

	*width = place->width;
	err = tiles_read(trail, tiles_path(place, path), max, out, length);
	if (err != ERR_NOT_FOUND || place->width == TILES_WIDTH)
		return err;
	*width = full.width = TILES_WIDTH;
	return tiles_read(trail, tiles_path(&full, path), max, out, length);
}

int
tiles_load(struct tiles_hashes *out, const struct file *trail,
    const struct tiles_place *place)
{
	OWNED_MEM(uint8_t) bytes = NULL;
	unsigned int width;
	size_t n;
	int err;

	err = read_place(trail, place, sizeof(out->hash), &bytes, &n, &width);
	if (err == 0 && n != (size_t)width * DIGEST_SIZE)
		err = ERR_FORMAT;
	if (err != 0)
		return err;
	out->width = place->width;
	for (unsigned int i = 0; i < place->width; i++)
		memcpy(out->hash[i].bytes, bytes + (size_t)i * DIGEST_SIZE,
		    DIGEST_SIZE);
	return 0;
}

int
tiles_load_bundle(struct tiles_bundle *out, const struct file *trail,
    const struct tiles_place *place)
{
	unsigned int width;
	uint8_t *bytes;
	size_t n;
	int err;

	err = read_place(trail, place, TILES_BUNDLE_MAX, &bytes, &n, &width);
	if (err != 0)
		return err;
	cut(out, bytes, n, width);
	if (out->width > place->width)
		out->width = place->width;
	return 0;
}
