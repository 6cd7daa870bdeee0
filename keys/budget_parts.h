/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_BUDGET_PARTS_H
#define WEIR_BUDGET_PARTS_H

/* What a family's budgets are kept in, for budget*.c alone. */

#include "keys/budget.h"

/* Out of memory it adds nothing, and hh.tbl is NULL. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#define BUDGET_HOUR 3600
/* Of loads a day: this hour and so many before it.  An hour or two short of a
 * day, or a nightly job that is a minute early would be refused. */
#define BUDGET_DAY_HOURS 22
#define BUDGET_WINDOW_HOURS (BUDGET_DAYS * 24)
#define BUDGET_PPM UINT64_C(1000000)
#define BUDGET_PAGE_CHUNKS ((uint32_t)BUDGET_PAGE)
#define BUDGET_WORD_BITS 64U

/* When each chunk was last released: the hour, counted from 1; 0: never.  In
 * pages, most of which a reader within its budget never fills. */
struct budget_times {
	uint32_t **pages;
	size_t count;
	uint64_t hour;	/* that the sums are of */
	uint64_t *sums; /* of each version: the weights of the window */
	size_t versions;
};

struct budget_principal {
	UT_hash_handle hh;
	char *name;
	struct budget_times times;
};

/* Which chunks a load session has had. */
struct budget_load {
	UT_hash_handle hh;
	uint64_t session;
	uint64_t **pages;
	size_t count;
};

/* What counts of a sum by now. */
struct budget_spent {
	uint64_t fresh;
	uint64_t all;
};

/* What was released of one version under a load grant. */
struct budget_spending {
	uint32_t version;
	struct budget_sum sum;
};

struct budget_grant {
	UT_hash_handle hh;
	uint64_t grant;
	struct budget_spending *of;
	size_t count;
};

struct budget_version {
	uint32_t *chunks; /* of its rows */
	size_t rows;
	uint64_t *has; /* a bit for each chunk */
	size_t words;
	uint64_t weights;
	uint32_t largest; /* chunk's */
	bool gone;
};

struct budget {
	uint32_t *weights; /* of each chunk */
	size_t chunks;
	size_t chunks_room;
	struct budget_version *versions;
	size_t count;
	struct budget_principal *principals;
	struct budget_times pool;
	struct budget_load *loads;
	struct budget_grant *grants;
};

/* --- budget.c --- */

bool budget_has(const struct budget_version *v, uint32_t chunk);
/* Bytes as a share of the weights, rounded up; cut where no share is as
 * large. */
uint32_t budget_share(uint64_t bytes, uint64_t weights);
/* The same of what may be many times the weights, as loads are: cut where no
 * grant goes. */
#define BUDGET_LOADS_MAX (UINT64_C(1) << 56)
uint64_t budget_loads(uint64_t bytes, uint64_t weights);
/* Room for page n in an array of pages of any kind. */
int budget_page(void ***pages, size_t *count, size_t n, size_t bytes) MUST_USE;
void budget_pages_clear(void **pages, size_t count);

/* --- budget_browse.c: principals and the pool --- */

int budget_times_page(struct budget_times *t, size_t page) MUST_USE;
/* Sums as of this hour, of all versions that there are. */
int budget_times_bring_up(const struct budget *b, struct budget_times *t,
    uint64_t hour) MUST_USE;
void budget_times_clear(struct budget_times *t);
int budget_principal_of(struct budget *b, const char *name,
    struct budget_principal **out) MUST_USE;
/* Of n chunks, each once, that weigh something. */
int budget_browse_judge(struct budget *b, const struct budget_ask *ask,
    const uint32_t *chunks, size_t n, struct budget_debit *d) MUST_USE;
int budget_browse_debit(struct budget *b, const struct budget_ask *ask,
    const uint32_t *chunks, size_t n) MUST_USE;

/* --- budget_load.c: load grants and the sessions that rest on them --- */

struct budget_load *budget_load_of(const struct budget *b, uint64_t session);
struct budget_grant *budget_grant_of(const struct budget *b, uint64_t grant);
/* What counts by now: all of it, or what is of the last day. */
struct budget_spent budget_spent_of(const struct budget_spending *s,
    const struct budget_ask *ask);
/* What the grant has given by now, in millionths of a load. */
void budget_load_shares(const struct budget *b, const struct budget_ask *ask,
    uint64_t *fresh, uint64_t *all);
void budget_load_judge(const struct budget *b, const struct budget_ask *ask,
    const uint32_t *chunks, size_t n, struct budget_debit *d);
int budget_load_debit(struct budget *b, const struct budget_ask *ask,
    const uint32_t *chunks, size_t n, const struct budget_debit *d) MUST_USE;
int budget_load_make(struct budget *b, uint64_t session,
    struct budget_load **out) MUST_USE;
int budget_load_page(struct budget_load *l, size_t page) MUST_USE;
int budget_spending_make(struct budget *b, uint64_t grant, uint32_t version,
    struct budget_spending **out) MUST_USE;
void budget_load_drop(struct budget *b, struct budget_load *l);

#endif
