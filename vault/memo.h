/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_MEMO_H
#define WEIR_MEMO_H

#include <stddef.h>
#include <stdint.h>

#include "vault/owned.h"

/*
 * A pickle's memo: values by number.  Entries far beyond the others, which no
 * pickler writes but Python reads, have a short list of their own, so that a
 * few bytes do not make a memo of megabytes.
 */
#define MEMO_MAX (16U << 20) /* numbers of the entries that are near */
#define MEMO_GAP 1024	     /* beyond twice as many as there are: far */
#define MEMO_FAR 64	     /* entries that are far */

struct memo {
	uint32_t *near;
	size_t near_count;
	size_t near_capacity;
	struct {
		uint64_t index;
		uint32_t value;
	} far[MEMO_FAR];
	size_t far_count;
	size_t count; /* entries that are set */
};

void memo_clear(struct memo *m);
/* No entries, and the memory is kept. */
void memo_reset(struct memo *m);

/* NULL if there is none. */
const uint32_t *memo_get(const struct memo *m, uint64_t index);
/* value is below UINT32_MAX.  ERR_LIMIT, ERR_NOMEM. */
int memo_put(struct memo *m, uint64_t index, uint32_t value) MUST_USE;

#endif
