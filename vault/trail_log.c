/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/trail_log.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vault/err.h"
#include "vault/log.h"
#include "vault/names.h"
#include "vault/tiles.h"
#include "vault/tiles_view.h"
#include "vault/tiles_writer.h"
#include "vault/tlog.h"

#define CHECKPOINT "checkpoint"
#define FILE_MODE 0640
#define DIR_MODE 0750

struct trail_log {
	struct trail_log_how how;
	struct note_checkpoint checkpoint;
	char *note;
	struct tiles_view *view; /* as of checkpoint; until trail_log_begin */
	struct tiles_writer *writer;
};

void
trail_log_free(struct trail_log *l)
{
	if (l == NULL)
		return;
	tiles_writer_free(l->writer);
	tiles_view_free(l->view);
	free(l->note);
	free(l);
}

const struct note_checkpoint *
trail_log_checkpoint(const struct trail_log *l)
{
	return &l->checkpoint;
}

const char *
trail_log_note(const struct trail_log *l)
{
	return l->note;
}

static int
store_checkpoint(const struct file *dir, const char *note)
{
	return file_replace(dir, CHECKPOINT, note, strlen(note), FILE_MODE);
}

int
trail_log_init(const struct trail_log_how *how)
{
	OWNED_MEM(char) note = NULL;
	struct note_checkpoint c = { .root = tlog_empty() };
	int err;

	snprintf(c.origin, sizeof(c.origin), "%s", how->key->name);
	err = note_checkpoint_sign(&note, &c, how->key, how->seed);
	if (err == 0)
		err = file_mkdir(how->dir, "tile", DIR_MODE);
	if (err == 0)
		err = store_checkpoint(how->dir, note);
	return err;
}

int
trail_log_read(struct note_checkpoint *out, char **note, const struct file *dir,
    const struct note_key *key)
{
	OWNED_MEM(uint8_t) bytes = NULL;
	size_t n;
	int err;

	err = tiles_read(dir, CHECKPOINT, NOTE_MAX, &bytes, &n);
	if (err == ERR_NOT_FOUND)
		return log_err(ERR_INTEGRITY,
		    "the trail was changed: '%s/" CHECKPOINT "' is missing; "
		    "restore the vault from a backup",
		    dir->name);
	if (err == 0)
		err = note_checkpoint_read(out, (const char *)bytes, n, key);
	if (err == ERR_FORMAT || err == ERR_INTEGRITY)
		return log_err(ERR_INTEGRITY,
		    "the trail was changed: '%s/" CHECKPOINT "' is not a "
		    "checkpoint that '%s' signed; restore the vault from a "
		    "backup",
		    dir->name, key->name);
	if (err != 0)
		return err;
	*note = (char *)bytes;
	bytes = NULL;
	return 0;
}

int
trail_log_open(struct trail_log **out, const struct trail_log_how *how)
{
	OWNED(trail_log) l = calloc(1, sizeof(*l));
	int err;

	if (l == NULL)
		return ERR_NOMEM;
	l->how = *how;
	err = trail_log_read(&l->checkpoint, &l->note, how->dir, how->key);
	if (err == 0)
		err = tiles_view_open(&l->view, how->dir, l->checkpoint.size,
		    &l->checkpoint.root);
	if (err != 0)
		return err;
	*out = l;
	l = NULL;
	return 0;
}

int
trail_log_each(struct trail_log *l, uint64_t from,
    int (*each)(void *arg, uint64_t index, const uint8_t *entry, size_t n),
    void *arg)
{
	return tiles_view_each(l->view, from, l->checkpoint.size, each, arg);
}

int
trail_log_compare(struct trail_log *l, uint64_t index, const uint8_t *entry,
    size_t n)
{
	struct digest want, leaf = tlog_leaf(entry, n);
	int err = tiles_view_node(l->view, 0, index, &want);

	if (err == 0 && !digest_equal(&leaf, &want))
		return log_err(ERR_INTEGRITY,
		    "the trail was changed: entry %" PRIu64 " of '%s/journal' "
		    "is not the one that the checkpoint covers; restore the "
		    "vault from a backup",
		    index, l->how.dir->name);
	return err;
}

/* A search for partial bundles of more than `most` entries. */
struct beyond {
	unsigned long most;
	bool found;
};

static int
check_width(void *arg, const char *name)
{
	struct beyond *b = arg;
	char *end;
	unsigned long width = strtoul(name, &end, 10);

	if (name[0] >= '0' && name[0] <= '9' && *end == '\0' && width > b->most)
		b->found = true;
	return 0;
}

int
trail_log_check_end(struct trail_log *l, uint64_t next)
{
	const struct tiles_place full = { TILES_BUNDLES, next / TILES_WIDTH,
		TILES_WIDTH };
	struct beyond b = { .most = next % TILES_WIDTH };
	OWNED(file) dir = NULL;
	OWNED(file) bundle = NULL;
	char path[TILES_PATH_MAX], partial[TILES_PATH_MAX + 2];
	int err;

	tiles_path(&full, path);
	err = file_open(&bundle, l->how.dir, path, O_PATH, 0);
	b.found = err == 0;
	snprintf(partial, sizeof(partial), "%s.p", path);
	if (err == ERR_NOT_FOUND)
		err = file_open(&dir, l->how.dir, partial,
		    O_RDONLY | O_DIRECTORY, 0);
	if (err == 0 && dir != NULL)
		err = names_each(dir, check_width, &b);
	if (err != 0)
		return err == ERR_NOT_FOUND ? 0 : err;
	if (b.found)
		return log_err(ERR_INTEGRITY,
		    "the trail was cut: '%s/journal' ends before entry %" PRIu64
		    ", and '%s' holds later ones; restore the vault from a "
		    "backup",
		    l->how.dir->name, next, path);
	return 0;
}

int
trail_log_begin(struct trail_log *l)
{
	OWNED(tiles_view) view = l->view;

	l->view = NULL;
	return tiles_writer_open(&l->writer, l->how.dir, view);
}

int
trail_log_add(struct trail_log *l, const void *entry, size_t n)
{
	return tiles_writer_add(l->writer, entry, n);
}

int
trail_log_publish(struct trail_log *l)
{
	struct note_checkpoint c = l->checkpoint;
	OWNED_MEM(char) note = NULL;
	int err;

	err = tiles_writer_flush(l->writer, &c.size, &c.root);
	if (err != 0)
		return err;
	if (c.size == l->checkpoint.size)
		return store_checkpoint(l->how.dir, l->note);
	err = note_checkpoint_sign(&note, &c, l->how.key, l->how.seed);
	if (err == 0)
		err = store_checkpoint(l->how.dir, note);
	if (err != 0)
		return err;
	free(l->note);
	l->note = note;
	note = NULL;
	l->checkpoint = c;
	return 0;
}
