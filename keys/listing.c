/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/listing.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "vault/err.h"

struct listing
listing_of(size_t max)
{
	return (struct listing){
		.left = max > LISTING_FRAME ? max - LISTING_FRAME : 0,
	};
}

size_t
listing_size(const json_t *item)
{
	/* A comma goes before it. */
	return json_dumpb(item, NULL, 0, JSON_COMPACT) + 1;
}

int
listing_take(struct listing *l, size_t n, const char *next)
{
	if (l->full || (n > l->left && l->next[0] != '\0')) {
		l->full = true;
		return LISTING_FULL;
	}
	if (n > l->left)
		return ERR_LIMIT;
	l->left -= n;
	snprintf(l->next, sizeof(l->next), "%s", next);
	return 0;
}

int
listing_parse(const char *next, uint64_t *number, const char **rest)
{
	unsigned long long n;
	char *end;

	errno = 0;
	n = strtoull(next, &end, 10);
	if (next[0] < '0' || next[0] > '9' || errno != 0 || n > INT64_MAX)
		return ERR_FORMAT;
	if (rest == NULL ? *end != '\0' : *end != ' ')
		return ERR_FORMAT;
	*number = n;
	if (rest != NULL)
		*rest = end + 1;
	return 0;
}
