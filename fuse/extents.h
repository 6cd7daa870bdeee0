/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_EXTENTS_H
#define WEIR_EXTENTS_H

#include <stddef.h>
#include <stdint.h>

#include "vault/owned.h"

/*
 * What was read of one file through one handle, coalesced.  Pure.  Ranges of
 * the same reader that touch or overlap are one.  At most EXTENTS_MAX are
 * kept: of more, the two with the smallest gap between them become one, so
 * that what is told always covers what was read.
 */
#define EXTENTS_MAX 256

struct extent {
	uint64_t offset;
	uint64_t length; /* > 0 */
	uint32_t uid;
	uint32_t pid;
};

/* Ascending by uid, pid, offset; none touches the next. */
struct extents {
	struct extent *items;
	size_t count;
	size_t capacity;
};

/* ERR_LIMIT when each of EXTENTS_MAX readers has one range: tell them and add
 * again.  ERR_NOMEM.  Nothing is changed by either. */
int extents_add(struct extents *e, const struct extent *x) MUST_USE;

/* Empty it and free its memory. */
void extents_clear(struct extents *e);

#endif
