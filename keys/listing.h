/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_LISTING_H
#define WEIR_LISTING_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/owned.h"
#include "vault/ref.h"

/*
 * How much of a list goes into one reply, and where the next one goes on
 * (PROTOCOL.md, "JSON replies").  Pure.
 */

/* The longest is that of a role: its number, family and principal. */
#define LISTING_NEXT_MAX (16 + REF_NAME_MAX + REF_PRINCIPAL_MAX)
/* What a reply has besides its items: braces, names, `next`. */
#define LISTING_FRAME (LISTING_NEXT_MAX + 64)
/* Not an error: the item is for the next reply. */
#define LISTING_FULL 1

struct listing {
	size_t left; /* bytes */
	bool full;
	char next[LISTING_NEXT_MAX + 1]; /* the last item taken; may be "" */
};

/* For a reply of at most max bytes of JSON. */
struct listing listing_of(size_t max);

/* What an item takes of a list. */
size_t listing_size(const json_t *item);

/*
 * Make room for an item of n bytes after the ones before; next (copied) is
 * where a reply would go on after it.  LISTING_FULL, for good, when it does not
 * fit any more; ERR_LIMIT when no reply could ever hold it.
 */
int listing_take(struct listing *l, size_t n, const char *next) MUST_USE;

/* The number that `next` begins with, and what stands behind it (NULL: nothing
 * may).  ERR_FORMAT. */
int listing_parse(const char *next, uint64_t *number, const char **rest)
    MUST_USE;

#endif
