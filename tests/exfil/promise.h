/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_EXFIL_PROMISE_H
#define WEIR_EXFIL_PROMISE_H

#include "tests/exfil/trial.h"

/* What docs/watch.md promises of attacks, in model-equivalents. */
#define PROMISE_ONE 0.02   /* to one, in any 30 days; flagged at half of it */
#define PROMISE_ALL 0.05   /* to all together */
#define PROMISE_LOADS 1.05 /* of the loads granted */
/* A share of one chunk of the smallest model here: an alert comes with the
 * chunk that passes its limit. */
#define PROMISE_CHUNK 0.0025
#define PROMISE_ALARMS 10000 /* honest loads for each false alarm */

/* NULL, or what a trial breaks of what is promised for its kind. */
const char *promise_broken(const struct trial *t);

#endif
