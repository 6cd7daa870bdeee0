/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/cut.h"

uint32_t
cut_limit(uint64_t size)
{
	uint32_t limit = CUT_MIN;

	/* size / 1,024 is nearer to twice the limit from 1.5 times on. */
	while (limit < CUT_MAX && size > (uint64_t)limit * (1024 + 512))
		limit *= 2;
	return limit;
}

/* The first tensor that starts at or after offset, size if there is none. */
static uint64_t
tensor_start(struct cut *c, uint64_t offset)
{
	while (c->next_tensor < c->tensor_count &&
	    c->tensors[c->next_tensor].offset < offset)
		c->next_tensor++;
	if (c->next_tensor == c->tensor_count)
		return c->size;
	return c->tensors[c->next_tensor].offset;
}

uint64_t
cut_next(struct cut *c, uint64_t offset)
{
	const uint32_t limit = cut_limit(c->size);
	uint64_t end = c->size, start;

	if (offset < c->header_bytes && c->header_bytes < c->size)
		end = c->header_bytes;
	if (end - offset > limit)
		end = offset + limit;
	if (offset < c->header_bytes)
		return end;
	start = tensor_start(c, offset + limit / 4);
	return start < end ? start : end;
}
