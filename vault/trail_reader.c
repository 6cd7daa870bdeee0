/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/trail_reader.h"

#include <fcntl.h>
#include <stdlib.h>

#include "vault/err.h"
#include "vault/log.h"
#include "vault/tiles_ahead.h"
#include "vault/tiles_view.h"
#include "vault/trail.h"
#include "vault/trail_log.h"

struct trail_reader {
	struct file *dir;
	struct note_key key;
	struct note_checkpoint checkpoint;
	char *note;
	struct tiles_view *view; /* made when first needed */
};

int
trail_reader_open(struct trail_reader **out, const struct file *vault,
    const struct note_key *key)
{
	OWNED(trail_reader) r = calloc(1, sizeof(*r));
	int err;

	if (r == NULL)
		return ERR_NOMEM;
	r->key = *key;
	err = file_open(&r->dir, vault, "trail", O_RDONLY | O_DIRECTORY, 0);
	if (err == ERR_NOT_FOUND)
		return log_err(ERR_INTEGRITY,
		    "the trail was changed: '%s/trail' is missing; restore "
		    "the vault from a backup",
		    vault->name);
	if (err == 0)
		err = trail_log_read(&r->checkpoint, &r->note, r->dir, &r->key);
	if (err != 0)
		return err;
	*out = r;
	r = NULL;
	return 0;
}

void
trail_reader_free(struct trail_reader *r)
{
	if (r == NULL)
		return;
	tiles_view_free(r->view);
	free(r->note);
	file_free(r->dir);
	free(r);
}

const struct note_checkpoint *
trail_reader_checkpoint(const struct trail_reader *r)
{
	return &r->checkpoint;
}

const char *
trail_reader_note(const struct trail_reader *r)
{
	return r->note;
}

const struct file *
trail_reader_directory(const struct trail_reader *r)
{
	return r->dir;
}

int
trail_reader_newest(const struct trail_reader *r, struct note_checkpoint *out)
{
	OWNED_MEM(char) note = NULL;

	return trail_log_read(out, &note, r->dir, &r->key);
}

static int
need_view(struct trail_reader *r)
{
	if (r->view != NULL)
		return 0;
	return tiles_view_open(&r->view, r->dir, r->checkpoint.size,
	    &r->checkpoint.root);
}

int
trail_reader_each(struct trail_reader *r, uint64_t from, uint64_t to,
    int (*each)(void *arg, uint64_t index, const uint8_t *entry, size_t n),
    void *arg)
{
	int err = need_view(r);

	if (err == 0)
		err = tiles_view_each(r->view, from, to, each, arg);
	return err;
}

int
trail_reader_many(struct trail_reader *r)
{
	int err = need_view(r);

	return err == 0 ? tiles_view_many(r->view) : err;
}

int
trail_reader_stream(struct trail_reader *r, uint64_t from, uint64_t to,
    int (*each)(void *arg, uint64_t index, const uint8_t *entry, size_t n),
    void *arg)
{
	int err = need_view(r);

	if (err == 0)
		err = tiles_ahead_each(r->view, from, to, each, arg);
	return err;
}

int
trail_reader_node(void *reader, unsigned int level, uint64_t n,
    struct digest *out)
{
	struct trail_reader *r = reader;
	int err = need_view(r);

	if (err == 0)
		err = tiles_view_node(r->view, level, n, out);
	return err;
}
