/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/exfil/must.h"
#include "tests/exfil/world.h"

static struct ledger *
ledger_of(struct ledger ***list, size_t *count, const struct family *f)
{
	while (*count <= f->id) {
		*list = must_grow(*list, *count, sizeof(struct ledger *));
		(*list)[(*count)++] = NULL;
	}
	if ((*list)[f->id] == NULL)
		(*list)[f->id] = ledger_new(f);
	return (*list)[f->id];
}

/* Models that were not the same one add up. */
static double
held(const struct world *w)
{
	double sum = 0;

	for (size_t i = 0; i < w->together_count; i++)
		if (w->together[i] != NULL)
			sum += ledger_held(w->together[i]);
	return sum;
}

void
world_began(struct world *w, const struct principal *who)
{
	if (!who->thief || w->score.began)
		return;
	w->score.began = true;
	w->score.began_ms = w->now_ms;
}

void
world_blocked(struct world *w, const struct principal *who)
{
	if (!who->thief || w->score.blocked)
		return;
	w->score.blocked = true;
	w->score.block_ms = w->now_ms;
	w->score.block_leak = held(w);
}

/* --- the baseline --- */

static void
count_minute(struct world *w, struct principal *who, uint64_t bytes)
{
	uint64_t minute = w->now_ms / WORLD_MINUTE;

	if (who->minute != minute)
		who->minute_bytes = 0;
	who->minute = minute;
	who->minute_bytes += bytes;
	if (who->minute_bytes > w->minute_peak && !who->thief)
		w->minute_peak = who->minute_bytes;
	if (who->thief && w->how.minute_bytes > 0 && !w->score.baseline &&
	    who->minute_bytes > w->how.minute_bytes) {
		w->score.baseline = true;
		w->score.baseline_leak = held(w);
	}
}

void
world_gave(struct world *w, struct world_session *s, uint64_t first,
    uint32_t count)
{
	const struct family *f = s->family;
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t chunk = f->versions[s->version].chunks[first + i];

		bytes += f->weights[chunk];
		if (s->grant->type == MSG_GRANT_LOAD && !s->seen[first + i]) {
			s->seen[first + i] = true;
			s->grant->loaded += (double)f->weights[chunk] /
			    (double)f->versions[s->version].weights;
		}
		if (!s->who->thief || f->weights[chunk] == 0)
			continue;
		ledger_give(ledger_of(&s->who->ledgers, &s->who->ledger_count,
				f),
		    chunk, w->now_ms);
		ledger_give(ledger_of(&w->together, &w->together_count, f),
		    chunk, w->now_ms);
	}
	count_minute(w, s->who, bytes);
}

/* --- alerts --- */

static const struct principal *
find(const struct world *w, const char *name)
{
	for (size_t i = 0; i < w->principal_count; i++)
		if (strcmp(w->principals[i]->name, name) == 0)
			return w->principals[i];
	return NULL;
}

/* One that names nobody is about the thieves, if they have begun. */
static int
raised(void *arg, const struct watch_alert *a)
{
	struct world *w = arg;
	const struct principal *who = a->principal == NULL ?
	    NULL :
	    find(w, a->principal);

	if (a->severity < WATCH_LOW)
		return 0;
	if (who == NULL ? w->score.began : who->thief) {
		if (w->score.flagged)
			return 0;
		w->score.flagged = true;
		w->score.flag_ms = w->now_ms;
		w->score.flag_leak = held(w);
		snprintf(w->score.rule, sizeof(w->score.rule), "%s", a->rule);
		return 0;
	}
	w->alarms = must_grow(w->alarms, w->alarm_count, sizeof(*w->alarms));
	w->alarms[w->alarm_count] = (struct world_alarm){
		.row = who == NULL ? NULL : who->row
	};
	snprintf(w->alarms[w->alarm_count].rule, sizeof(w->alarms[0].rule),
	    "%s", a->rule);
	w->alarm_count++;
	return 0;
}

void
world_record(struct world *w, struct watch_event *e)
{
	e->index = w->index++;
	e->time_ms = WORLD_START_MS + (int64_t)w->now_ms;
	e->clock = w->now_ms / WORLD_SECOND;
	must_ok(watch_feed(w->watch, e, raised, w), "watch_feed");
}

/* --- in the end --- */

static double
more(double a, double b)
{
	return a > b ? a : b;
}

const struct score *
world_score(struct world *w)
{
	struct score *s = &w->score;

	s->held = held(w);
	for (size_t i = 0; i < w->together_count; i++)
		if (w->together[i] != NULL)
			s->most_all = more(s->most_all,
			    ledger_most(w->together[i]));
	for (size_t i = 0; i < w->principal_count; i++) {
		const struct principal *p = w->principals[i];

		for (size_t j = 0; j < p->ledger_count; j++)
			if (p->ledgers[j] != NULL)
				s->most_one = more(s->most_one,
				    ledger_most(p->ledgers[j]));
	}
	for (size_t i = 0; i < w->grant_count; i++) {
		const struct world_grant *g = w->grants[i];

		if (g->to->thief && g->type == MSG_GRANT_LOAD && !g->per_day)
			s->loaded = more(s->loaded, g->loaded / g->loads);
	}
	return s;
}
