/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_ACCOUNTING_H
#define WEIR_ACCOUNTING_H

#include <stdint.h>

/*
 * Accounting time, by which budgets are refilled, in seconds (docs/watch.md,
 * "Accounting time").  It goes by CLOCK_BOOTTIME, over restarts of keyd too;
 * over a reboot it goes on by how far the wall clock is ahead of all that was,
 * a day at most; it never goes back.  So that nobody who moves a clock is given
 * anything.  Pure, but for accounting_boot and accounting_boot_id.
 */
#define ACCOUNTING_GAP UINT64_C(86400)
#define ACCOUNTING_BOOT 16 /* bytes of a boot's id; zeros: not known */

struct accounting {
	uint64_t base;	/* the time at which */
	int64_t boot_s; /* CLOCK_BOOTTIME said this */
};

/*
 * What the entries with accounting time leave behind: a fold over the trail.
 * The wall clock's mark rises with accounting time too, so that what ran while
 * that clock was behind is not had once more when it is put right.
 */
struct accounting_past {
	uint64_t clock;		       /* of the last entry */
	int64_t mark_ms;	       /* the wall clock's; 0: no entry yet */
	uint8_t boot[ACCOUNTING_BOOT]; /* that keyd last started in, */
	struct accounting start;       /* and when, of that boot */
};

/* An entry with accounting time; start: of a start's entry, else NULL. */
struct accounting_start {
	uint8_t boot[ACCOUNTING_BOOT];
	int64_t boot_s;
};
void accounting_fold(struct accounting_past *p, uint64_t clock, int64_t wall_ms,
    const struct accounting_start *start);

struct accounting accounting_begin(const struct accounting_past *p,
    int64_t wall_ms, const struct accounting_start *now);
uint64_t accounting_at(const struct accounting *a, int64_t boot_s);

/* CLOCK_BOOTTIME now, and the kernel's id of this boot. */
int64_t accounting_boot(void);
void accounting_boot_id(uint8_t out[static ACCOUNTING_BOOT]);

#endif
