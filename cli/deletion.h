/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_DELETION_H
#define WEIR_DELETION_H

#include "cli/options.h"
#include "vault/certificate.h"

/* Deletion certificates, as commands make, show and check them. */

/* Of a version that was shredded, from keyd and the trail, with its proof:
 * JSON, a line (the caller frees).  What it proves was checked. */
int deletion_make(const struct options *o, const char *reference, char **out)
    MUST_USE;

/* What one says, for people, on stdout. */
void deletion_print(const struct certificate *c);

/* How many objects it says are still to go. */
uint64_t deletion_left(const struct certificate *c);

/* `weir audit verify --certificate`: whether a file is one of this log's. */
int deletion_check(const struct options *o, const char *path,
    const char *log_key) MUST_USE;

#endif
