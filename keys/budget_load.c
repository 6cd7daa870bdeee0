/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "keys/budget_parts.h"
#include "vault/err.h"

/* --- load: a grant, and the sessions that rest on it --- */

struct budget_load *
budget_load_of(const struct budget *b, uint64_t session)
{
	struct budget_load *l;

	HASH_FIND(hh, b->loads, &session, sizeof(session), l);
	return l;
}

static bool
had(const struct budget_load *l, uint32_t chunk)
{
	size_t page = chunk / BUDGET_PAGE_CHUNKS;

	return l != NULL && page < l->count && l->pages[page] != NULL &&
	    (l->pages[page][chunk % BUDGET_PAGE_CHUNKS / BUDGET_WORD_BITS] >>
		    (chunk % BUDGET_WORD_BITS) &
		1) != 0;
}

struct budget_grant *
budget_grant_of(const struct budget *b, uint64_t grant)
{
	struct budget_grant *g;

	HASH_FIND(hh, b->grants, &grant, sizeof(grant), g);
	return g;
}

/* What counts by now: all of it, or what is of the last day. */
struct budget_spent
budget_spent_of(const struct budget_spending *s, const struct budget_ask *ask)
{
	uint64_t now = budget_hour(ask->clock);
	struct budget_spent sum = { 0 };

	if (!ask->per_day)
		return (struct budget_spent){ s->sum.fresh, s->sum.all };
	for (size_t i = 0; i < BUDGET_SUM_HOURS; i++) {
		if (s->sum.hours[i].hour + BUDGET_DAY_HOURS < now)
			continue;
		sum.fresh += s->sum.hours[i].fresh;
		sum.all += s->sum.hours[i].all;
	}
	return sum;
}

/* In loads, as parts per million of one: with what this ask would add. */
struct shares {
	uint64_t fresh;
	uint64_t all;
};

static void
add_shares(struct shares *sum, const struct budget_spent *spent,
    uint64_t weights)
{
	sum->fresh += budget_loads(spent->fresh, weights);
	sum->all += budget_loads(spent->all, weights);
	if (sum->fresh > BUDGET_LOADS_MAX)
		sum->fresh = BUDGET_LOADS_MAX;
	if (sum->all > BUDGET_LOADS_MAX)
		sum->all = BUDGET_LOADS_MAX;
}

static struct shares
shares_of(const struct budget *b, const struct budget_ask *ask,
    const struct budget_debit *d)
{
	const struct budget_grant *g = budget_grant_of(b, ask->grant);
	const struct budget_spent now = { d->fresh, d->weights };
	struct shares sum = { 0 };
	bool there = false;

	for (size_t i = 0; g != NULL && i < g->count; i++) {
		const struct budget_spending *s = &g->of[i];
		struct budget_spent spent = budget_spent_of(s, ask);

		if (s->version == ask->version) {
			there = true;
			spent.fresh += d->fresh;
			spent.all += d->weights;
		}
		add_shares(&sum, &spent, b->versions[s->version].weights);
	}
	if (!there)
		add_shares(&sum, &now, b->versions[ask->version].weights);
	return sum;
}

void
budget_load_shares(const struct budget *b, const struct budget_ask *ask,
    uint64_t *fresh, uint64_t *all)
{
	const struct budget_debit none = { 0 };
	struct shares s = shares_of(b, ask, &none);

	*fresh = s.fresh;
	*all = s.all;
}

void
budget_load_judge(const struct budget *b, const struct budget_ask *ask,
    const uint32_t *chunks, size_t n, struct budget_debit *d)
{
	const struct budget_load *l = budget_load_of(b, ask->session);
	uint64_t most = (uint64_t)ask->loads * BUDGET_LOAD_PPM;
	struct shares sum;

	for (size_t i = 0; i < n; i++)
		if (!had(l, chunks[i]))
			d->fresh += b->weights[chunks[i]];
	sum = shares_of(b, ask, d);
	d->used_ppm = sum.fresh > UINT32_MAX ? UINT32_MAX : (uint32_t)sum.fresh;
	if (d->fresh != 0 && sum.fresh > most)
		d->answer = BUDGET_LOADED;
	else if (d->weights != 0 && sum.all > most * BUDGET_REPEATS)
		d->answer = BUDGET_REPEATED;
}

