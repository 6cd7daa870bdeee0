/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weir-keyd-bare: a keyd that judges and counts nothing and watches nothing,
 * for tests/bench/cost.py to say what budgets and the watch cost.
 */
#include <stdbool.h>
#include <stdint.h>

#include "keys/budget.h"
#include "vault/entry.h"

struct catalogue;
struct lookout;

int __wrap_budget_judge(struct budget *b, const struct budget_ask *ask,
    struct budget_debit *out);
int __wrap_budget_debit(struct budget *b, const struct budget_ask *ask,
    struct budget_debit *out);
int __wrap_catalogue_budget_apply(struct catalogue *c,
    const struct entry_view *e);
void __wrap_lookout_see(struct lookout *l, uint64_t index, const void *bytes,
    size_t n);
bool __wrap_lookout_settle(struct lookout *l, unsigned int ms);

int
__wrap_budget_judge(struct budget *b, const struct budget_ask *ask,
    struct budget_debit *out)
{
	(void)b, (void)ask;
	*out = (struct budget_debit){ 0 };
	return 0;
}

int
__wrap_budget_debit(struct budget *b, const struct budget_ask *ask,
    struct budget_debit *out)
{
	return __wrap_budget_judge(b, ask, out);
}

int
__wrap_catalogue_budget_apply(struct catalogue *c, const struct entry_view *e)
{
	(void)c, (void)e;
	return 0;
}

void
__wrap_lookout_see(struct lookout *l, uint64_t index, const void *bytes,
    size_t n)
{
	(void)l, (void)index, (void)bytes, (void)n;
}

bool
__wrap_lookout_settle(struct lookout *l, unsigned int ms)
{
	(void)l, (void)ms;
	return true;
}
