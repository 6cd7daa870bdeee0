/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/trail_pending.h"

#include <stdlib.h>
#include <string.h>

struct trail_pending *
trail_pending_new(uint64_t index, const void *entry, size_t n)
{
	struct trail_pending *p = malloc(sizeof(*p) + n);

	if (p == NULL)
		return NULL;
	p->index = index;
	p->length = n;
	memcpy(p->bytes, entry, n);
	return p;
}

void
trail_pending_clear(struct trail_pending_list *l)
{
	struct trail_pending *p;

	while ((p = STAILQ_FIRST(l)) != NULL) {
		STAILQ_REMOVE_HEAD(l, next);
		free(p);
	}
}
