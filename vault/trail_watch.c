/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/trail_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "vault/err.h"
#include "vault/journal_scan.h"
#include "vault/log.h"
#include "vault/tiles.h"
#include "vault/tiles_view.h"
#include "vault/tlog.h"

#define MEND "; find out who did that, and restore the vault from a backup"

#define DOUBTS 3

struct trail_watch {
	time_t looked; /* the second of the last look at all */
	const struct file *dir;
	const struct file *journal;
	struct journal_id id;
	uint64_t read;	     /* the next full bundle to be read */
	uint64_t stat;	     /* and to be looked for */
	unsigned int due;    /* looks until the journal is read */
	unsigned int doubts; /* looks at which its writer came in between, */
	uint64_t doubtful;   /* and the record that was bad at each */
	struct tiles_view *view;
	uint64_t size;
};

int
trail_watch_new(struct trail_watch **out, const struct file *dir,
    const struct file *journal, const struct journal_id *id)
{
	struct trail_watch *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return ERR_NOMEM;
	w->dir = dir;
	w->journal = journal;
	w->id = *id;
	w->due = TRAIL_WATCH_JOURNAL;
	*out = w;
	return 0;
}

void
trail_watch_free(struct trail_watch *w)
{
	if (w == NULL)
		return;
	tiles_view_free(w->view);
	free(w);
}

static int
look_at_note(const struct trail_watch *w, const char *note)
{
	OWNED_MEM(uint8_t) bytes = NULL;
	size_t n;
	int err = tiles_read(w->dir, "checkpoint", NOTE_MAX, &bytes, &n);

	if (err == ERR_NOT_FOUND)
		return log_err(ERR_INTEGRITY,
		    "the trail was changed: somebody removed "
		    "'%s/checkpoint'" MEND,
		    w->dir->name);
	if (err == ERR_FORMAT ||
	    (err == 0 && (n != strlen(note) || memcmp(bytes, note, n) != 0)))
		return log_err(ERR_INTEGRITY,
		    "the trail was changed: '%s/checkpoint' is not the one "
		    "that was written" MEND,
		    w->dir->name);
	return err;
}

/* ---- tiles ---- */

static int
read_bundle(struct trail_watch *w, uint64_t n)
{
	OWNED_BUNDLE b = { 0 };

	return tiles_view_bundle(w->view, n, &b);
}

/* There, with the bytes that it must have. */
static int
look_for(const struct trail_watch *w, unsigned int level, uint64_t n)
{
	const struct tiles_place place = { level, n, TILES_WIDTH };
	char path[TILES_PATH_MAX];
	struct stat st;

	tiles_path(&place, path);
	if (fstatat(w->dir->fd, path, &st, AT_SYMLINK_NOFOLLOW) != 0) {
		if (errno != ENOENT && errno != ENOTDIR)
			return log_sys("look for '%s/%s'", w->dir->name, path);
		return log_err(ERR_INTEGRITY,
		    "the trail was changed: somebody removed '%s/%s'" MEND,
		    w->dir->name, path);
	}
	if (!S_ISREG(st.st_mode) || st.st_size == 0 ||
	    (level != TILES_BUNDLES &&
		st.st_size != (off_t)TILES_WIDTH * DIGEST_SIZE))
		return log_err(ERR_INTEGRITY,
		    "the trail was changed: '%s/%s' is of another size" MEND,
		    w->dir->name, path);
	return 0;
}

/* The end of the log, and some of what is before it. */
static int
look_at_tiles(struct trail_watch *w, const struct note_checkpoint *c)
{
	const uint64_t full = c->size / TILES_WIDTH;
	int err;

	tiles_view_free(w->view);
	w->view = NULL;
	err = tiles_view_open(&w->view, w->dir, c->size, &c->root);
	if (err == 0)
		err = read_bundle(w, full);
	for (uint64_t i = 0; err == 0 && i < TRAIL_WATCH_READ && i < full; i++)
		err = read_bundle(w, w->read++ % full);
	for (uint64_t i = 0; err == 0 && i < TRAIL_WATCH_STAT && i < full;
	     i++) {
		uint64_t n = w->stat++ % full;

		err = look_for(w, TILES_BUNDLES, n);
		if (err == 0)
			err = look_for(w, 0, n);
	}
	return err;
}

/* ---- the journal ---- */

static int
compare(void *arg, uint64_t index, const uint8_t *entry, size_t n)
{
	struct trail_watch *w = arg;
	struct digest want, leaf = tlog_leaf(entry, n);
	int err;

	if (index >= w->size)
		return 0;
	err = tiles_view_node(w->view, 0, index, &want);
	if (err == 0 && !digest_equal(&leaf, &want))
		return log_err(ERR_INTEGRITY,
		    "the trail was changed: entry %" PRIu64
		    " of '%s' is not the one that was written" MEND,
		    index, w->journal->name);
	return err;
}

/* Its records are whole, and the log's.  What is wrong with their form is told
 * in fault. */
static int
read_journal(struct trail_watch *w, struct journal_fault *fault)
{
	const struct journal_open how = {
		.dir = w->journal,
		.id = w->id,
		.below = w->size,
		.each = compare,
		.arg = w,
		.fault = fault,
	};
	uint64_t first, next;

	return journal_verify(&how, &first, &next);
}

static bool
same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* The segment, by its name.  *touched: somebody else wrote to it. */
static int
look_at_segment(const struct trail_watch *w,
    const struct trail_watch_journal *j, bool *touched)
{
	struct stat st;
	int err = journal_scan_look(w->journal, j->segment, &j->st, &st);

	if (err == 0)
		*touched = !same_time(&st.st_mtim, &j->st.st_mtim);
	return err;
}

static int
look_at_records(struct trail_watch *w, const struct trail_watch_journal *before,
    trail_watch_fn *at, void *arg)
{
	struct journal_fault fault = { .index = UINT64_MAX };
	struct trail_watch_journal after;
	int err = read_journal(w, &fault);

	w->due = TRAIL_WATCH_JOURNAL;
	if (err != ERR_INTEGRITY || fault.why[0] == '\0') {
		w->doubts = 0;
		return err;
	}
	/* Its writer may have made or removed a segment meanwhile; that does
	 * not look the same twice. */
	at(arg, &after);
	if (fault.index != w->doubtful)
		w->doubts = 0;
	w->doubtful = fault.index;
	if ((before->busy || before->commits != after.commits) &&
	    ++w->doubts < DOUBTS) {
		w->due = 1;
		return 0;
	}
	return log_err(err,
	    "the trail was changed: '%s', record %" PRIu64 ": %s" MEND,
	    w->journal->name, fault.index, fault.why);
}

static int
look_at_journal(struct trail_watch *w, trail_watch_fn *at, void *arg)
{
	struct trail_watch_journal before;
	bool touched = false;
	int err = 0;

	at(arg, &before);
	/* Its writer looks at the file after each commit. */
	if (!before.busy)
		err = look_at_segment(w, &before, &touched);
	if (err == 0 && (touched || --w->due == 0))
		err = look_at_records(w, &before, at, arg);
	return err;
}

int
trail_watch_look(struct trail_watch *w, const struct note_checkpoint *c,
    const char *note, trail_watch_fn *at, void *arg)
{
	struct timespec now;
	int err = look_at_note(w, note);

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (err != 0 || now.tv_sec == w->looked)
		return err;
	w->looked = now.tv_sec;
	w->size = c->size;
	err = look_at_tiles(w, c);
	return err != 0 ? err : look_at_journal(w, at, arg);
}
