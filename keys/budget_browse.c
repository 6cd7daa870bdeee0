/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "keys/budget_parts.h"
#include "vault/err.h"

__extension__ typedef unsigned __int128 wide;

static bool
above(uint64_t bytes, uint64_t weights, uint64_t ppm)
{
	return (wide)bytes * BUDGET_PPM > (wide)weights * ppm;
}

/* --- times --- */

static uint32_t
last_time(const struct budget_times *t, uint32_t chunk)
{
	size_t page = chunk / BUDGET_PAGE_CHUNKS;

	return page < t->count && t->pages[page] != NULL ?
	    t->pages[page][chunk % BUDGET_PAGE_CHUNKS] :
	    0;
}

/* A chunk counts for thirty days, and for what is left of the hour then. */
static bool
counts(uint32_t last, uint64_t hour)
{
	return last != 0 && last + (uint64_t)BUDGET_WINDOW_HOURS >= hour;
}

static void
add_to_sums(const struct budget *b, struct budget_times *t, uint32_t chunk)
{
	for (size_t v = 0; v < t->versions; v++)
		if (budget_has(&b->versions[v], chunk))
			t->sums[v] += b->weights[chunk];
}

static void
sum_page(const struct budget *b, struct budget_times *t, size_t page)
{
	for (uint32_t i = 0; i < BUDGET_PAGE_CHUNKS; i++)
		if (counts(t->pages[page][i], t->hour))
			add_to_sums(b, t,
			    (uint32_t)(page * BUDGET_PAGE_CHUNKS) + i);
}

/* Sums as of this hour, of all versions that there are. */
int
budget_times_bring_up(const struct budget *b, struct budget_times *t,
    uint64_t hour)
{
	if (t->hour == hour && t->versions == b->count)
		return 0;
	if (t->versions != b->count) {
		uint64_t *more = reallocarray(t->sums, b->count + 1,
		    sizeof(*more));

		if (more == NULL)
			return ERR_NOMEM;
		t->sums = more;
		t->versions = b->count;
	}
	memset(t->sums, 0, t->versions * sizeof(*t->sums));
	t->hour = hour;
	for (size_t page = 0; page < t->count; page++)
		if (t->pages[page] != NULL)
			sum_page(b, t, page);
	return 0;
}

int
budget_times_page(struct budget_times *t, size_t page)
{
	void **pages = (void **)t->pages;
	int err = budget_page(&pages, &t->count, page,
	    BUDGET_PAGE * sizeof(**t->pages));

	t->pages = (uint32_t **)pages;
	return err;
}

/* Its page is there, and the sums are of this hour. */
static void
mark(const struct budget *b, struct budget_times *t, uint32_t chunk)
{
	if (!counts(last_time(t, chunk), t->hour))
		add_to_sums(b, t, chunk);
	t->pages[chunk / BUDGET_PAGE_CHUNKS]
		[chunk % BUDGET_PAGE_CHUNKS] = (uint32_t)t->hour;
}

void
budget_times_clear(struct budget_times *t)
{
	budget_pages_clear((void **)t->pages, t->count);
	free(t->sums);
	*t = (struct budget_times){ 0 };
}

/* --- browse: a principal, and the pool of all --- */

int
budget_principal_of(struct budget *b, const char *name,
    struct budget_principal **out)
{
	struct budget_principal *p;

	HASH_FIND_STR(b->principals, name, p);
	if (p == NULL) {
		p = calloc(1, sizeof(*p));
		if (p != NULL)
			p->name = strdup(name);
		if (p == NULL || p->name == NULL) {
			free(p);
			return ERR_NOMEM;
		}
		HASH_ADD_KEYPTR(hh, b->principals, p->name, strlen(p->name), p);
		if (p->hh.tbl == NULL) {
			free(p->name);
			free(p);
			return ERR_NOMEM;
		}
	}
	*out = p;
	return 0;
}

/* What these chunks would add to the times of version v. */
static uint64_t
adds(const struct budget *b, const struct budget_times *t, size_t v,
    const uint32_t *chunks, size_t n)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		if (budget_has(&b->versions[v], chunks[i]) &&
		    !counts(last_time(t, chunks[i]), t->hour))
			sum += b->weights[chunks[i]];
	return sum;
}

static void
worse(struct budget_debit *d, enum budget_answer answer)
{
	if (answer > d->answer)
		d->answer = answer;
}

/* As to one of the versions that hold any of the chunks. */
static void
judge_version(const struct budget *b, const struct budget_times *own, size_t v,
    const uint32_t *chunks, size_t n, struct budget_debit *d)
{
	uint64_t weights = b->versions[v].weights;
	uint64_t more = adds(b, own, v, chunks, n);
	uint64_t pool = adds(b, &b->pool, v, chunks, n);
	uint64_t used = own->sums[v], pooled = b->pool.sums[v];
	uint32_t ppm = budget_share(used + more, weights);

	if (ppm > d->used_ppm)
		d->used_ppm = ppm;
	ppm = budget_share(pooled + pool, weights);
	if (ppm > d->pool_ppm)
		d->pool_ppm = ppm;
	if (more == 0)
		return;
	if (above(used + more, weights, BUDGET_SOFT_PPM))
		worse(d, BUDGET_SLOW);
	if (above(used + more, weights, BUDGET_HARD_PPM))
		worse(d, BUDGET_SPENT);
	if (pool == 0)
		return;
	if (above(pooled + pool, weights, BUDGET_POOL_NARROW_PPM) &&
	    budget_share(used, weights) >= BUDGET_SMALL_PPM)
		worse(d, BUDGET_NARROW);
	if (above(pooled + pool, weights, BUDGET_POOL_HARD_PPM))
		worse(d, BUDGET_POOL);
}

static bool
holds_any(const struct budget_version *v, const uint32_t *chunks, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (budget_has(v, chunks[i]))
			return true;
	return false;
}

int
budget_browse_judge(struct budget *b, const struct budget_ask *ask,
    const uint32_t *chunks, size_t n, struct budget_debit *d)
{
	struct budget_principal *p;
	int err = budget_principal_of(b, ask->principal, &p);

	if (err == 0)
		err = budget_times_bring_up(b, &p->times,
		    budget_hour(ask->clock));
	if (err == 0)
		err = budget_times_bring_up(b, &b->pool,
		    budget_hour(ask->clock));
	if (err != 0)
		return err;
	for (size_t i = 0; i < n; i++)
		if (!counts(last_time(&p->times, chunks[i]), p->times.hour))
			d->fresh += b->weights[chunks[i]];
	for (size_t v = 0; v < b->count; v++)
		if (!b->versions[v].gone &&
		    holds_any(&b->versions[v], chunks, n))
			judge_version(b, &p->times, v, chunks, n, d);
	if (d->answer == BUDGET_SLOW)
		d->wait_ms = BUDGET_SLOW_MS;
	return 0;
}

int
budget_browse_debit(struct budget *b, const struct budget_ask *ask,
    const uint32_t *chunks, size_t n)
{
	struct budget_principal *p;
	int err = budget_principal_of(b, ask->principal, &p);

	for (size_t i = 0; err == 0 && i < n; i++) {
		err = budget_times_page(&p->times,
		    chunks[i] / BUDGET_PAGE_CHUNKS);
		if (err == 0)
			err = budget_times_page(&b->pool,
			    chunks[i] / BUDGET_PAGE_CHUNKS);
	}
	for (size_t i = 0; err == 0 && i < n; i++) {
		mark(b, &p->times, chunks[i]);
		mark(b, &b->pool, chunks[i]);
	}
	return err;
}
