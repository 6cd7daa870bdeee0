/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_LAYOUT_H
#define WEIR_LAYOUT_H

#include <stdint.h>

#include "vault/owned.h"
#include "vault/tensor.h"
#include "vault/why.h"

/* Rules that the tensors of a file obey whatever its format is. */

/* ERR_FORMAT, and its name, if two tensors are called the same. */
int layout_names(const struct tensor_list *l, const struct why *why) MUST_USE;

/*
 * Elements of a tensor with this shape: the product, checked on the way, so
 * that [2^40, 2^40, 0] is an overflow too.  The empty product is 1.
 * ERR_FORMAT, without a reason.
 */
int layout_elements(const struct tensor *t, uint64_t *out) MUST_USE;

#endif
