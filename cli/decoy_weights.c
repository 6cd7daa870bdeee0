/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/decoy.h"

/* Exponents of numbers below 1/32, most of them near it, as weights have. */
#define TOP_EXPONENT 121U
#define TOP_EXPONENT_F16 9U

/* Where a type has its exponent, from the left behind the sign. */
struct form {
	unsigned int bytes;
	unsigned int exponent_bits;
	uint32_t top;
};

static bool
form_of(uint8_t type, struct form *f)
{
	switch (type) {
	case TENSOR_BF16:
		*f = (struct form){ 2, 8, TOP_EXPONENT };
		return true;
	case TENSOR_F32:
		*f = (struct form){ 4, 8, TOP_EXPONENT };
		return true;
	case TENSOR_F16:
		*f = (struct form){ 2, 5, TOP_EXPONENT_F16 };
		return true;
	default:
		return false;
	}
}

/* Of random bits: how many coins fall before the first head, twice over. */
static uint32_t
below_top(uint32_t random)
{
	return (uint32_t)__builtin_ctz((random & 0xff) | 0x100) +
	    (uint32_t)__builtin_ctz((random >> 8 & 0xff) | 0x100);
}

/* The upper 16 bits have all of the exponent. */
static void
shape(uint8_t *upper, const struct form *f, uint32_t random)
{
	const unsigned int shift = 15 - f->exponent_bits;
	const uint32_t mask = ((1U << f->exponent_bits) - 1) << shift;
	const uint32_t drop = below_top(random);
	const uint32_t exponent = drop < f->top ? f->top - drop : 0;
	const uint32_t old = (uint32_t)(upper[0] | upper[1] << 8);
	const uint32_t made = (old & ~mask) | exponent << shift;

	upper[0] = (uint8_t)(made & 0xff);
	upper[1] = (uint8_t)(made >> 8 & 0xff);
}

void
decoy_weights(const struct tensor *t, const struct decoy_block *b)
{
	const uint64_t end = b->offset + b->length;
	uint32_t random = (uint32_t)t->offset * 2 + 1;
	uint64_t at = t->offset;
	struct form f;

	if (!form_of(t->type, &f))
		return;
	if (at < b->offset)
		at += (b->offset - at + f.bytes - 1) / f.bytes * f.bytes;
	for (; at + f.bytes <= end && at + f.bytes <= t->offset + t->length;
	     at += f.bytes) {
		random = random * 1664525 + 1013904223;
		shape(b->bytes + (at - b->offset) + f.bytes - 2, &f,
		    random >> 16 ^ b->bytes[at - b->offset]);
	}
}
