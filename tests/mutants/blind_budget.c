/* SPDX-License-Identifier: Apache-2.0 */
/*
 * budget-holds: test_broker_budget over a keyd with one hole, which WEIR_MUTANT
 * names: the tests must find it out.  tests/cli/budget-mutants.sh runs each.
 */
#include <stdlib.h>
#include <string.h>

#include "keys/budget.h"
#include "vault/entry.h"

struct catalogue;

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
