/* SPDX-License-Identifier: Apache-2.0 */
/*
 * budget-holds: test_broker_budget over a keyd with one hole, which WEIR_MUTANT
 * names: the tests must find it out.  tests/cli/budget-mutants.sh runs each.
 */
#include <stdlib.h>
#include <string.h>

#include "keys/accounting.h"
#include "keys/budget.h"
#include "vault/entry.h"

struct catalogue;

struct accounting __real_accounting_begin(const struct accounting_past *p,
    int64_t wall_ms, const struct accounting_start *now);
struct accounting __wrap_accounting_begin(const struct accounting_past *p,
    int64_t wall_ms, const struct accounting_start *now);
void __real_accounting_fold(struct accounting_past *p, uint64_t clock,
    int64_t wall_ms, const struct accounting_start *start);
void __wrap_accounting_fold(struct accounting_past *p, uint64_t clock,
    int64_t wall_ms, const struct accounting_start *start);
int __real_budget_judge(struct budget *b, const struct budget_ask *ask,
    struct budget_debit *out);
int __wrap_budget_judge(struct budget *b, const struct budget_ask *ask,
    struct budget_debit *out);
int __real_budget_debit(struct budget *b, const struct budget_ask *ask,
    struct budget_debit *out);
int __wrap_budget_debit(struct budget *b, const struct budget_ask *ask,
    struct budget_debit *out);
int __real_catalogue_budget_apply(struct catalogue *c,
    const struct entry_view *e);
int __wrap_catalogue_budget_apply(struct catalogue *c,
    const struct entry_view *e);

static bool
mutant_is(const char *name)
{
	const char *mutant = getenv("WEIR_MUTANT");

	return mutant != NULL && strcmp(mutant, name) == 0;
}

/* Whatever is asked for is within the budget; nobody is slowed. */
int
__wrap_budget_judge(struct budget *b, const struct budget_ask *ask,
    struct budget_debit *out)
{
	int err = __real_budget_judge(b, ask, out);

	if (err == 0 && mutant_is("generous")) {
		out->answer = BUDGET_OK;
		out->wait_ms = 0;
	}
	if (err == 0 && mutant_is("hasty"))
		out->wait_ms = 0;
	return err;
}

/* What is on its way to the disk is not counted. */
int
__wrap_budget_debit(struct budget *b, const struct budget_ask *ask,
    struct budget_debit *out)
{
	return mutant_is("late") ? budget_judge(b, ask, out) :
				   __real_budget_debit(b, ask, out);
}

/* A restart forgets. */
int
__wrap_catalogue_budget_apply(struct catalogue *c, const struct entry_view *e)
{
	return mutant_is("forgetful") ? 0 : __real_catalogue_budget_apply(c, e);
}

/* Each start is taken for a boot. */
struct accounting
__wrap_accounting_begin(const struct accounting_past *p, int64_t wall_ms,
    const struct accounting_start *now)
{
	struct accounting_past past = *p;

	if (mutant_is("rebooting"))
		memset(past.boot, 0, sizeof(past.boot));
	return __real_accounting_begin(&past, wall_ms, now);
}

/* The wall clock as it was last, and not the furthest that it was. */
void
__wrap_accounting_fold(struct accounting_past *p, uint64_t clock,
    int64_t wall_ms, const struct accounting_start *start)
{
	__real_accounting_fold(p, clock, wall_ms, start);
	if (mutant_is("unmarked"))
		p->mark_ms = wall_ms;
}
