/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/exfil/actor.h"

#include <stdlib.h>

#include "tests/exfil/must.h"

#define GB_PER_S 1000000ULL /* bytes in a millisecond */
#define TELLS 32	    /* asks, until extents are told of */

struct actor {
	struct actor_how how;
	uint64_t at_ms;
	size_t next; /* of the plan */
	uint32_t window;
	unsigned int cycle;
	unsigned int untold;
	struct world_session *s;
};

/* A new one goes up the heap to its place. */
static void
rise(struct world *w, size_t i)
{
	while (i > 0) {
		size_t up = (i - 1) / 2;
		struct actor *a = w->actors[i];

		if (w->actors[up]->at_ms <= a->at_ms)
			return;
		w->actors[i] = w->actors[up];
		w->actors[up] = a;
		i = up;
	}
}

void
actor_add(struct world *w, const struct actor_how *how)
{
	struct actor *a = must_calloc(1, sizeof(*a));

	a->how = *how;
	if (how->bytes_ms == 0)
		a->how.bytes_ms = GB_PER_S;
	if (how->cycles == 0)
		a->how.cycles = 1;
	if (how->host == NULL)
		a->how.host = "node-1";
	a->at_ms = w->now_ms + how->start_ms;
	a->window = 1;
	w->actors = must_grow(w->actors, w->actor_count,
	    sizeof(struct actor *));
	w->actors[w->actor_count] = a;
	rise(w, w->actor_count++);
}

void
actor_free(struct actor *a)
{
	if (a == NULL)
		return;
	free(a->how.plan.rows);
	free(a);
}

uint64_t
actor_next(const struct actor *a)
{
	return a->at_ms;
}

/* How many of the rows next on the plan make one release. */
static uint32_t
together(const struct actor *a)
{
	const struct family_version *v = &a->how.grant->family
					      ->versions[a->how.version];
	const uint32_t *p = a->how.plan.rows + a->next;
	size_t left = a->how.plan.length - a->next;
	uint32_t n = 1;

	while (n < a->window && n < left && p[n] == p[0] + n &&
	    v->files[p[n]] == v->files[p[0]])
		n++;
	return n;
}

/* One session is done, or cut off. */
static bool
end_cycle(struct world *w, struct actor *a)
{
	a->cycle++;
	if (a->s != NULL &&
	    (!a->how.one_session || a->cycle >= a->how.cycles)) {
		world_close(w, a->s, "unmounted");
		a->s = NULL;
	}
	a->next = 0;
	a->window = 1;
	a->untold = 0;
	a->at_ms = w->now_ms + a->how.gap_ms;
	return a->cycle < a->how.cycles;
}

static bool
refused(struct world *w, struct actor *a)
{
	if (a->how.retry_ms == 0) {
		a->cycle = a->how.cycles;
		return end_cycle(w, a);
	}
	a->at_ms = w->now_ms + a->how.retry_ms;
	return true;
}

static uint64_t
pace(struct world *w, const struct actor *a, uint32_t count)
{
	uint64_t ms = ((uint64_t)count << 22) / a->how.bytes_ms;

	if (a->how.jitter_ms > 0)
		ms += dice_below(&w->dice, a->how.jitter_ms + 1);
	return ms + a->how.pause_ms;
}

static void
go_on(struct world *w, struct actor *a, uint32_t count)
{
	a->next += count;
	a->at_ms = w->now_ms + pace(w, a, count);
	a->window = 2 * a->window < a->how.window ? 2 * a->window :
						    a->how.window;
	if (++a->untold < TELLS)
		return;
	a->untold = 0;
	world_extents(w, a->s, 0);
}

static bool
dares(struct world *w, const struct actor *a, uint32_t count)
{
	struct budget_debit d;

	if (a->how.stay_ppm == 0)
		return true;
	world_foresee(w, a->s, a->how.plan.rows[a->next], count, &d);
	return d.used_ppm <= a->how.stay_ppm &&
	    d.pool_ppm <= a->how.stay_pool_ppm;
}

bool
actor_step(struct world *w, struct actor *a)
{
	uint32_t count;

	if (a->how.until_ms > 0 && w->now_ms >= a->how.until_ms) {
		a->cycle = a->how.cycles;
		return end_cycle(w, a);
	}
	if (a->s == NULL)
		a->s = world_open(w, a->how.who, a->how.grant, a->how.version,
		    a->how.host);
	if (a->s == NULL)
		return refused(w, a);
	if (a->next == a->how.plan.length)
		return end_cycle(w, a);

	count = together(a);
	if (!dares(w, a, count)) {
		a->at_ms = w->now_ms + a->how.retry_ms;
		return true;
	}
	switch (world_release(w, a->s, a->how.plan.rows[a->next], count)) {
	case WORLD_GIVEN:
		go_on(w, a, count);
		break;
	case WORLD_SLOW:
		go_on(w, a, count);
		a->at_ms += BUDGET_SLOW_MS;
		break;
	case WORLD_BUDGET:
	case WORLD_DENIED:
		return refused(w, a);
	}
	return true;
}
