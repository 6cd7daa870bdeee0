/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/accounting.h"

#include <time.h>

struct accounting
accounting_begin(uint64_t last, int64_t last_wall_ms, int64_t wall_ms,
    int64_t boot_s)
{
	struct accounting a = { .base = last, .boot_s = boot_s };

	/* Before the first entry there is nothing to refill. */
	if (last_wall_ms != 0 && wall_ms > last_wall_ms) {
		uint64_t gap = ((uint64_t)wall_ms - (uint64_t)last_wall_ms) /
		    1000;

		a.base += gap < ACCOUNTING_GAP ? gap : ACCOUNTING_GAP;
	}
	return a;
}

uint64_t
accounting_at(const struct accounting *a, int64_t boot_s)
{
	return boot_s > a->boot_s ? a->base + (uint64_t)(boot_s - a->boot_s) :
				    a->base;
}

int64_t
accounting_boot(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return t.tv_sec;
}
