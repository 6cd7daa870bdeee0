/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys/accounting.h"
#include "keys/watch_parts.h"

static int
broken(struct watch *w, uint64_t before, const char *what, uint64_t was,
    uint64_t is)
{
	const struct watch_about about = {
		.rule = WATCH_TRAIL_BROKEN,
		.score = 1,
		.entries = &before,
		.entry_count = 1,
	};

	if (!watch_may(w, WATCH_TRAIL_BROKEN, NULL, NULL))
		return 0;
	return watch_say(w, &about, "weir audit verify",
	    "%s went from %" PRIu64 " to %" PRIu64
	    ": somebody changed the trail, or put an older one in its place",
	    what, was, is);
}

static int
check_order(struct watch *w, const struct watch_event *e)
{
	int err = 0;

	if (w->begun && e->index <= w->last_index)
		err = broken(w, w->last_index, "the number of an entry",
		    w->last_index, e->index);
	w->begun = true;
	if (err == 0 && e->kind == ENTRY_SESSION_OPEN) {
		if (e->session <= w->last_session && w->last_session != 0)
			err = broken(w, w->last_index,
			    "the number of a session", w->last_session,
			    e->session);
		else
			w->last_session = e->session;
	}
	return err;
}

/* Over a reboot the wall clock says how much time has passed, a day at most:
 * nobody can tell a long stop from a clock that was put forward. */
static bool
stopped_long(const struct watch *w, const struct watch_event *e,
    int64_t ahead_ms, uint64_t passed)
{
	const bool same_boot = e->boot != NULL && w->boot[0] != 0 &&
	    strcmp(e->boot, w->boot) == 0;

	return e->kind == ENTRY_KEYD_START && !same_boot && ahead_ms > 0 &&
	    passed >= ACCOUNTING_GAP;
}

static int
check_jump(struct watch *w, const struct watch_event *e)
{
	uint64_t passed = e->clock - w->last_clock;
	int64_t ahead = e->time_ms - w->last_time_ms - (int64_t)passed * 1000;
	int64_t limit = (int64_t)w->rules->clock_jump * 1000;
	const uint64_t before = w->last_clock_index;
	const struct watch_about about = {
		.rule = WATCH_CLOCK_JUMP,
		.score = (double)llabs(ahead) / (double)limit,
		.entries = &before,
		.entry_count = 1,
	};

	if (llabs(ahead) <= limit || stopped_long(w, e, ahead, passed) ||
	    !watch_may(w, WATCH_CLOCK_JUMP, NULL, NULL))
		return 0;
	return watch_say(w, &about, "timedatectl status",
	    "keyd's clock went %s by %lld s between entries %" PRIu64
	    " and %" PRIu64 ", while %" PRIu64
	    " s passed; budgets do not go by that clock, but the times in the "
	    "trail do",
	    ahead > 0 ? "forward" : "back", (long long)(llabs(ahead) / 1000),
	    w->last_clock_index, e->index, passed);
}

static int
check_clock(struct watch *w, const struct watch_event *e)
{
	const bool had = w->has_clock;

	w->has_clock = true;
	if (!had || e->clock > w->now)
		w->now = e->clock;
	if (!had)
		return 0;
	if (e->clock < w->last_clock)
		return broken(w, w->last_clock_index, "accounting time",
		    w->last_clock, e->clock);
	return check_jump(w, e);
}

int
watch_clock(struct watch *w, const struct watch_event *e)
{
	int err;

	if (e->index == WATCH_KNOWN)
		return 0;
	err = check_order(w, e);
	w->last_index = e->index;
	/* 0 is none, but of a release: it is a vault's first second. */
	if (e->clock == 0 && e->kind != ENTRY_RELEASE) {
		if (!w->has_clock && e->time_ms > 0 &&
		    (uint64_t)e->time_ms / 1000 > w->now)
			w->now = (uint64_t)e->time_ms / 1000;
		return err;
	}
	if (err == 0)
		err = check_clock(w, e);
	w->last_clock = e->clock;
	w->last_time_ms = e->time_ms;
	w->last_clock_index = e->index;
	if (e->kind == ENTRY_KEYD_START)
		(void)snprintf(w->boot, sizeof(w->boot), "%s",
		    e->boot != NULL ? e->boot : "");
	return err;
}
