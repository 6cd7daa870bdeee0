/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/broker_budget.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vault/err.h"
#include "vault/log.h"

struct family_version {
	UT_hash_handle hh;
	struct digest version;
	uint32_t number;
};

struct broker_family {
	UT_hash_handle hh;
	char model[REF_NAME_MAX + 1];
	struct budget *budget;
	struct family_version *versions; /* hash by digest */
};

uint64_t
broker_budget_clock(const struct broker *b)
{
	return accounting_at(&b->accounting, accounting_boot());
}

static void
family_free(struct broker_family *f)
{
	struct family_version *v, *next;

	if (f == NULL)
		return;
	HASH_ITER(hh, f->versions, v, next) {
		HASH_DEL(f->versions, v);
		free(v);
	}
	budget_free(f->budget);
	free(f);
}

void
broker_budget_forget(struct broker *b, const char *family)
{
	struct broker_family *f;

	HASH_FIND_STR(b->families, family, f);
	if (f == NULL)
		return;
	HASH_DEL(b->families, f);
	family_free(f);
}

void
broker_budget_free_all(struct broker *b)
{
	struct broker_family *f, *next;

	HASH_ITER(hh, b->families, f, next) {
		HASH_DEL(b->families, f);
		family_free(f);
	}
}

/* --- taking up a family --- */

struct taking {
	struct broker *b;
	struct broker_family *f;
	uint32_t *rows; /* of the version at hand */
	size_t count;
};

static int
take_weights(void *arg, const uint32_t *weights, size_t n)
{
	struct taking *t = arg;
	uint32_t number;
	int err = 0;

	for (size_t i = 0; err == 0 && i < n; i++)
		err = budget_add_chunk(t->f->budget, weights[i], &number);
	return err;
}

static int
take_rows(void *arg, const uint32_t *numbers, size_t n)
{
	struct taking *t = arg;
	uint32_t *more = reallocarray(t->rows, t->count + n + 1, sizeof(*more));

	if (more == NULL)
		return ERR_NOMEM;
	memcpy(more + t->count, numbers, n * sizeof(*numbers));
	t->rows = more;
	t->count += n;
	return 0;
}

static int
add_version(struct broker_family *f, const struct digest *version,
    uint32_t number)
{
	struct family_version *v = calloc(1, sizeof(*v));

	if (v == NULL)
		return ERR_NOMEM;
	v->version = *version;
	v->number = number;
	HASH_ADD(hh, f->versions, version, sizeof(v->version), v);
	if (v->hh.tbl != NULL)
		return 0;
	free(v);
	return ERR_NOMEM;
}

/* The rows of a version, and what they are in the budget. */
static int
take_up(struct taking *t, const struct digest *version, uint32_t *number)
{
	int err;

	t->count = 0;
	err = catalogue_chunk_rows(t->b->how.catalogue, t->f->model, version,
	    take_rows, t);
	if (err == 0)
		err = budget_add_version(t->f->budget, t->rows, t->count,
		    number);
	return err == 0 ? add_version(t->f, version, *number) : err;
}

static int
take_version(void *arg, const struct catalogue_version *v)
{
	struct taking *t = arg;
	uint32_t number;
	int err = take_up(t, &v->version, &number);

	if (err == 0 && t->count != v->chunks)
		err = log_err(ERR_INTEGRITY,
		    "the catalogue lacks chunks of a version of '%s'",
		    v->model);
	return err;
}

static struct family_version *
find_version(const struct broker_family *f, const struct digest *version)
{
	struct family_version *v;

	HASH_FIND(hh, f->versions, version, sizeof(*version), v);
	return v;
}

static int
take_times(void *arg, const char *who, size_t page,
    const uint32_t hours[static BUDGET_PAGE])
{
	struct taking *t = arg;

	return budget_restore_times(t->f->budget, who, page, hours);
}

static int
take_session(void *arg, uint64_t session, size_t page,
    const uint64_t bits[static BUDGET_WORDS])
{
	struct taking *t = arg;

	return budget_restore_session(t->f->budget, session, page, bits);
}

