/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "keys/budget_parts.h"
#include "vault/err.h"

int
budget_restore_times(struct budget *b, const char *principal, size_t page,
    const uint32_t hours[static BUDGET_PAGE])
{
	struct budget_times *t = &b->pool;
	struct budget_principal *p;
	int err = 0;

	if (principal != NULL) {
		err = budget_principal_of(b, principal, &p);
		if (err != 0)
			return err;
		t = &p->times;
	}
	err = budget_times_page(t, page);
	if (err != 0)
		return err;
	memcpy(t->pages[page], hours, BUDGET_PAGE * sizeof(*hours));
	t->hour = 0; /* the sums are made again */
	return 0;
}

int
budget_restore_session(struct budget *b, uint64_t session, size_t page,
    const uint64_t bits[static BUDGET_WORDS])
{
	struct budget_load *l;
	int err = budget_load_make(b, session, &l);

	if (err == 0)
		err = budget_load_page(l, page);
	if (err == 0)
		memcpy(l->pages[page], bits, BUDGET_WORDS * sizeof(*bits));
	return err;
}

int
budget_restore_grant(struct budget *b, uint64_t grant, uint32_t version,
    const struct budget_sum *sum)
{
	struct budget_spending *s;
	int err;

	if (version >= b->count)
		return ERR_USAGE;
	err = budget_spending_make(b, grant, version, &s);
	if (err == 0)
		s->sum = *sum;
	return err;
}
