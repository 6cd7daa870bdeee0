/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/exfil/trial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/exfil/fleet.h"
#include "tests/exfil/must.h"

#define WORK_LOADS 700 /* of one world */
#define WORK_DAYS 45

void
trial_play(const struct scene *s, const struct world_how *how,
    struct score *out)
{
	OWNED(world) w = world_new(how);

	fleet_fill(w, 3);
	fleet_work(w, 10, 3);
	s->play(w);
	*out = *world_score(w);
}

/* --- figures --- */

static int
by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* Sorts the n values. */
static struct trial_figure
figure(double *values, size_t n)
{
	if (n == 0)
		return (struct trial_figure){ 0 };
	qsort(values, n, sizeof(*values), by_size);
	return (struct trial_figure){ .median = values[(n - 1) / 2],
		.p95 = values[(95 * n + 99) / 100 - 1],
		.worst = values[n - 1] };
}

enum { FLAG, BLOCK, SECONDS, HELD, ONE, ALL, LOADED, COLUMNS };

/* The rule that flagged most of the runs first. */
static const char *
most_often(const struct score *scores, size_t n)
{
	const char *best = "";
	size_t best_count = 0;

	for (size_t i = 0; i < n; i++) {
		size_t count = 0;

		for (size_t j = 0; scores[i].flagged && j < n; j++)
			count += scores[j].flagged &&
			    strcmp(scores[j].rule, scores[i].rule) == 0;
		if (count <= best_count)
			continue;
		best_count = count;
		best = scores[i].rule;
	}
	return best;
}

static void
take(struct trial *t, double *columns[COLUMNS], const struct score *s)
{
	size_t i = t->runs++;

	if (s->flagged) {
		columns[FLAG][t->flagged] = s->flag_leak;
		columns[SECONDS][t->flagged++] = (double)(s->flag_ms -
						     s->began_ms) /
		    1e3;
		memcpy(t->rule, s->rule, sizeof(t->rule));
	}
	if (s->blocked)
		columns[BLOCK][t->blocked++] = s->block_leak;
	t->baseline += s->baseline;
	columns[HELD][i] = s->held;
	columns[ONE][i] = s->most_one;
	columns[ALL][i] = s->most_all;
	columns[LOADED][i] = s->loaded;
}

void
trial_run(const struct scene *s, const struct world_how *how, size_t runs,
    struct trial *out)
{
	double *all = must_calloc(COLUMNS * runs, sizeof(*all));
	struct score *scores = must_calloc(runs, sizeof(*scores));
	double *columns[COLUMNS];
	struct world_how one = *how;

	for (size_t i = 0; i < COLUMNS; i++)
		columns[i] = all + i * runs;
	*out = (struct trial){ .scene = s };
	for (size_t i = 0; i < runs; i++) {
		one.seed = how->seed + i;
		trial_play(s, &one, &scores[i]);
		take(out, columns, &scores[i]);
	}
	snprintf(out->rule, sizeof(out->rule), "%s", most_often(scores, runs));
	out->flag_leak = figure(columns[FLAG], out->flagged);
	out->flag_seconds = figure(columns[SECONDS], out->flagged);
	out->block_leak = figure(columns[BLOCK], out->blocked);
	out->held = figure(columns[HELD], runs);
	out->most_one = figure(columns[ONE], runs);
	out->most_all = figure(columns[ALL], runs);
	out->loaded = figure(columns[LOADED], runs);
	free(all);
	free(scores);
}

/* --- honest work --- */

static void
add_alarms(struct trial_alarms *all, const struct world *w)
{
	for (size_t i = 0; i < w->alarm_count; i++) {
		all->list = must_grow(all->list, all->count,
		    sizeof(*all->list));
		all->list[all->count++] = w->alarms[i];
	}
	all->releases += w->releases;
	all->worlds++;
	if (w->minute_peak > all->minute_peak)
		all->minute_peak = w->minute_peak;
}

void
trial_work(const struct world_how *how, uint64_t loads,
    struct trial_alarms *out)
{
	struct world_how one = *how;

	*out = (struct trial_alarms){ 0 };
	for (; out->loads < loads; one.seed++) {
		OWNED(world) w = world_new(&one);
		uint64_t some = loads - out->loads < WORK_LOADS ?
		    loads - out->loads :
		    WORK_LOADS;

		fleet_fill(w, 4);
		out->loads += fleet_work(w, some, WORK_DAYS);
		add_alarms(out, w);
	}
}

void
trial_alarms_clear(struct trial_alarms *a)
{
	free(a->list);
	*a = (struct trial_alarms){ 0 };
}

/* At most n events, when the mean is so many: a sum of terms over that of all
 * terms, each against the n-th. */
static double
poisson_at_most(uint64_t n, double mean)
{
	double term = 1, few = 1, all;

	for (uint64_t i = n; i > 0; i--) {
		term *= (double)i / mean;
		few += term;
	}
	all = few;
	term = 1;
	for (uint64_t i = n + 1; term > 1e-12 * all || (double)i < mean; i++) {
		term *= mean / (double)i;
		all += term;
	}
	return few / all;
}

double
trial_poisson_bound(uint64_t n)
{
	double low = (double)n, high = 2 * (double)n + 10;

	for (unsigned int i = 0; i < 60; i++) {
		double mean = (low + high) / 2;

		if (poisson_at_most(n, mean) > 0.05)
			low = mean;
		else
			high = mean;
	}
	return high;
}
