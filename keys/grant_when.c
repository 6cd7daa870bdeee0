/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/grant_when.h"

#include <stddef.h>
#include <string.h>

#include "vault/err.h"

#define MINUTE_MS INT64_C(60000)
#define DAY_MINUTES 1440
#define WEEK 7
#define EVERY_DAY 0x7f
/* 1970-01-01 was a Thursday. */
#define FIRST_DAY 3
/* The clocks of the world are this far from UTC. */
#define ZONE_EAST (14 * 60)
#define ZONE_WEST (-12 * 60)

/* --- text --- */

/* A day's name at *text, which is moved on behind it; -1. */
static int
take_day(const char **text)
{
	static const char names[WEEK][4] = { "mon", "tue", "wed", "thu", "fri",
		"sat", "sun" };

	for (int i = 0; i < WEEK; i++)
		if (strncmp(*text, names[i], 3) == 0) {
			*text += 3;
			return i;
		}
	return -1;
}

/* "mon" or "fri-mon", added to *days. */
static bool
take_days(const char **text, uint8_t *days)
{
	int first = take_day(text), last = first;

	if (first >= 0 && **text == '-') {
		(*text)++;
		last = take_day(text);
	}
	if (first < 0 || last < 0)
		return false;
	for (int day = first;; day = (day + 1) % WEEK) {
		*days |= (uint8_t)(1U << day);
		if (day == last)
			return true;
	}
}

static bool
parse_days(const char *text, uint8_t *out)
{
	*out = 0;
	while (take_days(&text, out)) {
		if (*text == '\0')
			return true;
		if (*text++ != ',')
			return false;
	}
	return false;
}

static bool
digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "hh:mm", as minutes; -1.  The bounds are the caller's. */
static int
clock_of(const char *text)
{
	if (!digit(text[0]) || !digit(text[1]) || text[2] != ':' ||
	    !digit(text[3]) || !digit(text[4]) || text[3] > '5')
		return -1;
	return ((text[0] - '0') * 10 + (text[1] - '0')) * 60 +
	    (text[3] - '0') * 10 + (text[4] - '0');
}

static bool
parse_hours(const char *text, uint16_t *from, uint16_t *till)
{
	int a, b;

	if (strlen(text) != GRANT_HOURS_MAX || text[5] != '-')
		return false;
	a = clock_of(text);
	b = clock_of(text + 6);
	if (a < 0 || a >= DAY_MINUTES || b < 0 || b > DAY_MINUTES || a == b)
		return false;
	*from = (uint16_t)a;
	*till = (uint16_t)b;
	if (a == 0 && b == DAY_MINUTES)
		*till = 0;
	return true;
}

static bool
parse_zone(const char *text, int16_t *out)
{
	int minutes;

	*out = 0;
	if (strcmp(text, "UTC") == 0)
		return true;
	if (strlen(text) != GRANT_ZONE_MAX ||
	    (text[0] != '+' && text[0] != '-'))
		return false;
	minutes = clock_of(text + 1);
	if (minutes < 0)
		return false;
	if (text[0] == '-')
		minutes = -minutes;
	*out = (int16_t)minutes;
	return minutes >= ZONE_WEST && minutes <= ZONE_EAST;
}

const char *
grant_when_parse(struct grant_when *out, const char *days, const char *hours,
    const char *zone)
{
	struct grant_when w = { 0 };

	if (*days != '\0' && !parse_days(days, &w.days))
		return "the days are names with commas or a dash between:"
		       " mon-fri, or mon,wed,sat-sun";
	if (*hours != '\0' && !parse_hours(hours, &w.from, &w.till))
		return "the hours are HH:MM-HH:MM, as 08:00-18:00, or"
		       " 22:00-06:00 until the day after";
	if (*zone != '\0' && *days == '\0' && *hours == '\0')
		return "a zone is of days or hours: without them there is"
		       " nothing that it could say";
	if (*zone != '\0' && !parse_zone(zone, &w.zone))
		return "the zone is UTC or a distance from it, -12:00 to"
		       " +14:00, as +02:00";
	*out = w;
	return NULL;
}

/* --- time --- */

/* Days since 1970 and minutes of the day, as the zone's clocks have them. */
struct moment {
	int64_t day;
	int minute;
};

static struct moment
moment_of(const struct grant_when *w, int64_t now_ms)
{
	int64_t minutes = now_ms / MINUTE_MS - (now_ms % MINUTE_MS < 0);
	int64_t day;

	minutes += w->zone;
	day = minutes / DAY_MINUTES - (minutes % DAY_MINUTES < 0);
	return (struct moment){ day, (int)(minutes - day * DAY_MINUTES) };
}

static int64_t
ms_of(const struct grant_when *w, int64_t day, int minute)
{
	return (day * DAY_MINUTES + minute - w->zone) * MINUTE_MS;
}

static bool
on_day(const struct grant_when *w, int64_t day)
{
	int64_t weekday = (day + FIRST_DAY) % WEEK;

	if (w->days == 0)
		return true;
	return (w->days >> (weekday < 0 ? weekday + WEEK : weekday) & 1) != 0;
}

/* The day to which the hours belong that this moment is in. */
static bool
find_day(const struct grant_when *w, const struct moment *at, int64_t *day)
{
	bool over_midnight = w->from > w->till;

	*day = at->day;
	if (w->from == w->till)
		return true;
	if (!over_midnight)
		return at->minute >= w->from && at->minute < w->till;
	if (at->minute >= w->from)
		return true;
	*day = at->day - 1;
	return at->minute < w->till;
}

bool
grant_when_holds(const struct grant_when *w, int64_t now_ms)
{
	const struct moment at = moment_of(w, now_ms);
	int64_t day;

	return find_day(w, &at, &day) && on_day(w, day);
}

int64_t
grant_when_ends(const struct grant_when *w, int64_t now_ms)
{
	const struct moment at = moment_of(w, now_ms);
	int64_t day;

	if (!find_day(w, &at, &day))
		return now_ms;
	if (w->from != w->till)
		return ms_of(w, w->from > w->till ? day + 1 : day, w->till);
	if (w->days == 0 || w->days == EVERY_DAY)
		return 0;
	while (on_day(w, day))
		day++;
	return ms_of(w, day, 0);
}
