/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TRAIL_INDEX_PARTS_H
#define WEIR_TRAIL_INDEX_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <uthash.h>

#include "vault/trail_index.h"

/* What the files of trail_index share. */

#define INDEX_RUN 256
#define INDEX_SET_MAX 65535
#define INDEX_BEGIN_MAX 256
#define INDEX_ANY "*\n" /* the set of all names */
#define INDEX_SESSION_MASK ((UINT64_C(1) << 56) - 1)

/* What many entries have in common. */
struct index_row {
	uint32_t who, about; /* numbers of sets */
	uint64_t last;	     /* kind << 56 | session */
};

struct index_number {
	struct index_row row;
	uint32_t number;
	UT_hash_handle hh;
};

struct index_run {
	int64_t first_ms, last_ms; /* the earliest, the latest */
};

struct index_name {
	uint32_t value;
	UT_hash_handle hh;
	char text[];
};

struct index_session {
	uint64_t id;
	struct index_row row; /* of its opening */
	/* How the last release or extents of it began, from "by" to the
	 * version: the next one that begins so has the same sets. */
	struct index_row usual;
	size_t begin_length; /* 0: none yet */
	char begin[INDEX_BEGIN_MAX];
	UT_hash_handle hh;
};

struct trail_index {
	uint32_t *entries; /* the number of each one's row */
	struct index_run *runs;
	uint64_t count;
	size_t room; /* entries; a multiple of INDEX_RUN */
	struct index_row *rows;
	size_t row_count, row_room;
	struct index_number *numbers; /* of rows */
	const char **set;	      /* by number, borrowed from sets */
	size_t set_count, set_room;
	struct index_name *sets;     /* the number of a set */
	struct index_name *versions; /* the set of a version or statement */
	struct index_session *sessions;
};

static inline enum entry_kind
index_row_kind(const struct index_row *r)
{
	return (enum entry_kind)(r->last >> 56);
}

static inline uint64_t
index_row_session(const struct index_row *r)
{
	return r->last & INDEX_SESSION_MASK;
}

/* The number of a set, which is made if need be. */
int trail_index_set(struct trail_index *x, const char *names, uint32_t *out)
    MUST_USE;
/* Whether a set has a name, which comes with a line feed behind it. */
bool trail_index_set_has(const char *set, const char *line);
/* The same of a row. */
int trail_index_number(struct trail_index *x, const struct index_row *row,
    uint32_t *out) MUST_USE;
int trail_index_open_session(struct trail_index *x, const struct index_row *row)
    MUST_USE;

#endif
