/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_ACCOUNTING_H
#define WEIR_ACCOUNTING_H

#include <stdint.h>

/*
 * Accounting time, by which budgets are refilled, in seconds (docs/watch.md,
 * "Accounting time").  While keyd runs it goes by CLOCK_BOOTTIME; over a restart it
 * goes on by what the wall clock says has passed, a day at most; it never goes
 * back.  So that nobody who moves a clock is given anything.  Pure, but for
 * accounting_boot.
 */
#define ACCOUNTING_GAP UINT64_C(86400)

struct accounting {
	uint64_t base;	/* the time at which */
	int64_t boot_s; /* CLOCK_BOOTTIME said this */
};

/* Of the last entry that has both: the accounting time, and the wall clock's. */
struct accounting accounting_begin(uint64_t last, int64_t last_wall_ms,
    int64_t wall_ms, int64_t boot_s);
uint64_t accounting_at(const struct accounting *a, int64_t boot_s);

/* CLOCK_BOOTTIME now. */
int64_t accounting_boot(void);

#endif
