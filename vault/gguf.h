/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_GGUF_H
#define WEIR_GGUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/model.h"
#include "vault/owned.h"
#include "vault/tensor.h"
#include "vault/why.h"

/*
 * GGUF version 2 and 3, little-endian.  Memory is a small buffer, 48 bytes
 * for each key and about 300 for each tensor, whatever the file claims.
 */
#define GGUF_STRING_MAX (1U << 30)
#define GGUF_KEY_MAX 65535 /* bytes of a key's name */
#define GGUF_NAME_MAX 63   /* bytes of a tensor's name */
#define GGUF_DIMS_MAX 4
#define GGUF_NESTING_MAX 4 /* arrays of arrays of arrays of arrays */

/* What weir accepts: ERR_LIMIT beyond. */
#define GGUF_KEYS_MAX 65536U
#define GGUF_TENSORS_MAX (1U << 20)
#define GGUF_HEADER_MAX MANIFEST_HEADER_MAX /* all before the tensors' data */

/* Whether a file that begins with head (n bytes of it, 8 will do) can be
 * meant as GGUF: the magic and a version that is no text. */
bool gguf_claimed(const uint8_t *head, size_t n);

/*
 * Parse all up to the first tensor's data, which is header_bytes.  tensors are
 * sorted as tensor_list_sort does, offsets in the file, shapes as they stand
 * there: the dimension whose elements touch comes first.  Plain element types
 * get the numbers that safetensors' have.  Bytes behind the last tensor are
 * allowed.  ERR_FORMAT or ERR_LIMIT with a reason in why, ERR_NOMEM, or what
 * src->read returns.
 */
int gguf_parse(struct tensor_list *out, uint64_t *header_bytes,
    const struct model_source *src, const struct why *why) MUST_USE;

#endif
