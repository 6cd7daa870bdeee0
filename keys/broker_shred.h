/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_BROKER_SHRED_H
#define WEIR_BROKER_SHRED_H

#include "keys/broker_state.h"

/* What is said of a version that is shredded, for broker_shred*.c (FORMAT.md,
 * "Deletion certificate"). */

/* What can be known while its key is there: JSON, the caller's.  A manifest
 * that is damaged or missing is no error. */
int broker_shred_facts(struct broker *b, const struct catalogue_version *v,
    char **out) MUST_USE;

/* The certificate's payload, when all is done; the caller frees.  count is as
 * catalogue_shred_count has it. */
int broker_shred_payload(struct broker *b, const struct catalogue_shred *s,
    const uint64_t count[static 3], char **out) MUST_USE;

#endif
