/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/exfil/ledger.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tests/exfil/must.h"

/* One chunk that was given at a time. */
struct given {
	uint64_t time_ms;
	uint32_t chunk;
};

struct ledger {
	const struct family *family;
	size_t versions; /* known here */
	size_t chunks;
	/* The versions with chunk c: of[starts[c]] to of[starts[c + 1]]. */
	size_t *starts;
	uint32_t *of;
	uint64_t *held;	  /* by version */
	uint64_t *window; /* by version */
	uint32_t *times;  /* in the window, by chunk */
	bool *ever;	  /* by chunk */
	struct given *given;
	size_t first, count;
	double most;
};

struct ledger *
ledger_new(const struct family *f)
{
	struct ledger *l = must_calloc(1, sizeof(*l));

	l->family = f;
	return l;
}

static void
forget_index(struct ledger *l)
{
	free(l->starts);
	free(l->of);
	free(l->held);
	free(l->window);
}

void
ledger_free(struct ledger *l)
{
	if (l == NULL)
		return;
	forget_index(l);
	free(l->times);
	free(l->ever);
	free(l->given);
	free(l);
}

static void *
longer(void *p, size_t had, size_t n, size_t size)
{
	char *q = reallocarray(p, n + 1, size);

	if (q == NULL)
		must_ok(-1, "realloc");
	memset(q + had * size, 0, (n + 1 - had) * size);
	return q;
}

/* A version may hold a chunk twice: it has its weights twice, too. */
static void
make_index(struct ledger *l)
{
	const struct family *f = l->family;
	size_t *at = must_calloc(f->chunks + 2, sizeof(*at));
	size_t all = 0;

	for (size_t v = 0; v < f->count; v++)
		for (size_t i = 0; i < f->versions[v].rows; i++, all++)
			at[f->versions[v].chunks[i] + 2]++;
	for (size_t c = 2; c < f->chunks + 2; c++)
		at[c] += at[c - 1];
	l->of = must_calloc(all + 1, sizeof(*l->of));
	for (size_t v = 0; v < f->count; v++)
		for (size_t i = 0; i < f->versions[v].rows; i++)
			l->of[at[f->versions[v].chunks[i] + 1]++] = (uint32_t)v;
	l->starts = at;
}

static void
count(const struct ledger *l, uint64_t *sums, uint32_t chunk, bool more)
{
	uint64_t w = l->family->weights[chunk];

	for (size_t i = l->starts[chunk]; i < l->starts[chunk + 1]; i++)
		sums[l->of[i]] += more ? w : -w;
}

static double
highest(const struct ledger *l, const uint64_t *sums)
{
	double high = 0;

	for (size_t v = 0; v < l->versions; v++) {
		uint64_t all = l->family->versions[v].weights;
		double share = all == 0 ? 0 : (double)sums[v] / (double)all;

		high = share > high ? share : high;
	}
	return high;
}

/* Versions came: what is held counts for them, too. */
static void
catch_up(struct ledger *l)
{
	const struct family *f = l->family;

	if (l->versions == f->count && l->chunks == f->chunks)
		return;
	forget_index(l);
	l->times = longer(l->times, l->chunks, f->chunks, sizeof(*l->times));
	l->ever = longer(l->ever, l->chunks, f->chunks, sizeof(*l->ever));
	l->chunks = f->chunks;
	l->versions = f->count;
	make_index(l);
	l->held = must_calloc(f->count + 1, sizeof(*l->held));
	l->window = must_calloc(f->count + 1, sizeof(*l->window));
	for (uint32_t c = 0; c < l->chunks; c++) {
		if (l->ever[c])
			count(l, l->held, c, true);
		if (l->times[c] > 0)
			count(l, l->window, c, true);
	}
}

static void
move_on(struct ledger *l, uint64_t time_ms)
{
	while (l->first < l->count &&
	    l->given[l->first].time_ms + LEDGER_WINDOW_MS <= time_ms) {
		uint32_t chunk = l->given[l->first++].chunk;

		if (--l->times[chunk] == 0)
			count(l, l->window, chunk, false);
	}
}

void
ledger_give(struct ledger *l, uint32_t chunk, uint64_t time_ms)
{
	double now;

	catch_up(l);
	move_on(l, time_ms);
	l->given = must_grow(l->given, l->count, sizeof(*l->given));
	l->given[l->count++] = (struct given){ time_ms, chunk };
	if (!l->ever[chunk])
		count(l, l->held, chunk, true);
	l->ever[chunk] = true;
	if (l->times[chunk]++ > 0)
		return;
	count(l, l->window, chunk, true);
	now = highest(l, l->window);
	l->most = now > l->most ? now : l->most;
}

double
ledger_held(struct ledger *l)
{
	catch_up(l);
	return highest(l, l->held);
}

double
ledger_most(struct ledger *l)
{
	double now;

	catch_up(l);
	now = highest(l, l->window);
	l->most = now > l->most ? now : l->most;
	return l->most;
}
