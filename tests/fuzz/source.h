/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_FUZZ_SOURCE_H
#define WEIR_FUZZ_SOURCE_H

#include <string.h>

#include "vault/model.h"

/* A model source over the fuzzer's bytes. */

static inline int
source_read(void *arg, void *buf, size_t n, uint64_t offset)
{
	memcpy(buf, (const uint8_t *)arg + offset, n);
	return 0;
}

static inline struct model_source
source_of(const uint8_t *bytes, size_t n)
{
	return (struct model_source){ .size = n,
		.read = source_read,
		.arg = (void *)(uintptr_t)bytes };
}

#endif
