/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/exfil/dice.h"

struct dice
dice_new(uint64_t seed)
{
	struct dice d = { .state = seed * 0x9e3779b97f4a7c15 + 1 };

	dice_next(&d);
	return d;
}

uint64_t
dice_next(struct dice *d)
{
	uint64_t z = d->state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

/* The bias is below n in 2^64. */
uint64_t
dice_below(struct dice *d, uint64_t n)
{
	return dice_next(d) % n;
}

uint64_t
dice_between(struct dice *d, uint64_t low, uint64_t high)
{
	return low + dice_below(d, high - low + 1);
}

double
dice_share(struct dice *d)
{
	return (double)(dice_next(d) >> 11) / 9007199254740992.0;
}

void
dice_shuffle(struct dice *d, uint32_t *list, size_t n)
{
	for (size_t i = n; i > 1; i--) {
		size_t j = dice_below(d, i);
		uint32_t t = list[i - 1];

		list[i - 1] = list[j];
		list[j] = t;
	}
}
