/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_BROKER_BUDGET_H
#define WEIR_BROKER_BUDGET_H

#include "keys/broker_state.h"
#include "keys/budget.h"
#include "keys/grant.h"

/*
 * The budgets of the families that are read, in memory: they run in the trail's
 * order, ahead of what is durable, and are taken from the catalogue when a
 * family is first asked about.  For broker*.c alone.
 */

/* Accounting time now. */
uint64_t broker_budget_clock(const struct broker *b);

/* What a session asks for under a grant, and its family. */
struct broker_ask {
	struct budget *budget; /* borrowed, until the family is put to */
	struct budget_ask ask;
};
int broker_budget_ask(struct broker *b, const struct grant *g,
    const char *principal, const struct digest *version, struct broker_ask *out)
    MUST_USE;

/*
 * Refuse, recorded and with a sentence, what is beyond the budget; *out is what
 * it comes to.  Then, once the entry is appended, count it.
 */
int broker_budget_judge(struct broker_call *c, const struct grant *g,
    const struct broker_ask *a, struct budget_debit *out) MUST_USE;
int broker_budget_debit(struct broker *b, const struct broker_ask *a) MUST_USE;

/* Whether nothing is left to open a session for: then the reason that its
 * refusal is recorded with, else NULL.  *small_ppm: of a browse grant the share
 * of a chunk that is more than it gives; 0: no chunk is. */
int broker_budget_spent(const struct broker_ask *a, const char **reason,
    uint32_t *small_ppm) MUST_USE;

/* The family has another version: taken up anew when it is asked about.  Only
 * while nothing is on its way to the disk. */
void broker_budget_forget(struct broker *b, const char *family);
void broker_budget_session_end(struct broker *b, uint64_t session);
/* Who has read of any version of the family, and of which the most. */
int broker_budget_contributors(struct broker *b, const char *family,
    int (*each)(void *arg, const char *principal, uint32_t used_ppm), void *arg)
    MUST_USE;
void broker_budget_reset(struct broker *b, const char *family);
void broker_budget_free_all(struct broker *b);

#endif
