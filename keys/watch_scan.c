/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "keys/watch.h"

/* What is left to be scanned; bad for good once anything is not as expected. */
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

/* As JSON has them, below 2^63.  19 digits are below 2^64. */
static uint64_t
number(struct scan *s)
{
	const char *from = s->at, *end = from + s->left, *at = from;
	uint64_t n = 0;

	for (; at < end && *at >= '0' && *at <= '9'; at++)
		n = n * 10 + (uint64_t)(*at - '0');
	if (at == from || at - from > 19 || n > INT64_MAX ||
	    (*from == '0' && at - from > 1))
		s->bad = true;
	advance(s, at);
	return s->bad ? 0 : n;
}

/* Between quotes: ASCII that is neither escaped nor to be.  Borrowed. */
static const char *
string(struct scan *s, size_t *length)
{
	const char *from, *end, *at;
	bool other = false;

	SKIP(s, "\"");
	from = at = s->at;
	for (end = from + s->left; at < end && *at != '"'; at++)
		other |= *at < ' ' || *at > '~' || *at == '\\';
	s->bad = s->bad || other;
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
	const size_t n = 2 * DIGEST_SIZE;
	char hex[DIGEST_HEX_SIZE];
	struct digest d = { 0 };

	if (s->bad || s->left < n + 2 || s->at[0] != '"' ||
	    s->at[n + 1] != '"') {
		s->bad = true;
		return d;
	}
	memcpy(hex, s->at + 1, n);
	hex[n] = '\0';
	if (digest_parse(&d, hex) != 0)
		s->bad = true;
	advance(s, s->at + n + 2);
	return d;
}

/* A time as keyd writes it, between quotes. */
static int64_t
time_of(struct scan *s)
{
	char when[TIME_LENGTH + 1];
	int64_t ms = 0;

	if (s->bad || s->left < TIME_LENGTH + 2 || s->at[0] != '"' ||
	    s->at[TIME_LENGTH + 1] != '"') {
		s->bad = true;
		return 0;
	}
	memcpy(when, s->at + 1, TIME_LENGTH);
	when[TIME_LENGTH] = '\0';
	if (strlen(when) != TIME_LENGTH || entry_time_parse(&ms, when) != 0)
		s->bad = true;
	advance(s, s->at + TIME_LENGTH + 2);
	return ms;
}

/* v, time, kind and by stand first, in this order. */
static void
head(struct scan *s, struct watch_event *e, char by[static WATCH_SCAN_BY])
{
	SKIP(s, "{\"v\":1,\"time\":");
	e->time_ms = time_of(s);
	SKIP(s, ",\"kind\":\"");
	e->kind = peek(s, 'r') ? ENTRY_RELEASE : ENTRY_EXTENTS;
	if (e->kind == ENTRY_RELEASE)
		SKIP(s, "release");
	else
		SKIP(s, "extents");
	SKIP(s, "\",\"by\":");
	text(s, by, WATCH_SCAN_BY);
	if (s->bad || by[0] == '\0')
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

/* The fields that there are, in the order in which they are written. */
enum of { WIDE, NARROW, DIGEST, READS };
struct field {
	const char *key;
	size_t length;
	enum of of;
	size_t at; /* a number's, in an event */
};
#define KEY(name) "\"" name "\":", sizeof("\"" name "\":") - 1
#define AT(field) offsetof(struct watch_event, field)

static const struct field of_release[] = {
	{ KEY("uid"), WIDE, AT(uid) },
	{ KEY("session"), WIDE, AT(session) },
	{ KEY("version"), DIGEST, 0 },
	{ KEY("file"), NARROW, AT(file) },
	{ KEY("first"), WIDE, AT(first) },
	{ KEY("count"), NARROW, AT(count) },
	{ KEY("bytes"), WIDE, AT(bytes) },
	{ KEY("grant"), WIDE, AT(grant) },
	{ KEY("clock"), WIDE, AT(clock) },
	{ KEY("weights"), WIDE, AT(weights) },
	{ KEY("fresh"), WIDE, AT(fresh) },
	{ KEY("used"), NARROW, AT(used_ppm) },
	{ KEY("pool"), NARROW, AT(pool_ppm) },
};
static const struct field of_extents[] = {
	{ KEY("uid"), WIDE, AT(uid) },
	{ KEY("session"), WIDE, AT(session) },
	{ KEY("clock"), WIDE, AT(clock) },
	{ KEY("version"), DIGEST, 0 },
	{ KEY("reads"), READS, 0 },
};
#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static void
value(struct scan *s, struct watch_event *e, const struct field *f)
{
	char *to = (char *)e + f->at;
	uint64_t n;
	uint32_t less;

	switch (f->of) {
	case WIDE:
		n = number(s);
		memcpy(to, &n, sizeof(n));
		break;
	case NARROW:
		less = cut(number(s));
		memcpy(to, &less, sizeof(less));
		break;
	case DIGEST:
		e->version = digest(s);
		break;
	case READS:
		reads(s, e);
		break;
	}
}

static bool
is(const struct scan *s, const struct field *f)
{
	return s->left >= f->length && memcmp(s->at, f->key, f->length) == 0;
}

/* ,"key":value of what follows, each key once; what is not known here is not
 * scanned.  The next one is looked for behind the last one first. */
static void
fields(struct scan *s, struct watch_event *e, const struct field *list,
    size_t count)
{
	unsigned int seen = 0;
	size_t next = 0;

	while (peek(s, ',')) {
		size_t tried = 0;

		SKIP(s, ",");
		while (tried < count && !is(s, &list[next])) {
			next = next + 1 < count ? next + 1 : 0;
			tried++;
		}
		if (tried == count || (seen >> next & 1) != 0) {
			s->bad = true;
			return;
		}
		seen |= 1U << next;
		advance(s, s->at + list[next].length);
		value(s, e, &list[next]);
	}
}

bool
watch_scan(struct watch_event *out, uint64_t index, const void *bytes, size_t n,
    char by[static WATCH_SCAN_BY])
{
	struct watch_event e = { .index = index, .uid = -1 };
	struct scan s = { .at = bytes, .left = n, .bad = n > ENTRY_MAX };

	head(&s, &e, by);
	if (e.kind == ENTRY_RELEASE)
		fields(&s, &e, of_release, COUNT(of_release));
	else
		fields(&s, &e, of_extents, COUNT(of_extents));
	SKIP(&s, "}");
	if (s.bad || s.left != 0)
		return false;
	*out = e;
	return true;
}
