/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TRAIL_PENDING_H
#define WEIR_TRAIL_PENDING_H

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

/* An entry on its way: queued, then durable and waiting for its tile.  For
 * trail.c. */
struct trail_pending {
	STAILQ_ENTRY(trail_pending) next;
	uint64_t index;
	size_t length;
	uint8_t bytes[];
};
STAILQ_HEAD(trail_pending_list, trail_pending);

/* A copy of entry; NULL when out of memory. */
struct trail_pending *trail_pending_new(uint64_t index, const void *entry,
    size_t n);
void trail_pending_clear(struct trail_pending_list *l);

#endif
