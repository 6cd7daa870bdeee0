/* SPDX-License-Identifier: Apache-2.0 */
#include "fuse/extents.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "vault/err.h"

#define CAPACITY_START 4

static bool
same_reader(const struct extent *a, const struct extent *b)
{
	return a->uid == b->uid && a->pid == b->pid;
}

static uint64_t
end_of(const struct extent *x)
{
	return x->offset + x->length;
}

static bool
before(const struct extent *a, const struct extent *b)
{
	if (a->uid != b->uid)
		return a->uid < b->uid;
	if (a->pid != b->pid)
		return a->pid < b->pid;
	return a->offset < b->offset;
}

/* The first item that does not come before x. */
static size_t
place_of(const struct extents *e, const struct extent *x)
{
	size_t low = 0, high = e->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (before(&e->items[middle], x))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void
remove_at(struct extents *e, size_t at, size_t n)
{
	memmove(&e->items[at], &e->items[at + n],
	    (e->count - at - n) * sizeof(*e->items));
	e->count -= n;
}

/* Let the item at `at` swallow those behind it that it reaches. */
static void
swallow(struct extents *e, size_t at)
{
	struct extent *x = &e->items[at];
	size_t n = 0;

	for (size_t i = at + 1; i < e->count; i++, n++) {
		const struct extent *y = &e->items[i];

		if (!same_reader(x, y) || y->offset > end_of(x))
			break;
		if (end_of(y) > end_of(x))
			x->length = end_of(y) - x->offset;
	}
	remove_at(e, at + 1, n);
}

static int
grow(struct extents *e)
{
	size_t capacity = e->capacity > 0 ? e->capacity * 2 : CAPACITY_START;
	struct extent *items;

	if (e->count < e->capacity)
		return 0;
	items = realloc(e->items, capacity * sizeof(*items));
	if (items == NULL)
		return ERR_NOMEM;
	e->items = items;
	e->capacity = capacity;
	return 0;
}

/* Join the two neighbours of one reader that lie nearest to each other.  False
 * where each reader has one item only. */
static bool
squeeze(struct extents *e)
{
	uint64_t least = UINT64_MAX;
	size_t at = e->count;

	for (size_t i = 0; i + 1 < e->count; i++) {
		const struct extent *x = &e->items[i], *y = x + 1;

		if (same_reader(x, y) && y->offset - end_of(x) < least) {
			least = y->offset - end_of(x);
			at = i;
		}
	}
	if (at == e->count)
		return false;
	e->items[at].length = end_of(&e->items[at + 1]) - e->items[at].offset;
	remove_at(e, at + 1, 1);
	return true;
}

/* Put x at its place among the others. */
static int
insert(struct extents *e, size_t at, const struct extent *x)
{
	if (grow(e) != 0)
		return ERR_NOMEM;
	memmove(&e->items[at + 1], &e->items[at],
	    (e->count - at) * sizeof(*e->items));
	e->items[at] = *x;
	e->count++;
	swallow(e, at);
	if (e->count <= EXTENTS_MAX || squeeze(e))
		return 0;
	remove_at(e, at, 1);
	return ERR_LIMIT;
}

int
extents_add(struct extents *e, const struct extent *x)
{
	size_t at = place_of(e, x);

	if (at > 0) {
		struct extent *last = &e->items[at - 1];

		if (same_reader(last, x) && x->offset <= end_of(last)) {
			if (end_of(x) > end_of(last))
				last->length = end_of(x) - last->offset;
			swallow(e, at - 1);
			return 0;
		}
	}
	return insert(e, at, x);
}

void
extents_clear(struct extents *e)
{
	free(e->items);
	memset(e, 0, sizeof(*e));
}
