/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TRAIL_WATCH_H
#define WEIR_TRAIL_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "vault/file.h"
#include "vault/journal.h"
#include "vault/note.h"
#include "vault/owned.h"

/*
 * Whether the trail's files are still the ones that were written, while their
 * writer runs (FORMAT.md, "Trail").  For trail.c: the thread that writes the
 * log calls it.  ERR_INTEGRITY is said in a log line.
 *
 * Each look takes: the checkpoint, the last tile of each level and the last
 * bundle, read and compared with the root; TRAIL_WATCH_READ older bundles with
 * their tiles, and the names and sizes of TRAIL_WATCH_STAT more, in turn; that
 * the journal's segment is there.  The journal's records are read when
 * somebody else wrote to the segment, and every TRAIL_WATCH_JOURNAL looks.
 */
#define TRAIL_WATCH_READ 8
#define TRAIL_WATCH_STAT 256
#define TRAIL_WATCH_JOURNAL 60

struct trail_watch;

/* trail/ and its journal, borrowed until trail_watch_free. */
int trail_watch_new(struct trail_watch **out, const struct file *dir,
    const struct file *journal, const struct journal_id *id) MUST_USE;
void trail_watch_free(struct trail_watch *w);
OWNED_TYPE(trail_watch);

/* The journal as its writer left it. */
struct trail_watch_journal {
	uint64_t commits; /* counts up with each commit, and each trimming */
	bool busy;	  /* one is under way: nothing can be said */
	uint64_t segment;
	struct stat st; /* of the segment, after the last commit */
};

/*
 * Look at the checkpoint's file, which must be this note; and, once a second,
 * at all.  at gives the journal's state, before and after: what changed
 * meanwhile is not held against it.
 */
typedef void trail_watch_fn(void *arg, struct trail_watch_journal *out);
int trail_watch_look(struct trail_watch *w, const struct note_checkpoint *c,
    const char *note, trail_watch_fn *at, void *arg) MUST_USE;

#endif
