/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_WINDOW_H
#define WEIR_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "fuse/pattern.h"

/*
 * How many keys to ask for at once.  Pure; one for each file.  Rows are
 * counted from the file's first.  What is asked for may reach beyond the file
 * or over rows that are held already: the caller cuts it.
 *
 * A file may be read in several places at once (ranks, threads, ranges): each
 * place is a stream.  One that goes on where its last window ended doubles the
 * window; a read anywhere else asks for what it needs.  A file that is read
 * from its start is expected to be read on.
 *
 * Where it is known how far the keys are warranted (pattern.h), nothing beyond
 * is asked for; all of it at once where all of it is expected.
 */
#define WINDOW_STREAMS 16
#define WINDOW_START 4

struct window_stream {
	uint64_t next; /* the row behind its last window */
	uint32_t size; /* of its last window; 0: unused */
	uint64_t used;
};

struct window {
	uint32_t max; /* most rows in one release */
	uint64_t clock;
	struct window_stream streams[WINDOW_STREAMS];
};

struct window_ask {
	uint64_t first;
	uint32_t count;
};

void window_init(struct window *w, uint32_t max);

/* One read needs `need` (> 0) rows from row on, and the key of the first is not
 * there.  The answer holds the row, and all of them if the maximum allows. */
struct window_ask window_miss(struct window *w, uint64_t row, uint32_t need,
    const struct pattern_ahead *ahead);

/* A row was read whose key was there.  True when its stream comes near the end
 * of its window: *out is the next one, to be asked for ahead. */
bool window_hit(struct window *w, uint64_t row,
    const struct pattern_ahead *ahead, struct window_ask *out);

#endif
