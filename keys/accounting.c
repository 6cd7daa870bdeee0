/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/accounting.h"

#include <stdbool.h>
#include <string.h>
#include <systemd/sd-id128.h>
#include <time.h>

static bool
same_boot(const uint8_t a[static ACCOUNTING_BOOT],
    const uint8_t b[static ACCOUNTING_BOOT])
{
	static const uint8_t unknown[ACCOUNTING_BOOT];

	return memcmp(a, unknown, sizeof(unknown)) != 0 &&
	    memcmp(a, b, sizeof(unknown)) == 0;
}

/* The mark, when so many seconds more have been counted. */
static int64_t
raised(int64_t mark_ms, uint64_t passed)
{
	const uint64_t most = (uint64_t)(INT64_MAX - mark_ms) / 1000;

	return passed < most ? mark_ms + (int64_t)(passed * 1000) : INT64_MAX;
}

void
accounting_fold(struct accounting_past *p, uint64_t clock, int64_t wall_ms,
    const struct accounting_start *start)
{
	if (p->mark_ms > 0 && clock > p->clock)
		p->mark_ms = raised(p->mark_ms, clock - p->clock);
	if (wall_ms > p->mark_ms)
		p->mark_ms = wall_ms;
	if (clock > p->clock)
		p->clock = clock;
	if (start == NULL)
		return;
	memcpy(p->boot, start->boot, sizeof(p->boot));
	p->start = (struct accounting){ .base = clock,
		.boot_s = start->boot_s };
}

static uint64_t
over_a_reboot(const struct accounting_past *p, int64_t wall_ms)
{
	uint64_t gap;

	/* Before the first entry there is nothing to refill. */
	if (p->mark_ms <= 0 || wall_ms <= p->mark_ms)
		return p->clock;
	gap = (uint64_t)(wall_ms - p->mark_ms) / 1000;
	return p->clock + (gap < ACCOUNTING_GAP ? gap : ACCOUNTING_GAP);
}

struct accounting
accounting_begin(const struct accounting_past *p, int64_t wall_ms,
    const struct accounting_start *now)
{
	struct accounting a = { .base = p->clock, .boot_s = now->boot_s };

	if (!same_boot(p->boot, now->boot))
		a.base = over_a_reboot(p, wall_ms);
	else if (accounting_at(&p->start, now->boot_s) > p->clock)
		a.base = accounting_at(&p->start, now->boot_s);
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

void
accounting_boot_id(uint8_t out[static ACCOUNTING_BOOT])
{
	sd_id128_t id = SD_ID128_NULL;

	if (sd_id128_get_boot(&id) != 0)
		id = SD_ID128_NULL;
	memcpy(out, id.bytes, ACCOUNTING_BOOT);
}
