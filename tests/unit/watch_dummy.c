/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/watch_dummy.h"

#include <stdio.h>
#include <stdlib.h>

#include "keys/watch.h"
#include "vault/err.h"

struct watch {
	uint64_t next;
};

int
watch_new(struct watch **out, const struct watch_rules *rules)
{
	(void)rules;
	*out = calloc(1, sizeof(**out));
	return *out != NULL ? 0 : ERR_NOMEM;
}

void
watch_free(struct watch *w)
{
	free(w);
}

int
watch_feed(struct watch *w, const struct watch_event *e,
    int (*raise)(void *arg, const struct watch_alert *a), void *arg)
{
	struct watch_alert a = {
		.rule = WATCH_DUMMY_RULE,
		.severity = WATCH_LOW,
		.principal = e->by,
		.session = e->damaged,
		.reason = "a check",
		.entries = { e->index },
		.entry_count = 1,
	};

	/* In order, and none twice. */
	if (e->index < w->next)
		abort();
	w->next = e->index + 1;
	return e->kind == ENTRY_CHECK ? raise(arg, &a) : 0;
}

bool
watch_fact_reason(const char *reason)
{
	(void)reason;
	return false;
}
