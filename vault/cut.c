/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/cut.h"

#include "vault/object.h"

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

/* Of the element's bytes that a tensor is told by its type. */
static uint8_t
type_width(uint8_t type)
{
	switch (type) {
	case TENSOR_F16:
	case TENSOR_BF16:
	case TENSOR_U16:
	case TENSOR_I16:
		return CODEC_WIDTH2;
	case TENSOR_F32:
	case TENSOR_U32:
	case TENSOR_I32:
	case TENSOR_C64: /* two f32 */
		return CODEC_WIDTH4;
	default:
		return CODEC_BYTES;
	}
}

static uint8_t
width_at(struct cut *c, uint64_t offset)
{
	const struct tensor *t = c->tensors;
	size_t *i = &c->width_tensor;

	if (offset < c->header_bytes)
		return CODEC_BYTES;
	if (c->tensor_count == 0)
		return CODEC_GUESS;
	while (*i + 1 < c->tensor_count && t[*i + 1].offset <= offset)
		(*i)++;
	if (offset < t[*i].offset || offset - t[*i].offset >= t[*i].length)
		return CODEC_BYTES;
	return type_width(t[*i].type);
}

void
cut_widths(struct cut *c, uint64_t offset, uint64_t n, uint8_t *widths)
{
	for (uint64_t at = 0; at < n; at += OBJECT_SEGMENT) {
		uint64_t left = n - at;

		if (left > OBJECT_SEGMENT)
			left = OBJECT_SEGMENT;
		*widths++ = width_at(c, offset + at + left / 2);
	}
}
