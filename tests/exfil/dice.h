/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_EXFIL_DICE_H
#define WEIR_EXFIL_DICE_H

#include <stddef.h>
#include <stdint.h>

/* Numbers that follow from a seed (SplitMix64): for simulations, no secrets. */
struct dice {
	uint64_t state;
};

struct dice dice_new(uint64_t seed);
uint64_t dice_next(struct dice *d);
/* 0 to n - 1, for n > 0; low to high, both of them; 0 to below 1. */
uint64_t dice_below(struct dice *d, uint64_t n);
uint64_t dice_between(struct dice *d, uint64_t low, uint64_t high);
double dice_share(struct dice *d);
void dice_shuffle(struct dice *d, uint32_t *list, size_t n);

#endif
