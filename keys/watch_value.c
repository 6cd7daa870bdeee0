/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/watch_value.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ONE UINT64_C(1000000)

static const char *const severities[] = { "info", "low", "medium", "high" };
#define SEVERITIES (sizeof(severities) / sizeof(severities[0]))

/* Digits with up to six behind a point, in millionths; *end is what follows. */
static bool
millionths(const char *text, const char **end, uint64_t *out)
{
	uint64_t n = 0, unit = ONE;
	const char *s = text;

	if (*s < '0' || *s > '9')
		return false;
	for (; *s >= '0' && *s <= '9'; s++) {
		if (n >= UINT64_C(1000000000))
			return false;
		n = n * 10 + (uint64_t)(*s - '0');
	}
	n *= ONE;
	if (*s == '.') {
		s++;
		if (*s < '0' || *s > '9')
			return false;
		for (; *s >= '0' && *s <= '9'; s++) {
			if (unit == 1)
				return false;
			unit /= 10;
			n += (uint64_t)(*s - '0') * unit;
		}
	}
	*end = s;
	*out = n;
	return true;
}

struct unit {
	const char *name;
	uint64_t size;
};
static const struct unit time_units[] = { { "s", 1 }, { "m", 60 },
	{ "h", 3600 }, { "d", 86400 }, { NULL, 0 } };
static const struct unit size_units[] = { { "", 1 }, { "K", 1024 },
	{ "M", UINT64_C(1) << 20 }, { "G", UINT64_C(1) << 30 },
	{ "T", UINT64_C(1) << 40 }, { NULL, 0 } };

static bool
whole(const char *text, const struct unit *units, uint64_t *out)
{
	const char *end;
	uint64_t n;

	if (strchr(text, '.') != NULL || !millionths(text, &end, &n))
		return false;
	n /= ONE;
	for (; units->name != NULL; units++)
		if (strcmp(end, units->name) == 0 &&
		    n <= UINT64_MAX / 2 / units->size) {
			*out = n * units->size;
			return true;
		}
	return false;
}

static bool
word(const char *text, const char *const *words, size_t n, uint64_t *out)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(text, words[i]) == 0) {
			*out = i;
			return true;
		}
	return false;
}

bool
watch_value_parse(enum watch_value kind, const char *text, uint64_t *out)
{
	static const struct unit none[] = { { "", 1 }, { NULL, 0 } };
	static const char *const answers[] = { "no", "yes" };
	const char *end;

	switch (kind) {
	case WATCH_VALUE_YES_NO:
		return word(text, answers, 2, out);
	case WATCH_VALUE_SEVERITY:
		return word(text, severities, SEVERITIES, out);
	case WATCH_VALUE_NUMBER:
		return whole(text, none, out);
	case WATCH_VALUE_TIME:
		return whole(text, time_units, out);
	case WATCH_VALUE_SIZE:
		return whole(text, size_units, out);
	case WATCH_VALUE_SHARE:
		if (!millionths(text, &end, out) || strcmp(end, "%") != 0 ||
		    *out % 100 != 0)
			return false;
		*out /= 100;
		return true;
	case WATCH_VALUE_DECIMAL:
		return millionths(text, &end, out) && *end == '\0';
	}
	return false;
}

const char *
watch_value_expected(enum watch_value kind)
{
	switch (kind) {
	case WATCH_VALUE_YES_NO:
		return "yes or no";
	case WATCH_VALUE_SEVERITY:
		return "info, low, medium or high";
	case WATCH_VALUE_NUMBER:
		return "a whole number";
	case WATCH_VALUE_TIME:
		return "a time: 90s, 5m, 12h or 7d";
	case WATCH_VALUE_SIZE:
		return "a size: 512K, 32M, 1G or bytes";
	case WATCH_VALUE_SHARE:
		return "a share: 1% or 0.25%";
	case WATCH_VALUE_DECIMAL:
		return "a number: 9 or 0.25";
	}
	return "";
}

/* The largest unit that divides it. */
static void
unit_text(uint64_t n, const struct unit *units, char buf[static 32])
{
	const struct unit *u = &units[0];

	for (const struct unit *v = units; v->name != NULL; v++)
		if (n != 0 && n % v->size == 0)
			u = v;
	snprintf(buf, 32, "%" PRIu64 "%s", n / u->size, u->name);
}

static void
decimal_text(uint64_t n, unsigned int places, const char *behind,
    char buf[static 32])
{
	uint64_t one = 1;
	int width;

	for (unsigned int i = 0; i < places; i++)
		one *= 10;
	width = snprintf(buf, 24, "%" PRIu64 ".%0*" PRIu64, n / one,
	    (int)places, n % one);
	while (width > 0 && buf[width - 1] == '0')
		width--;
	if (width > 0 && buf[width - 1] == '.')
		width--;
	snprintf(buf + width, 32 - (size_t)width, "%s", behind);
}

void
watch_value_text(enum watch_value kind, uint64_t n,
    char buf[static WATCH_VALUE_TEXT])
{
	switch (kind) {
	case WATCH_VALUE_YES_NO:
		snprintf(buf, 32, "%s", n != 0 ? "yes" : "no");
		break;
	case WATCH_VALUE_SEVERITY:
		snprintf(buf, 32, "%s", severities[n]);
		break;
	case WATCH_VALUE_NUMBER:
		snprintf(buf, 32, "%" PRIu64, n);
		break;
	case WATCH_VALUE_TIME:
		unit_text(n, time_units, buf);
		break;
	case WATCH_VALUE_SIZE:
		unit_text(n, size_units, buf);
		break;
	case WATCH_VALUE_SHARE:
		decimal_text(n, 4, "%", buf);
		break;
	case WATCH_VALUE_DECIMAL:
		decimal_text(n, 6, "", buf);
		break;
	}
}
