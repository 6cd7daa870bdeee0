/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "keys/broker_state.h"
#include "keys/watch.h"
#include "vault/err.h"

/*
 * Every refusal is recorded, and anybody may ask for one: the trail's disk is
 * not theirs to fill.  A user has so many refusals at once, and one more each
 * second.  Those beyond wait for the next tick, when one entry tells how many
 * they were; nothing more is read from their connections meanwhile.  What a
 * rule of the watch is about has entries apart: nobody hides one refusal behind
 * others.
 */
#define BURST 32
#define SECOND_MS 1000

/* Whoever can write the trail's disk anyway. */
static bool
is_exempt(const struct broker_call *c)
{
	uid_t uid = c->from->peer.uid;

	return uid == 0 || uid == c->b->how.own_uid;
}

static struct broker_guard *
guard_of(struct broker_call *c)
{
	struct broker *b = c->b;
	uid_t uid = c->from->peer.uid;
	struct broker_guard *g;

	HASH_FIND(hh, b->guards, &uid, sizeof(uid), g);
	if (g != NULL)
		return g;
	g = calloc(1, sizeof(*g));
	if (g == NULL)
		return NULL;
	g->uid = uid;
	g->left[0] = g->left[1] = BURST;
	snprintf(g->principal, sizeof(g->principal), "%s", c->from->principal);
	STAILQ_INIT(&g->held);
	HASH_ADD(hh, b->guards, uid, sizeof(g->uid), g);
	if (g->hh.tbl == NULL) {
		free(g);
		return NULL;
	}
	return g;
}

/* The first one stands for those that come after it. */
static int
hold(struct broker_call *c, struct broker_guard *g, const char *reason)
{
	int err = broker_record_hold(c->b, &g->held, &c->pending);

	if (err != 0)
		return err;
	if (g->count++ == 0) {
		g->request = c->request->name;
		snprintf(g->reason, sizeof(g->reason), "%s", reason);
	}
	c->from->held++;
	return 0;
}

int
broker_guard_refusal(struct broker_call *c, struct entry *e, const char *reason)
{
	struct broker_guard *g;
	unsigned int *left;

	if (is_exempt(c))
		return broker_call_record_later(c, e);
	g = guard_of(c);
	if (g == NULL)
		return broker_call_fail(c, ERR_NOMEM,
		    "weir-keyd is out of memory");
	left = &g->left[watch_fact_reason(reason) ? 1 : 0];
	if (*left == 0)
		return hold(c, g, reason);
	--*left;
	return broker_call_record_later(c, e);
}

static int
record(struct broker *b, const struct broker_guard *g)
{
	const struct entry_actor by = { g->principal, g->uid };
	struct broker_pending *lead;
	OWNED_ENTRY e = { 0 };

	entry_begin(&e, ENTRY_REFUSED, &by, broker_record_clock());
	entry_text(&e, "request", g->request);
	entry_text(&e, "reason", g->reason);
	if (g->count > 1)
		entry_number(&e, "more", g->count - 1);
	return broker_record_later(b, &e, &lead);
}

static void
flush(struct broker *b, struct broker_guard *g)
{
	int err = b->failed == 0 ? record(b, g) : 0;

	/* Too much to record just now: at the next tick. */
	if (err != 0 && b->failed == 0)
		return;
	broker_record_release(b, &g->held);
	g->count = 0;
}

void
broker_guard_tick(struct broker *b, int64_t since_ms)
{
	uint64_t seconds = (uint64_t)(since_ms - b->guarded_ms) / SECOND_MS;
	struct broker_guard *g, *next;

	b->guarded_ms += (int64_t)seconds * SECOND_MS;
	HASH_ITER(hh, b->guards, g, next) {
		for (size_t i = 0; i < 2; i++)
			g->left[i] = seconds > BURST - g->left[i] ?
			    BURST :
			    g->left[i] + (unsigned int)seconds;
		if (g->count > 0)
			flush(b, g);
		if (g->left[0] == BURST && g->left[1] == BURST &&
		    g->count == 0) {
			HASH_DEL(b->guards, g);
			free(g);
		}
	}
}

void
broker_guard_flush(struct broker *b)
{
	struct broker_guard *g, *next;

	HASH_ITER(hh, b->guards, g, next)
		if (g->count > 0)
			flush(b, g);
}

void
broker_guard_free_all(struct broker *b)
{
	struct broker_guard *g, *next;

	HASH_ITER(hh, b->guards, g, next) {
		HASH_DEL(b->guards, g);
		broker_record_clear_list(&g->held);
		free(g);
	}
}
