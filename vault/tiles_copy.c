/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/tiles_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vault/err.h"
#include "vault/log.h"
#include "vault/tiles_view.h"

#define DIR_MODE 0755
#define FILE_MODE 0644

/* The directories that path is in. */
static int
make_parents(const struct file *dir, const char *path)
{
	char part[TILES_PATH_MAX];

	for (const char *s = strchr(path, '/'); s != NULL;
	     s = strchr(s + 1, '/')) {
		size_t n = (size_t)(s - path);

		memcpy(part, path, n);
		part[n] = '\0';
		if (mkdirat(dir->fd, part, DIR_MODE) != 0 && errno != EEXIST)
			return log_sys("make '%s/%s'", dir->name, part);
	}
	return 0;
}

static int
write_file(const struct file *dir, const char *path, const void *bytes,
    size_t n)
{
	OWNED(file) f = NULL;
	int err = make_parents(dir, path);

	if (err == 0)
		err = file_open(&f, dir, path, O_WRONLY | O_CREAT | O_TRUNC,
		    FILE_MODE);
	return err == 0 ? file_write_at(f, bytes, n, 0) : err;
}

static bool
link_known(const struct tiles_copy *c, const char *path)
{
	return c->known != NULL && make_parents(c->to, path) == 0 &&
	    linkat(c->known->fd, path, c->to->fd, path, 0) == 0;
}

static int
copy_bundle(const struct tiles_copy *c, const struct tiles_place *place,
    const char *path)
{
	OWNED_BUNDLE b = { 0 };
	size_t n;
	int err = tiles_load_bundle(&b, c->from, place);

	if (err != 0)
		return err;
	if (b.width < place->width)
		return ERR_FORMAT;
	/* Of a bundle that has grown: its beginning. */
	n = (size_t)(b.entry[place->width - 1].at - b.bytes) +
	    b.entry[place->width - 1].length;
	return write_file(c->to, path, b.bytes, n);
}

static int
copy_hashes(const struct tiles_copy *c, const struct tiles_place *place,
    const char *path)
{
	struct tiles_hashes t;
	int err = tiles_load(&t, c->from, place);

	if (err == 0 && t.width < place->width)
		err = ERR_FORMAT;
	return err == 0 ? write_file(c->to, path, t.hash,
			      (size_t)place->width * DIGEST_SIZE) :
			  err;
}

static int
copy_one(const struct tiles_copy *c, const struct tiles_place *place)
{
	char path[TILES_PATH_MAX];
	int err;

	tiles_path(place, path);
	if (place->width == TILES_WIDTH && link_known(c, path))
		return 0;
	err = place->level == TILES_BUNDLES ? copy_bundle(c, place, path) :
					      copy_hashes(c, place, path);
	if (err == ERR_NOT_FOUND || err == ERR_FORMAT)
		return log_err(ERR_INTEGRITY,
		    "'%s/%s' is %s: weir audit verify tells more",
		    c->from->name, path,
		    err == ERR_NOT_FOUND ? "missing" : "damaged");
	return err;
}

static int
copy_level(const struct tiles_copy *c, unsigned int level, uint64_t full)
{
	struct tiles_place place = { .level = level, .width = TILES_WIDTH };
	int err = 0;

	for (; err == 0 && place.n < full; place.n++)
		err = copy_one(c, &place);
	place.width = tiles_edge(level == TILES_BUNDLES ? 0 : level,
	    c->checkpoint->size);
	return err == 0 && place.width > 0 ? copy_one(c, &place) : err;
}

static int
pass(void *arg, uint64_t index, const uint8_t *entry, size_t n)
{
	(void)arg, (void)index, (void)entry, (void)n;
	return 0;
}

/* All of it, by what the checkpoint vouches for. */
static int
verify(const struct tiles_copy *c)
{
	OWNED(tiles_view) v = NULL;
	int err = tiles_view_open(&v, c->to, c->checkpoint->size,
	    &c->checkpoint->root);

	if (err == 0)
		err = tiles_view_many(v);
	return err == 0 ?
	    tiles_view_each(v, 0, c->checkpoint->size, pass, NULL) :
	    err;
}

int
tiles_copy_run(const struct tiles_copy *c)
{
	uint64_t size = c->checkpoint->size;
	int err = copy_level(c, TILES_BUNDLES, size >> TILES_HEIGHT);

	for (unsigned int level = 0; err == 0 && level < TILES_LEVELS &&
	     size >> (TILES_HEIGHT * level) > 0;
	     level++)
		err = copy_level(c, level,
		    level + 1 < TILES_LEVELS ?
			size >> (TILES_HEIGHT * (level + 1)) :
			0);
	if (err == 0)
		err = verify(c);
	return err == 0 ?
	    write_file(c->to, "checkpoint", c->note, strlen(c->note)) :
	    err;
}