int
budget_load_make(struct budget *b, uint64_t session, struct budget_load **out)
{
	struct budget_load *l = budget_load_of(b, session);

	if (l == NULL) {
		l = calloc(1, sizeof(*l));
		if (l == NULL)
			return ERR_NOMEM;
		l->session = session;
		HASH_ADD(hh, b->loads, session, sizeof(l->session), l);
		if (l->hh.tbl == NULL) {
			free(l);
			return ERR_NOMEM;
		}
	}
	*out = l;
	return 0;
}

static int
make_grant(struct budget *b, uint64_t grant, struct budget_grant **out)
{
	struct budget_grant *g = budget_grant_of(b, grant);

	if (g == NULL) {
		g = calloc(1, sizeof(*g));
		if (g == NULL)
			return ERR_NOMEM;
		g->grant = grant;
		HASH_ADD(hh, b->grants, grant, sizeof(g->grant), g);
		if (g->hh.tbl == NULL) {
			free(g);
			return ERR_NOMEM;
		}
	}
	*out = g;
	return 0;
}

int
budget_spending_make(struct budget *b, uint64_t grant, uint32_t version,
    struct budget_spending **out)
{
	struct budget_grant *g;
	struct budget_spending *more;
	int err = make_grant(b, grant, &g);

	if (err != 0)
		return err;
	for (size_t i = 0; i < g->count; i++)
		if (g->of[i].version == version) {
			*out = &g->of[i];
			return 0;
		}
	more = reallocarray(g->of, g->count + 1, sizeof(*more));
	if (more == NULL)
		return ERR_NOMEM;
	g->of = more;
	g->of[g->count] = (struct budget_spending){ .version = version };
	*out = &g->of[g->count++];
	return 0;
}

int
budget_load_page(struct budget_load *l, size_t page)
{
	void **pages = (void **)l->pages;
	int err = budget_page(&pages, &l->count, page, BUDGET_PAGE / 8);

	l->pages = (uint64_t **)pages;
	return err;
}

void
budget_sum_add(struct budget_sum *s, uint64_t hour, uint64_t fresh,
    uint64_t all)
{
	size_t slot = hour % BUDGET_SUM_HOURS;

	if (s->hours[slot].hour != hour) {
		s->hours[slot].hour = hour;
		s->hours[slot].fresh = s->hours[slot].all = 0;
	}
	s->hours[slot].fresh += fresh;
	s->hours[slot].all += all;
	s->fresh += fresh;
	s->all += all;
}

int
budget_load_debit(struct budget *b, const struct budget_ask *ask,
    const uint32_t *chunks, size_t n, const struct budget_debit *d)
{
	struct budget_spending *s;
	struct budget_load *l;
	int err = budget_load_make(b, ask->session, &l);

	if (err == 0)
		err = budget_spending_make(b, ask->grant, ask->version, &s);
	for (size_t i = 0; err == 0 && i < n; i++)
		err = budget_load_page(l, chunks[i] / BUDGET_PAGE_CHUNKS);
	if (err != 0)
		return err;
	for (size_t i = 0; i < n; i++)
		l->pages[chunks[i] / BUDGET_PAGE_CHUNKS][chunks[i] %
		    BUDGET_PAGE_CHUNKS / BUDGET_WORD_BITS] |= UINT64_C(1)
		    << (chunks[i] % BUDGET_WORD_BITS);
	budget_sum_add(&s->sum, budget_hour(ask->clock), d->fresh, d->weights);
	return 0;
}

void
budget_load_drop(struct budget *b, struct budget_load *l)
{
	HASH_DEL(b->loads, l);
	budget_pages_clear((void **)l->pages, l->count);
	free(l);
}
