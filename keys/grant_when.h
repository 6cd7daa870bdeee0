/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_GRANT_WHEN_H
#define WEIR_GRANT_WHEN_H

#include <stdbool.h>
#include <stdint.h>

#include "vault/owned.h"

/*
 * The days and hours in which a grant holds (PROTOCOL.md, "Days and hours").  A
 * fixed distance from UTC, so that no clock is put forward or back.  Pure.
 */
#define GRANT_DAYS_MAX 27  /* "mon,tue,wed,thu,fri,sat,sun" */
#define GRANT_HOURS_MAX 11 /* "08:00-18:00" */
#define GRANT_ZONE_MAX 6   /* "+02:00" */

struct grant_when {
	uint8_t days;	     /* bit 0: Monday; 0: every day */
	uint16_t from, till; /* minutes of the day; equal: all day */
	int16_t zone;	     /* minutes east of UTC */
};

/*
 * "mon-fri", "mon,wed,sat-sun" · "08:00-18:00", "22:00-06:00" (until the day
 * after) · "UTC", "+02:00"; empty for none.  NULL, or a sentence that says what
 * is wrong; then *out is as it was.
 */
const char *grant_when_parse(struct grant_when *out, const char *days,
    const char *hours, const char *zone);

/* Whether it holds at this time, in ms since 1970.  The hours after midnight of
 * hours that go on till then belong to the day before. */
bool grant_when_holds(const struct grant_when *w, int64_t now_ms);

/* When it ends to hold, of a time at which it holds; 0: never. */
int64_t grant_when_ends(const struct grant_when *w, int64_t now_ms);

#endif
