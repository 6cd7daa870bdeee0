/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_BUDGET_H
#define WEIR_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keys/msg.h"
#include "vault/owned.h"

/*
 * The budgets of one family: which chunks were released to whom, and whether
 * more may be (docs/watch.md, "Budgets").  Pure: time is accounting time, given
 * by the caller; for one thread.
 *
 * A chunk of the family has a number, from 0 on without gaps; weights are the
 * bytes of it that budgets count (0 for headers and for files that are not
 * weights).  A version is a list of chunk numbers, one for each of its rows; a
 * chunk debits every version that holds it.
 *
 * A release is judged and counted when its entry is appended to the
 * trail, in one go, so that nobody races for what is left; a restart
 * counts what the trail holds.  Shares are in parts per million of a
 * version's weights, rounded up.
 */
#define BUDGET_DAYS 30		     /* the window of browse budgets */
#define BUDGET_SOFT_PPM 10000	     /* of one principal: flagged, slowed */
#define BUDGET_HARD_PPM 20000	     /* of one principal */
#define BUDGET_POOL_NARROW_PPM 30000 /* of all: only those below _SMALL go on */
#define BUDGET_POOL_HARD_PPM 50000   /* of all */
#define BUDGET_SMALL_PPM 2000
#define BUDGET_LOAD_PPM 1050000 /* of the weights, for each load granted */
#define BUDGET_REPEATS 4	/* times that, repeats counted in */
#define BUDGET_SLOW_MS 2000	/* between chunks, for who is above soft */

struct budget;

int budget_new(struct budget **out) MUST_USE;
void budget_free(struct budget *b);
OWNED_TYPE(budget);

/* The next chunk's weights; a version with the chunks of its rows (copied;
 * ERR_USAGE for a number that no chunk has).  *version is its number here. */
int budget_add_chunk(struct budget *b, uint32_t weights, uint32_t *chunk)
    MUST_USE;
int budget_add_version(struct budget *b, const uint32_t *chunks, size_t rows,
    uint32_t *version) MUST_USE;
/* It is not there any more: nobody can ask for it, and no browser's share is
 * of it; what was loaded of it stays counted. */
void budget_version_gone(struct budget *b, uint32_t version);

/* What is asked for, and under what. */
struct budget_ask {
	const char *principal;
	uint32_t version; /* its number here */
	uint64_t first;	  /* rows of it */
	uint32_t count;
	enum msg_grant_type type;
	uint64_t session; /* load only, with the three below */
	uint64_t grant;
	uint32_t loads;
	bool per_day;	/* loads: in any 22 hours, see BUDGET_DAY_HOURS */
	uint64_t clock; /* accounting time, in seconds; never goes back */
};

enum budget_answer {
	BUDGET_OK,
	BUDGET_SLOW,	/* above the soft limit: wait_ms before it is given */
	BUDGET_SPENT,	/* the principal's 2 % */
	BUDGET_NARROW,	/* the pool is past 3 %, the principal past 0.2 % */
	BUDGET_POOL,	/* the pool's 5 % */
	BUDGET_LOADED,	/* the grant's loads */
	BUDGET_REPEATED /* the grant's loads, repeats counted in */
};

/* What it comes to.  Shares are those after it, whether it is given or not: the
 * highest among the versions that hold any of the chunks.  fresh is new to the
 * principal's 30 days (browse) or to the session (load). */
struct budget_debit {
	enum budget_answer answer;
	uint32_t wait_ms;
	uint64_t weights;  /* bytes asked for that count */
	uint64_t fresh;	   /* of these */
	uint32_t used_ppm; /* browse: of the principal; load: of one load */
	uint32_t pool_ppm; /* browse only */
};
/* Judged: nothing changes.  An ask for no weights is BUDGET_OK always. */
int budget_judge(struct budget *b, const struct budget_ask *ask,
    struct budget_debit *out) MUST_USE;
/* Given: counted, whatever the answer would have been. */
int budget_debit(struct budget *b, const struct budget_ask *ask,
    struct budget_debit *out) MUST_USE;

/* The session has ended: only its grant's sums are kept. */
void budget_session_end(struct budget *b, uint64_t session);
/* An approved reset: the pool begins anew; the principals' own do not. */
void budget_pool_reset(struct budget *b);

/*
 * What was saved, into a budget that is new: the pages of a principal (NULL:
 * the pool), of a session, and the sums of a grant.  Page n begins with the
 * chunk of number n * BUDGET_PAGE.
 */
#define BUDGET_PAGE 4096
#define BUDGET_WORDS (BUDGET_PAGE / 64)
#define BUDGET_SUM_HOURS 25
struct budget_sum {
	uint64_t fresh;
	uint64_t all;
	struct {
		uint64_t hour; /* budget_hour */
		uint64_t fresh;
		uint64_t all;
	} hours[BUDGET_SUM_HOURS]; /* at hour % BUDGET_SUM_HOURS */
};
/* The hour that accounting time is in, from 1 on. */
uint64_t budget_hour(uint64_t clock);
void budget_sum_add(struct budget_sum *s, uint64_t hour, uint64_t fresh,
    uint64_t all);
int budget_restore_times(struct budget *b, const char *principal, size_t page,
    const uint32_t hours[static BUDGET_PAGE]) MUST_USE;
int budget_restore_session(struct budget *b, uint64_t session, size_t page,
    const uint64_t bits[static BUDGET_WORDS]) MUST_USE;
int budget_restore_grant(struct budget *b, uint64_t grant, uint32_t version,
    const struct budget_sum *sum) MUST_USE;

/* What is used, for `grant show`, and who used up the pool. */
struct budget_used {
	uint32_t used_ppm; /* of this version, in the window */
	uint32_t pool_ppm;
	uint64_t weights;     /* of the version */
	uint64_t loaded;      /* bytes, of the grant; repeats: on top */
	uint64_t loaded_here; /* of these, of this version */
	uint64_t repeats;
	/* Of the grant, over all its versions: in millionths of a load. */
	uint64_t load_ppm;
	uint64_t all_ppm;   /* repeats counted in */
	uint32_t chunk_ppm; /* of the version, in its largest chunk: where that
			     * is above BUDGET_HARD_PPM no browser gets it */
	bool spent; /* too little is left for a chunk of the largest size */
};
int budget_used(struct budget *b, const struct budget_ask *ask,
    struct budget_used *out) MUST_USE;
/* Everybody of whom something counts, with the highest share of a version. */
int budget_contributors(struct budget *b, uint64_t clock,
    int (*each)(void *arg, const char *principal, uint32_t used_ppm), void *arg)
    MUST_USE;

#endif
