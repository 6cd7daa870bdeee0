/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/budget.h"

#include <stdlib.h>
#include <string.h>

#include "keys/budget_parts.h"
#include "vault/err.h"

/* --- the family --- */

int
budget_new(struct budget **out)
{
	struct budget *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return ERR_NOMEM;
	*out = b;
	return 0;
}

int
budget_add_chunk(struct budget *b, uint32_t weights, uint32_t *chunk)
{
	if (b->chunks == UINT32_MAX)
		return ERR_LIMIT;
	if (b->chunks == b->chunks_room) {
		size_t room = b->chunks_room * 2 + BUDGET_PAGE_CHUNKS;
		uint32_t *more = reallocarray(b->weights, room, sizeof(*more));

		if (more == NULL)
			return ERR_NOMEM;
		b->weights = more;
		b->chunks_room = room;
	}
	*chunk = (uint32_t)b->chunks;
	b->weights[b->chunks++] = weights;
	return 0;
}

bool
budget_has(const struct budget_version *v, uint32_t chunk)
{
	return chunk / BUDGET_WORD_BITS < v->words &&
	    (v->has[chunk / BUDGET_WORD_BITS] >> (chunk % BUDGET_WORD_BITS) &
		1) != 0;
}

static int
fill_version(const struct budget *b, struct budget_version *v,
    const uint32_t *chunks, size_t rows)
{
	v->words = (b->chunks + BUDGET_WORD_BITS - 1) / BUDGET_WORD_BITS;
	v->chunks = calloc(rows + 1, sizeof(*v->chunks));
	v->has = calloc(v->words + 1, sizeof(*v->has));
	if (v->chunks == NULL || v->has == NULL)
		return ERR_NOMEM;
	for (; v->rows < rows; v->rows++) {
		uint32_t c = chunks[v->rows];

		if (c >= b->chunks)
			return ERR_USAGE;
		if (!budget_has(v, c))
			v->weights += b->weights[c];
		v->has[c / BUDGET_WORD_BITS] |= UINT64_C(1)
		    << (c % BUDGET_WORD_BITS);
		v->chunks[v->rows] = c;
		if (b->weights[c] > v->largest)
			v->largest = b->weights[c];
	}
	return 0;
}

static void
clear_version(struct budget_version *v)
{
	free(v->chunks);
	free(v->has);
}

int
budget_add_version(struct budget *b, const uint32_t *chunks, size_t rows,
    uint32_t *version)
{
	struct budget_version v = { 0 }, *more;
	int err;

	more = reallocarray(b->versions, b->count + 1, sizeof(*more));
	if (more == NULL)
		return ERR_NOMEM;
	b->versions = more;
	err = fill_version(b, &v, chunks, rows);
	if (err != 0) {
		clear_version(&v);
		return err;
	}
	*version = (uint32_t)b->count;
	b->versions[b->count++] = v;
	return 0;
}

void
budget_version_gone(struct budget *b, uint32_t version)
{
	b->versions[version].gone = true;
}

__extension__ typedef unsigned __int128 wide;

/* Rounded up, and cut at most. */
static uint64_t
share(uint64_t bytes, uint64_t weights, uint64_t most)
{
	wide ppm;

	if (weights == 0)
		return 0;
	ppm = ((wide)bytes * BUDGET_PPM + weights - 1) / weights;
	return ppm > most ? most : (uint64_t)ppm;
}

uint32_t
budget_share(uint64_t bytes, uint64_t weights)
{
	return (uint32_t)share(bytes, weights, UINT32_MAX);
}

uint64_t
budget_loads(uint64_t bytes, uint64_t weights)
{
	return share(bytes, weights, BUDGET_LOADS_MAX);
}

uint64_t
budget_hour(uint64_t clock)
{
	return clock / BUDGET_HOUR + 1;
}

int
budget_page(void ***pages, size_t *count, size_t n, size_t bytes)
{
	if (n >= *count) {
		void **more = reallocarray(*pages, n + 1, sizeof(*more));

		if (more == NULL)
			return ERR_NOMEM;
		memset(more + *count, 0, (n + 1 - *count) * sizeof(*more));
		*pages = more;
		*count = n + 1;
	}
	if ((*pages)[n] == NULL)
		(*pages)[n] = calloc(1, bytes);
	return (*pages)[n] != NULL ? 0 : ERR_NOMEM;
}

void
budget_pages_clear(void **pages, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(pages[i]);
	free(pages);
}

/* --- both --- */

static bool
ask_ok(const struct budget *b, const struct budget_ask *ask)
{
	return ask->version < b->count && !b->versions[ask->version].gone &&
	    ask->first <= b->versions[ask->version].rows &&
	    ask->count <= b->versions[ask->version].rows - ask->first &&
	    ask->clock / BUDGET_HOUR < UINT32_MAX - BUDGET_WINDOW_HOURS;
}

/* The chunks of an ask that weigh anything, each once. */
static size_t
chunks_of(const struct budget *b, const struct budget_ask *ask,
    uint32_t *chunks)
{
	const struct budget_version *v = &b->versions[ask->version];
	size_t n = 0;

	for (uint32_t i = 0; i < ask->count; i++) {
		uint32_t c = v->chunks[ask->first + i];
		size_t k = 0;

		while (k < n && chunks[k] != c)
			k++;
		if (k == n && b->weights[c] != 0)
			chunks[n++] = c;
	}
	return n;
}

static int
judge(struct budget *b, const struct budget_ask *ask, uint32_t *chunks,
    size_t *n, struct budget_debit *out)
{
	struct budget_debit d = { .answer = BUDGET_OK };
	int err = 0;

	*n = chunks_of(b, ask, chunks);
	for (size_t i = 0; i < *n; i++)
		d.weights += b->weights[chunks[i]];
	if (ask->type == MSG_GRANT_LOAD)
		budget_load_judge(b, ask, chunks, *n, &d);
	else
		err = budget_browse_judge(b, ask, chunks, *n, &d);
	if (err == 0)
		*out = d;
	return err;
}

