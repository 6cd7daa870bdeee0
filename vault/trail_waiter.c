/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/trail_waiter.h"

#include <stdlib.h>

#include "vault/err.h"

int
trail_waiter_add(struct trail_waiters *list, uint64_t size,
    void (*done)(void *arg, int result), void *arg)
{
	struct trail_waiter *w = malloc(sizeof(*w));

	if (w == NULL)
		return ERR_NOMEM;
	*w = (struct trail_waiter){ .size = size, .done = done, .arg = arg };
	STAILQ_INSERT_TAIL(list, w, next);
	return 0;
}

void
trail_waiter_pick(struct trail_waiters *list, uint64_t size, int dead,
    struct trail_waiters *ready)
{
	struct trail_waiters keep = STAILQ_HEAD_INITIALIZER(keep);
	struct trail_waiter *w;

	while ((w = STAILQ_FIRST(list)) != NULL) {
		STAILQ_REMOVE_HEAD(list, next);
		w->result = w->size <= size ? 0 : dead;
		if (w->size <= size || dead != 0)
			STAILQ_INSERT_TAIL(ready, w, next);
		else
			STAILQ_INSERT_TAIL(&keep, w, next);
	}
	STAILQ_CONCAT(list, &keep);
}

void
trail_waiter_tell(struct trail_waiters *ready)
{
	struct trail_waiter *w;

	while ((w = STAILQ_FIRST(ready)) != NULL) {
		STAILQ_REMOVE_HEAD(ready, next);
		w->done(w->arg, w->result);
		free(w);
	}
}