static int
take_grant(void *arg, uint64_t grant, const char *version,
    const struct budget_sum *sum)
{
	struct taking *t = arg;
	const struct family_version *v;
	uint32_t number;
	struct digest d;
	int err = 0;

	if (digest_parse(&d, version) != 0)
		return ERR_INTEGRITY;
	v = find_version(t->f, &d);
	if (v != NULL) {
		number = v->number;
	} else {
		/* It was removed: its rows are kept, and what was loaded. */
		err = take_up(t, &d, &number);
		if (err == 0)
			budget_version_gone(t->f->budget, number);
	}
	return err == 0 ?
	    budget_restore_grant(t->f->budget, grant, number, sum) :
	    err;
}

static int
take_all(struct taking *t)
{
	const struct catalogue_versions which = { .model = t->f->model,
		.after_model = "" };
	const struct catalogue_budget_take take = { t, take_times, take_session,
		take_grant };
	struct catalogue *c = t->b->how.catalogue;
	int err = budget_new(&t->f->budget);

	if (err == 0)
		err = catalogue_chunk_weights(c, t->f->model, take_weights, t);
	if (err == 0)
		err = catalogue_version_each(c, &which, take_version, t);
	return err == 0 ? catalogue_budget_get(c, t->f->model, &take) : err;
}

static int
family_of(struct broker *b, const char *model, struct broker_family **out)
{
	struct taking t = { .b = b };
	struct broker_family *f;
	int err;

	HASH_FIND_STR(b->families, model, f);
	if (f != NULL) {
		*out = f;
		return 0;
	}
	t.f = f = calloc(1, sizeof(*f));
	if (f == NULL)
		return ERR_NOMEM;
	snprintf(f->model, sizeof(f->model), "%s", model);
	err = take_all(&t);
	free(t.rows);
	if (err == 0) {
		HASH_ADD_STR(b->families, model, f);
		err = f->hh.tbl != NULL ? 0 : ERR_NOMEM;
	}
	if (err != 0) {
		family_free(f);
		return err;
	}
	*out = f;
	return 0;
}

/* --- asking --- */

int
broker_budget_ask(struct broker *b, const struct grant *g,
    const char *principal, const struct digest *version, struct broker_ask *out)
{
	const struct family_version *v;
	struct broker_family *f;
	int err = family_of(b, g->model, &f);

	if (err != 0)
		return err;
	v = find_version(f, version);
	if (v == NULL)
		return log_err(ERR_INTEGRITY,
		    "the catalogue does not know the chunks of a version of"
		    " '%s'",
		    g->model);
	*out = (struct broker_ask){
		.budget = f->budget,
		.ask = { .principal = principal,
		    .version = v->number,
		    .type = g->type,
		    .grant = g->id,
		    .loads = g->loads,
		    .per_day = g->per_day,
		    .clock = broker_budget_clock(b) },
	};
	return 0;
}

/* "1.05 %" */
#define SHARE_SIZE 24
static char *
percent(uint32_t ppm, char buf[static SHARE_SIZE])
{
	snprintf(buf, SHARE_SIZE, "%u.%02u %%", ppm / 10000, ppm / 100 % 100);
	return buf;
}

/* However little was read: it is the first chunk that is too much. */
static int
refuse_small(struct broker_call *c, const struct grant *g,
    const char *principal, uint32_t chunk_ppm)
{
	char share[SHARE_SIZE];

	return broker_call_refuse(c,
	    "budget spent: a chunk alone is more than 2 %",
	    "this version of %s is so small that one chunk is %s of its"
	    " weights, and a browse grant is for 2 %%: under it no such chunk"
	    " can be had, only headers, configurations and tokenizers; a"
	    " manager may grant loads: weir grant add %s --to %s --loads 1"
	    " --reason TEXT",
	    g->model, percent(chunk_ppm, share), g->model, principal);
}

