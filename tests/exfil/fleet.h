/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_EXFIL_FLEET_H
#define WEIR_EXFIL_FLEET_H

#include "tests/exfil/world.h"

/* Models, and honest work on them. */

/* A model with versions that share chunks; the last one is promoted. */
struct family *fleet_family(struct world *w);
/* One of those that there are; some of them, to start with. */
struct family *fleet_any(struct world *w);
void fleet_fill(struct world *w, size_t families);
/* Honest work of every kind, loads of it over days; returns how many loads
 * were begun.  Time has passed when it returns. */
uint64_t fleet_work(struct world *w, uint64_t loads, uint64_t days);

#endif
