/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "keys/watch.h"

/* What is left to be scanned; bad for good once something is not as expected. */
struct scan {
	const char *at;
	size_t left;
	bool bad;
};

#define TIME_LENGTH 24 /* 2026-11-24T00:10:03.123Z */

static bool
peek(const struct scan *s, char c)
{
	return !s->bad && s->left > 0 && *s->at == c;
}

static inline void
skip(struct scan *s, const char *text, size_t n)
{
	if (s->bad || s->left < n || memcmp(s->at, text, n) != 0) {
		s->bad = true;
		return;
	}
	s->at += n;
	s->left -= n;
}
#define SKIP(s, literal) skip((s), (literal), sizeof(literal) - 1)

static void
advance(struct scan *s, const char *to)
{
	s->left -= (size_t)(to - s->at);
	s->at = to;
}

/* As JSON has them, below 2^63. */
static uint64_t
number(struct scan *s)
{
	const char *from = s->at, *end = from + s->left, *at = from;
	uint64_t n = 0;

	for (; at < end && *at >= '0' && *at <= '9'; at++) {
		uint64_t digit = (uint64_t)(*at - '0');

		if (n > (INT64_MAX - digit) / 10)
			s->bad = true;
		n = n * 10 + digit;
	}
	if (at == from || (*from == '0' && at - from > 1))
		s->bad = true;
	advance(s, at);
	return s->bad ? 0 : n;
}

/* Between quotes: ASCII that is neither escaped nor to be.  Borrowed. */
static const char *
string(struct scan *s, size_t *length)
{
	const char *from, *end, *at;

	SKIP(s, "\"");
	from = at = s->at;
	for (end = from + s->left; at < end && *at != '"'; at++)
		if (*at < ' ' || *at > '~' || *at == '\\')
			s->bad = true;
	*length = (size_t)(at - from);
	advance(s, at);
	SKIP(s, "\"");
	return from;
}

static void
text(struct scan *s, char *out, size_t size)
{
	size_t n;
	const char *from = string(s, &n);

	if (n >= size)
		s->bad = true;
	if (s->bad)
		return;
	memcpy(out, from, n);
	out[n] = '\0';
}

static struct digest
digest(struct scan *s)
{
	char hex[DIGEST_HEX_SIZE] = "";
	struct digest d = { 0 };

	text(s, hex, sizeof(hex));
	if (!s->bad && digest_parse(&d, hex) != 0)
		s->bad = true;
	return d;
}

/* v, time, kind and by stand first, in this order. */
static void
head(struct scan *s, struct watch_event *e, char by[static WATCH_SCAN_BY])
{
	char when[TIME_LENGTH + 1] = "", kind[16] = "";

	SKIP(s, "{\"v\":1,\"time\":");
	text(s, when, sizeof(when));
	SKIP(s, ",\"kind\":");
	text(s, kind, sizeof(kind));
	SKIP(s, ",\"by\":");
	text(s, by, WATCH_SCAN_BY);
	if (s->bad || entry_time_parse(&e->time_ms, when) != 0 || by[0] == '\0')
		s->bad = true;
	else if (strcmp(kind, "release") == 0)
		e->kind = ENTRY_RELEASE;
	else if (strcmp(kind, "extents") == 0)
		e->kind = ENTRY_EXTENTS;
	else
		s->bad = true;
	e->by = by;
}

/* [file, offset, length, uid, pid, "exe"] */
static void
row(struct scan *s, struct watch_event *e)
{
	uint64_t of[5];
	uint32_t uid;
	size_t n;

	SKIP(s, "[");
	for (int i = 0; i < 5; i++) {
		of[i] = number(s);
		SKIP(s, ",");
	}
	string(s, &n);
	SKIP(s, "]");
	e->read_bytes += of[2];
	uid = (uint32_t)of[3];
	if (e->reader_count == 0 ||
	    (e->reader_count == 1 && e->readers[0] != uid))
		e->readers[e->reader_count++] = uid;
}

static void
reads(struct scan *s, struct watch_event *e)
{
	SKIP(s, "[");
	if (!peek(s, ']'))
		row(s, e);
	while (peek(s, ',')) {
		SKIP(s, ",");
		row(s, e);
	}
	SKIP(s, "]");
}

static uint32_t
cut(uint64_t n)
{
	return n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

static bool
is(const char *key, size_t n, const char *name, size_t length)
{
	return n == length && memcmp(key, name, n) == 0;
}
#define IS(key, n, literal) is((key), (n), (literal), sizeof(literal) - 1)

/* The fields that are numbers, and how wide they are in an event; the first ones
 * extents have, too. */
#define OF_EXTENTS 3
static const struct {
	const char *name;
	size_t length;
	size_t at;
	bool narrow;
} numbers[] = {
#define WIDE(name, field)                                                      \
	{                                                                      \
		name, sizeof(name) - 1, offsetof(struct watch_event, field),   \
		    false                                                      \
	}
#define NARROW(name, field)                                                    \
	{                                                                      \
		name, sizeof(name) - 1, offsetof(struct watch_event, field),   \
		    true                                                       \
	}
	WIDE("uid", uid),
	WIDE("session", session),
	WIDE("clock", clock),
	NARROW("file", file),
	WIDE("first", first),
	NARROW("count", count),
	WIDE("bytes", bytes),
	WIDE("grant", grant),
	WIDE("weights", weights),
	WIDE("fresh", fresh),
	NARROW("used", used_ppm),
	NARROW("pool", pool_ppm),
};

/* Set the number of this key; its bit, 0: there is no such key. */
static unsigned int
set_number(struct watch_event *e, const char *key, size_t n, uint64_t value)
{
	size_t count = e->kind == ENTRY_RELEASE ?
	    sizeof(numbers) / sizeof(numbers[0]) :
	    OF_EXTENTS;
	uint32_t less = cut(value);

	for (size_t i = 0; i < count; i++) {
		char *to = (char *)e + numbers[i].at;

		if (!is(key, n, numbers[i].name, numbers[i].length))
			continue;
		if (numbers[i].narrow)
			memcpy(to, &less, sizeof(less));
		else
			memcpy(to, &value, sizeof(value));
		return 4U << i;
	}
	return 0;
}

/* ,"key":value, each key once; what is not known here is not scanned. */
static void
field(struct scan *s, struct watch_event *e, unsigned int *seen)
{
	const char *key;
	unsigned int bit;
	size_t n;

	SKIP(s, ",");
	key = string(s, &n);
	SKIP(s, ":");
	if (s->bad)
		return;
	if (IS(key, n, "version")) {
		bit = 1;
		e->version = digest(s);
	} else if (IS(key, n, "reads") && e->kind == ENTRY_EXTENTS) {
		bit = 2;
		reads(s, e);
	} else
		bit = set_number(e, key, n, number(s));
	if (bit == 0 || (*seen & bit) != 0)
		s->bad = true;
	*seen |= bit;
}

bool
watch_scan(struct watch_event *out, uint64_t index, const void *bytes, size_t n,
    char by[static WATCH_SCAN_BY])
{
	struct watch_event e = { .index = index, .uid = -1 };
	struct scan s = { .at = bytes, .left = n, .bad = n > ENTRY_MAX };
	unsigned int seen = 0;

	head(&s, &e, by);
	while (peek(&s, ','))
		field(&s, &e, &seen);
	SKIP(&s, "}");
	if (s.bad || s.left != 0)
		return false;
	*out = e;
	return true;
}
