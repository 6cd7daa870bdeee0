/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_SIZE_H
#define WEIR_SIZE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Sums and products of numbers from outside.  False, with *out untouched,
 * on overflow.
 */
static inline bool
size_add(uint64_t a, uint64_t b, uint64_t *out)
{
	uint64_t r;

	if (__builtin_add_overflow(a, b, &r))
		return false;
	*out = r;
	return true;
}

static inline bool
size_mul(uint64_t a, uint64_t b, uint64_t *out)
{
	uint64_t r;

	if (__builtin_mul_overflow(a, b, &r))
		return false;
	*out = r;
	return true;
}

/* How many units of unit bytes (> 0) hold n bytes. */
static inline uint64_t
size_units(uint64_t n, uint64_t unit)
{
	return n / unit + (n % unit != 0);
}

#endif
