/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_EXFIL_LEDGER_H
#define WEIR_EXFIL_LEDGER_H

#include <stdint.h>

#include "tests/exfil/family.h"
#include "vault/owned.h"

/*
 * What somebody, or several together, really hold of a family: counted apart
 * from keys/budget.c and in another way, to hold that against it.  Shares are
 * in model-equivalents: the highest among the family's versions.
 */
#define LEDGER_WINDOW_MS (30 * 86400000ULL)

struct ledger;

/* f is borrowed; versions may be added to it later. */
struct ledger *ledger_new(const struct family *f);
void ledger_free(struct ledger *l);
OWNED_TYPE(ledger);

/* Times never go back. */
void ledger_give(struct ledger *l, uint32_t chunk, uint64_t time_ms);

double ledger_held(struct ledger *l); /* since ever */
/* Distinct chunks in the fullest 30 days that end at a ledger_give. */
double ledger_most(struct ledger *l);

#endif
