/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_REBUILT_H
#define WEIR_REBUILT_H

#include "cli/audit.h"
#include "cli/options.h"

/*
 * `weir audit verify --catalogue`: the catalogue against one that is made anew
 * from the trail.  What differs is printed; ERR_INTEGRITY.  ERR_CONFLICT while
 * a keyd serves the vault.
 */
int rebuilt_check(const struct options *o, struct audit *a) MUST_USE;

#endif
