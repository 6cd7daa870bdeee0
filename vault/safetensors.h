/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_SAFETENSORS_H
#define WEIR_SAFETENSORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/model.h"
#include "vault/owned.h"
#include "vault/tensor.h"
#include "vault/why.h"

/*
 * safetensors: u64 length N, N bytes of JSON, data.  Refused beyond what the
 * format's own reader refuses: a header that does not begin with '{' or that
 * ends in anything but spaces, keys that stand twice at any level, keys of a
 * tensor other than its three.
 */
#define SAFETENSORS_HEADER_MAX 100000000U

/* What weir accepts, so that memory is the header and about 300 bytes for
 * each tensor: ERR_LIMIT beyond. */
#define SAFETENSORS_ENTRY_MAX (64U << 10)    /* bytes of a tensor's value */
#define SAFETENSORS_METADATA_MAX (16U << 20) /* bytes of __metadata__ */

/* Whether a file of this size that begins with head (n bytes of it, 9 will
 * do) can be meant as safetensors. */
bool safetensors_claimed(const uint8_t *head, size_t n, uint64_t size);

/*
 * Parse the header: tensors sorted as tensor_list_sort does, offsets in the
 * file.  The data is not looked at, only that the tensors cover it to the last
 * byte.  ERR_FORMAT or ERR_LIMIT with a reason in why, ERR_NOMEM, or what
 * src->read returns.
 */
int safetensors_parse(struct tensor_list *out, uint64_t *header_bytes,
    const struct model_source *src, const struct why *why) MUST_USE;

#endif
