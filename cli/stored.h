/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_STORED_H
#define WEIR_STORED_H

#include <stdint.h>

#include "vault/store.h"
#include "vault/tensor.h"
#include "vault/version.h"

/*
 * What a version's chunks take in the store, told by their headers: objects
 * whole, a segment's share of the header with its bytes.  What chunks two
 * files share is counted for both.
 */
struct stored_sum {
	uint64_t plain;
	double stored; /* of these plain bytes: shares of segments */
};

struct stored {
	struct stored_sum total;
	struct stored_sum *files; /* by row of the manifest's file table */
	struct stored_sum dtypes[256];
	uint64_t missing; /* chunks that are not there, or damaged */
};

/* tensors as version_tensors gives them. */
int stored_count(struct stored *out, struct version *v, struct store *s,
    const struct tensor_list *tensors) MUST_USE;
void stored_clear(struct stored *s);

/* stored / plain; 0 for nothing. */
double stored_ratio(const struct stored_sum *s);

#endif
