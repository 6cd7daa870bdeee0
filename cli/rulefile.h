/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_RULEFILE_H
#define WEIR_RULEFILE_H

#include "keys/deliver.h"
#include "keys/watch_rules.h"
#include "vault/owned.h"

/* A file as watch.ini is, wherever it lies.  What is wrong with it is said,
 * with its name and the line. */
int rulefile_load(const char *path, struct watch_rules *rules,
    struct deliver *deliver) MUST_USE;

#endif
