/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TRAIL_INDEX_H
#define WEIR_TRAIL_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/digest.h"
#include "vault/entry.h"
#include "vault/owned.h"
#include "vault/writer.h"

/*
 * Which entries of the trail may be about a principal and a model (FORMAT.md,
 * "Trail index"): made from the entries, and never believed for what they
 * say.  Whoever asks looks at every entry that is named, checked against the
 * checkpoint as always.  No I/O; one thread at a time.
 */
struct trail_index;

int trail_index_new(struct trail_index **out) MUST_USE;
void trail_index_free(struct trail_index *x);
OWNED_TYPE(trail_index);

/* The next entry: number trail_index_size(x).  ERR_FORMAT for one that cannot
 * be understood. */
int trail_index_add(struct trail_index *x, const void *entry, size_t n)
    MUST_USE;

/*
 * What an index that was read has to be told again, of each entry that
 * trail_index_find names for TRAIL_INDEX_TAUGHT, before trail_index_add.
 */
int trail_index_teach(struct trail_index *x, const void *entry, size_t n)
    MUST_USE;

uint64_t trail_index_size(const struct trail_index *x);

/* root: the log's at that size. */
int trail_index_write(const struct trail_index *x, const struct digest *root,
    struct writer *w) MUST_USE;
/* ERR_FORMAT for what was not written so, or was changed since. */
int trail_index_parse(struct trail_index **out, struct digest *root,
    const void *bytes, size_t length) MUST_USE;
/* The most bytes that an index of so many entries has. */
size_t trail_index_limit(uint64_t entries);

#define TRAIL_INDEX_KIND(k) (UINT64_C(1) << (k))
#define TRAIL_INDEX_ALL (~UINT64_C(0))

/* What trail_index_teach wants to see. */
#define TRAIL_INDEX_TAUGHT                                                     \
	(TRAIL_INDEX_KIND(ENTRY_PUT) | TRAIL_INDEX_KIND(ENTRY_STATEMENT_ADD))

struct trail_index_query {
	const char *who;   /* NULL: anybody */
	const char *model; /* NULL: anything */
	int64_t since_ms, until_ms;
	uint64_t from; /* entries from this one on */
	uint64_t kinds;
	/* Besides, from before as well: what tells whose the sessions are that
	 * were found, what model the versions and statements are of, and which
	 * alerts were acknowledged. */
	bool context;
};

/* The entries, ascending; the caller frees. */
struct trail_index_found {
	uint64_t *entries;
	size_t count;
};
int trail_index_find(const struct trail_index *x,
    const struct trail_index_query *q, struct trail_index_found *out) MUST_USE;

/* The first entry of the first run of 256 that has one of this time or later;
 * and the one behind the last run that has one of before this time. */
uint64_t trail_index_from(const struct trail_index *x, int64_t time_ms);
uint64_t trail_index_until(const struct trail_index *x, int64_t time_ms);

#endif
