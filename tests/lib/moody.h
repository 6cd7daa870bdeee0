/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_MOODY_H
#define WEIR_MOODY_H

#include <stdbool.h>
#include <stddef.h>

#include "vault/store.h"

/* A store that reads from another one, fails or hangs as it is told, and
 * counts.  Nothing can be written to it. */
struct moody;

/* The inner store is borrowed.  The moody one lives as long as *out. */
struct moody *moody_new(struct store *inner, struct store **out);

/* Fail with this error; 0: no more. */
void moody_fail(struct moody *m, int err);
/* Do not come back until false. */
void moody_hang(struct moody *m, bool hang);
/* How often it was asked since the last call of this. */
size_t moody_asked(struct moody *m);

#endif