static int
refuse(struct broker_call *c, const struct grant *g, const char *principal,
    const struct budget_debit *d)
{
	char share[SHARE_SIZE];

	switch (d->answer) {
	case BUDGET_OK:
	case BUDGET_SLOW:
		break;
	case BUDGET_SPENT:
		return broker_call_refuse(c, "budget spent: principal",
		    "%s would have read %s of the weights of a version of %s in"
		    " %d days, and a browse grant is for 2 %%; a manager may"
		    " grant loads: weir grant add %s --to %s --loads 1 --reason"
		    " TEXT",
		    principal, percent(d->used_ppm, share), g->model,
		    BUDGET_DAYS, g->model, principal);
	case BUDGET_NARROW:
	case BUDGET_POOL:
		return broker_call_refuse(c, "budget spent: pool",
		    "all who browse %s would have read %s of the weights of a"
		    " version in %d days, and together they have 5 %% (from 3"
		    " %% on only those below 0.2 %% go on); a manager who is"
		    " none of them may begin anew: weir grant reset %s --reason"
		    " TEXT",
		    g->model, percent(d->pool_ppm, share), BUDGET_DAYS,
		    g->model);
	case BUDGET_LOADED:
		return broker_call_refuse(c, "budget spent: loads",
		    "grant %ju is for %u load%s%s, and they are used up; a"
		    " manager may add another: weir grant add %s --to %s"
		    " --loads N --reason TEXT",
		    (uintmax_t)g->id, g->loads, g->loads == 1 ? "" : "s",
		    g->per_day ? " a day" : "", g->model, principal);
	case BUDGET_REPEATED:
		return broker_call_refuse(c, "budget spent: repeats",
		    "what grant %ju is for was read %d times over; a manager"
		    " may add another: weir grant add %s --to %s --loads N"
		    " --reason TEXT",
		    (uintmax_t)g->id, BUDGET_REPEATS, g->model, principal);
	}
	return 0;
}

int
broker_budget_judge(struct broker_call *c, const struct grant *g,
    const struct broker_ask *a, struct budget_debit *out)
{
	struct budget_used used = { 0 };
	int err = budget_judge(a->budget, &a->ask, out);
	bool browser = false;

	if (err == 0) {
		browser = out->answer == BUDGET_SPENT ||
		    out->answer == BUDGET_NARROW || out->answer == BUDGET_POOL;
		if (browser)
			err = budget_used(a->budget, &a->ask, &used);
	}
	if (err != 0)
		return broker_call_fail(c, err, "the budget cannot be told: %s",
		    err_text(err));
	if (browser && used.chunk_ppm > BUDGET_HARD_PPM)
		return refuse_small(c, g, a->ask.principal, used.chunk_ppm);
	return refuse(c, g, a->ask.principal, out);
}

int
broker_budget_debit(struct broker *b, const struct broker_ask *a)
{
	struct budget_debit d;
	int err = budget_debit(a->budget, &a->ask, &d);

	/* The entry is on its way: what it takes must be counted. */
	return err == 0 ?
	    0 :
	    broker_record_failed(b, err, "a budget cannot be kept");
}

int
broker_budget_spent(const struct broker_ask *a, const char **reason,
    uint32_t *small_ppm)
{
	struct budget_used used = { 0 };
	int err = budget_used(a->budget, &a->ask, &used);

	*reason = NULL;
	*small_ppm = a->ask.type == MSG_GRANT_BROWSE &&
		used.chunk_ppm > BUDGET_HARD_PPM ?
	    used.chunk_ppm :
	    0;
	if (err == 0 && used.spent)
		*reason = a->ask.type == MSG_GRANT_LOAD ?
		    "budget spent: loads" :
		    "budget spent: principal";
	return err;
}

void
broker_budget_session_end(struct broker *b, uint64_t session)
{
	struct broker_family *f, *next;

	HASH_ITER(hh, b->families, f, next)
		budget_session_end(f->budget, session);
}

int
broker_budget_contributors(struct broker *b, const char *family,
    int (*each)(void *arg, const char *principal, uint32_t used_ppm), void *arg)
{
	struct broker_family *f;
	int err = family_of(b, family, &f);

	return err == 0 ?
	    budget_contributors(f->budget, broker_budget_clock(b), each, arg) :
	    err;
}

void
broker_budget_reset(struct broker *b, const char *family)
{
	struct broker_family *f;

	HASH_FIND_STR(b->families, family, f);
	if (f != NULL)
		budget_pool_reset(f->budget);
}
