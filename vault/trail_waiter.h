/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TRAIL_WAITER_H
#define WEIR_TRAIL_WAITER_H

#include <stdint.h>
#include <sys/queue.h>

#include "vault/owned.h"

/*
 * Those who are to be told when the trail has come so far; for trail.c.  The
 * lists are the caller's to lock; telling is done without a lock.
 */
struct trail_waiter {
	STAILQ_ENTRY(trail_waiter) next;
	uint64_t size; /* that the trail is to have */
	int result;
	void (*done)(void *arg, int result);
	void *arg;
};
STAILQ_HEAD(trail_waiters, trail_waiter);

int trail_waiter_add(struct trail_waiters *list, uint64_t size,
    void (*done)(void *arg, int result), void *arg) MUST_USE;

/* Move those whose size is reached to ready, with 0; all of them when dead is
 * an error, the others with that. */
void trail_waiter_pick(struct trail_waiters *list, uint64_t size, int dead,
    struct trail_waiters *ready);

/* Tell them; the list is empty after. */
void trail_waiter_tell(struct trail_waiters *ready);

#endif