int
budget_judge(struct budget *b, const struct budget_ask *ask,
    struct budget_debit *out)
{
	OWNED_MEM(uint32_t) chunks = NULL;
	size_t n;

	if (!ask_ok(b, ask))
		return ERR_USAGE;
	chunks = calloc(ask->count + 1, sizeof(*chunks));
	return chunks == NULL ? ERR_NOMEM : judge(b, ask, chunks, &n, out);
}

int
budget_debit(struct budget *b, const struct budget_ask *ask,
    struct budget_debit *out)
{
	OWNED_MEM(uint32_t) chunks = NULL;
	struct budget_debit d;
	size_t n;
	int err;

	if (!ask_ok(b, ask))
		return ERR_USAGE;
	chunks = calloc(ask->count + 1, sizeof(*chunks));
	if (chunks == NULL)
		return ERR_NOMEM;
	err = judge(b, ask, chunks, &n, &d);
	if (err == 0)
		err = ask->type == MSG_GRANT_LOAD ?
		    budget_load_debit(b, ask, chunks, n, &d) :
		    budget_browse_debit(b, ask, chunks, n);
	if (err == 0)
		*out = d;
	return err;
}

void
budget_session_end(struct budget *b, uint64_t session)
{
	struct budget_load *l = budget_load_of(b, session);

	if (l != NULL)
		budget_load_drop(b, l);
}

void
budget_pool_reset(struct budget *b)
{
	budget_times_clear(&b->pool);
}

/* A chunk of the largest size would be refused, and something was had. */
static bool
is_spent(const struct budget_ask *ask, const struct budget_used *used)
{
	const uint64_t chunk = used->chunk_ppm;

	if (ask->type == MSG_GRANT_LOAD) {
		uint64_t most = (uint64_t)ask->loads * BUDGET_LOAD_PPM;

		return used->load_ppm != 0 &&
		    (used->load_ppm + chunk > most ||
			used->all_ppm + chunk > most * BUDGET_REPEATS);
	}
	return used->used_ppm != 0 && used->used_ppm + chunk > BUDGET_HARD_PPM;
}

int
budget_used(struct budget *b, const struct budget_ask *ask,
    struct budget_used *out)
{
	struct budget_used used = { 0 };
	const struct budget_grant *g = budget_grant_of(b, ask->grant);
	struct budget_principal *p;
	int err;

	if (ask->version >= b->count || !ask_ok(b, ask))
		return ERR_USAGE;
	err = budget_principal_of(b, ask->principal, &p);
	if (err == 0)
		err = budget_times_bring_up(b, &p->times,
		    budget_hour(ask->clock));
	if (err == 0)
		err = budget_times_bring_up(b, &b->pool,
		    budget_hour(ask->clock));
	if (err != 0)
		return err;
	used.weights = b->versions[ask->version].weights;
	used.used_ppm = budget_share(p->times.sums[ask->version], used.weights);
	used.chunk_ppm = budget_share(b->versions[ask->version].largest,
	    used.weights);
	used.pool_ppm = budget_share(b->pool.sums[ask->version], used.weights);
	for (size_t i = 0; g != NULL && i < g->count; i++) {
		struct budget_spent s = budget_spent_of(&g->of[i], ask);

		used.loaded += s.fresh;
		used.repeats += s.all - s.fresh;
		if (g->of[i].version == ask->version)
			used.loaded_here = s.fresh;
	}
	budget_load_shares(b, ask, &used.load_ppm, &used.all_ppm);
	used.spent = is_spent(ask, &used);
	*out = used;
	return 0;
}

static uint32_t
highest(const struct budget *b, const struct budget_times *t)
{
	uint32_t ppm = 0;

	for (size_t v = 0; v < b->count; v++) {
		uint32_t share = budget_share(t->sums[v],
		    b->versions[v].weights);

		if (!b->versions[v].gone && share > ppm)
			ppm = share;
	}
	return ppm;
}

int
budget_contributors(struct budget *b, uint64_t clock,
    int (*each)(void *arg, const char *principal, uint32_t used_ppm), void *arg)
{
	struct budget_principal *p, *next;
	int err = 0;

	HASH_ITER(hh, b->principals, p, next) {
		uint32_t ppm;

		if (err == 0)
			err = budget_times_bring_up(b, &p->times,
			    budget_hour(clock));
		if (err != 0)
			return err;
		ppm = highest(b, &p->times);
		if (ppm != 0)
			err = each(arg, p->name, ppm);
	}
	return err;
}

static void
free_principals(struct budget *b)
{
	struct budget_principal *p, *next;

	HASH_ITER(hh, b->principals, p, next) {
		HASH_DEL(b->principals, p);
		budget_times_clear(&p->times);
		free(p->name);
		free(p);
	}
}

static void
free_grants(struct budget *b)
{
	struct budget_grant *g, *next;

	HASH_ITER(hh, b->grants, g, next) {
		HASH_DEL(b->grants, g);
		free(g->of);
		free(g);
	}
}

void
budget_free(struct budget *b)
{
	struct budget_load *l, *next;

	if (b == NULL)
		return;
	free_principals(b);
	free_grants(b);
	HASH_ITER(hh, b->loads, l, next)
		budget_load_drop(b, l);
	budget_times_clear(&b->pool);
	for (size_t i = 0; i < b->count; i++)
		clear_version(&b->versions[i]);
	free(b->versions);
	free(b->weights);
	free(b);
}
