/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/entry.h"

#include <assert.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "vault/err.h"
#include "vault/utf8.h"

#define DEPTH_MAX 32 /* bits of entry.lists */
#define REPLACEMENT "\xef\xbf\xbd"

/* The first and the last millisecond that four digits of a year can show. */
#define TIME_FIRST INT64_C(-62167219200000)
#define TIME_LAST INT64_C(253402300799999)

static const char *const kind_names[ENTRY_KINDS] = {
	[ENTRY_INIT] = "init",
	[ENTRY_KEYD_START] = "keyd.start",
	[ENTRY_KEYD_STOP] = "keyd.stop",
	[ENTRY_ROLE_ADD] = "role.add",
	[ENTRY_ROLE_RM] = "role.rm",
	[ENTRY_GRANT_ADD] = "grant.add",
	[ENTRY_GRANT_RM] = "grant.rm",
	[ENTRY_PUT_BEGIN] = "put.begin",
	[ENTRY_PUT_KEYS] = "put.keys",
	[ENTRY_PUT] = "put",
	[ENTRY_SESSION_OPEN] = "session.open",
	[ENTRY_SESSION_REFUSED] = "session.refused",
	[ENTRY_SESSION_RESUME] = "session.resume",
	[ENTRY_RELEASE] = "release",
	[ENTRY_EXTENTS] = "extents",
	[ENTRY_FAULT] = "fault",
	[ENTRY_SESSION_CLOSE] = "session.close",
	[ENTRY_REFUSED] = "refused",
	[ENTRY_CHECK] = "check",
	[ENTRY_CONFIG] = "config",
	[ENTRY_VERIFY] = "verify",
	[ENTRY_STATEMENT_ADD] = "statement.add",
	[ENTRY_STATEMENT_SIGN] = "statement.sign",
	[ENTRY_STATEMENT_WITHDRAW] = "statement.withdraw",
	[ENTRY_SIGN_OMS] = "sign.oms",
	[ENTRY_BUDGET_RESET] = "budget.reset",
	[ENTRY_ALERT] = "alert",
	[ENTRY_ALERT_ACK] = "alert.ack",
	[ENTRY_DECOY_ADD] = "decoy.add",
	[ENTRY_DECOY_RM] = "decoy.rm",
	[ENTRY_SESSION_EXE] = "session.exe",
	[ENTRY_SECRET_ADD] = "secret.add",
	[ENTRY_SECRET_RM] = "secret.rm",
	[ENTRY_VERSION_RM] = "version.rm",
	[ENTRY_VERSION_UNDELETE] = "version.undelete",
	[ENTRY_GC] = "gc",
	[ENTRY_BACKUP] = "backup",
	[ENTRY_SHRED] = "shred",
	[ENTRY_LOCK] = "lock",
	[ENTRY_UNLOCK] = "unlock",
	[ENTRY_REKEY] = "rekey",
};

const char *
entry_kind_name(enum entry_kind k)
{
	assert((unsigned int)k < ENTRY_KINDS);
	return kind_names[k];
}

int
entry_kind_parse(enum entry_kind *out, const char *name)
{
	for (unsigned int k = 0; k < ENTRY_KINDS; k++) {
		if (strcmp(kind_names[k], name) == 0) {
			*out = (enum entry_kind)k;
			return 0;
		}
	}
	return ERR_FORMAT;
}

/* ---- writing ---- */

static void
raw(struct entry *e, const char *text)
{
	writer_bytes(&e->w, text, strlen(text));
}

static void
string(struct entry *e, const char *text)
{
	const uint8_t *s = (const uint8_t *)text;
	size_t n, left = strlen(text);
	char escape[8];
	uint32_t code;

	raw(e, "\"");
	for (; left > 0; s += n, left -= n) {
		n = utf8_length(s, left, &code);
		if (n == 0) {
			raw(e, REPLACEMENT);
			n = 1;
		} else if (*s == '"' || *s == '\\') {
			snprintf(escape, sizeof(escape), "\\%c", *s);
			raw(e, escape);
		} else if (*s < 0x20) {
			snprintf(escape, sizeof(escape), "\\u%04x", *s);
			raw(e, escape);
		} else {
			writer_bytes(&e->w, s, n);
		}
	}
	raw(e, "\"");
}

/* What stands before a value. */
static void
begin_value(struct entry *e, const char *key)
{
	bool in_list = e->depth > 0 && (e->lists >> (e->depth - 1) & 1) != 0;

	assert(in_list == (key == NULL));
	(void)in_list;
	if (e->comma)
		raw(e, ",");
	e->comma = true;
	if (key != NULL) {
		string(e, key);
		raw(e, ":");
	}
}

static void
number(struct entry *e, const char *key, int64_t value)
{
	char text[24];

	begin_value(e, key);
	snprintf(text, sizeof(text), "%" PRId64, value);
	raw(e, text);
}

void
entry_begin(struct entry *e, enum entry_kind kind, const struct entry_actor *by,
    int64_t time_ms)
{
	*e = (struct entry){ .w = writer_of(ENTRY_MAX) };
	raw(e, "{");
	number(e, "v", 1);
	entry_time(e, "time", time_ms);
	entry_text(e, "kind", entry_kind_name(kind));
	entry_text(e, "by", by->principal);
	if (by->uid >= 0)
		number(e, "uid", by->uid);
}

void
entry_free(struct entry *e)
{
	writer_free(&e->w);
}

void
entry_text(struct entry *e, const char *key, const char *value)
{
	if (value == NULL)
		return;
	begin_value(e, key);
	string(e, value);
}

void
entry_number(struct entry *e, const char *key, uint64_t value)
{
	/* What cannot be read back must not be written. */
	if (value > INT64_MAX)
		e->w.bad = true;
	else
		number(e, key, (int64_t)value);
}

void
entry_bool(struct entry *e, const char *key, bool value)
{
	begin_value(e, key);
	raw(e, value ? "true" : "false");
}

void
entry_digest(struct entry *e, const char *key, const struct digest *d)
{
	char hex[DIGEST_HEX_SIZE];

	entry_text(e, key, digest_hex(d, hex));
}

void
entry_time(struct entry *e, const char *key, int64_t time_ms)
{
	char text[ENTRY_TIME_SIZE];

	entry_text(e, key, entry_time_text(time_ms, text));
}

void
entry_json(struct entry *e, const char *key, const char *json)
{
	begin_value(e, key);
	raw(e, json);
}

static void
open_value(struct entry *e, const char *key, bool list)
{
	assert(e->depth < DEPTH_MAX);
	begin_value(e, key);
	raw(e, list ? "[" : "{");
	e->lists &= ~(UINT32_C(1) << e->depth);
	e->lists |= (uint32_t)list << e->depth;
	e->depth++;
	e->comma = false;
}

void
entry_open_list(struct entry *e, const char *key)
{
	open_value(e, key, true);
}

void
entry_open_object(struct entry *e, const char *key)
{
	open_value(e, key, false);
}

void
entry_close(struct entry *e)
{
	assert(e->depth > 0);
	e->depth--;
	raw(e, (e->lists >> e->depth & 1) != 0 ? "]" : "}");
	e->comma = true;
}

int
entry_end(struct entry *e, const uint8_t **bytes, size_t *length)
{
	assert(e->depth == 0);
	raw(e, "}");
	if (!writer_ok(&e->w))
		return ERR_LIMIT;
	*bytes = e->w.bytes;
	*length = e->w.length;
	return 0;
}

/* ---- times ---- */

char *
entry_time_text(int64_t time_ms, char buf[static ENTRY_TIME_SIZE])
{
	int64_t ms = time_ms < TIME_FIRST ? TIME_FIRST : time_ms;
	unsigned int fraction;
	struct tm tm;
	time_t t;

	if (ms > TIME_LAST)
		ms = TIME_LAST;
	fraction = (unsigned int)((ms - TIME_FIRST) % 1000);
	t = (ms - fraction) / 1000;
	gmtime_r(&t, &tm); /* fails for years that an int cannot hold */
	snprintf(buf, ENTRY_TIME_SIZE, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ",
	    (unsigned int)(tm.tm_year + 1900) % 10000,
	    (unsigned int)(tm.tm_mon + 1) % 100, (unsigned int)tm.tm_mday % 100,
	    (unsigned int)tm.tm_hour % 100, (unsigned int)tm.tm_min % 100,
	    (unsigned int)tm.tm_sec % 100, fraction % 1000);
	return buf;
}

/* Exactly n digits at *p, at most `most`. */
static bool
digits(const char **p, int n, int most, int *out)
{
	int v = 0;

	for (; n > 0; n--, (*p)++) {
		if (**p < '0' || **p > '9')
			return false;
		v = v * 10 + (**p - '0');
	}
	*out = v;
	return v <= most;
}

static bool
literal(const char **p, char c)
{
	if (**p != c)
		return false;
	(*p)++;
	return true;
}

static bool
is_leap(int year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* Days from 1970 to the first of March of a year, counted from March on, so
 * that a leap day is the last one of its year. */
static int64_t
days_to_march(int year)
{
	int64_t y = year + 400; /* whole cycles of years: none is negative */

	return y * 365 + y / 4 - y / 100 + y / 400 - 865565;
}

/* The seconds at which a day begins; only days that the calendar has. */
static bool
parse_date(const char **p, int64_t *out)
{
	static const int lengths[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31,
		30, 31 };
	int year, month, day, past; /* whole months since March */

	if (!digits(p, 4, 9999, &year) || !literal(p, '-') ||
	    !digits(p, 2, 12, &month) || !literal(p, '-') ||
	    !digits(p, 2, 31, &day) || month < 1 || day < 1 ||
	    day > lengths[month - 1] ||
	    (month == 2 && day == 29 && !is_leap(year)))
		return false;
	past = month > 2 ? month - 3 : month + 9;
	*out = (days_to_march(month > 2 ? year : year - 1) +
		   (past * 153 + 2) / 5 + day - 1) *
	    86400;
	return true;
}

/* ".5", ".123456789": the milliseconds; what is finer is dropped. */
static bool
parse_fraction(const char **p, int *ms)
{
	int scale = 100, n = 0, digit;

	*ms = 0;
	if (!literal(p, '.'))
		return true;
	for (; digits(p, 1, 9, &digit); n++, scale /= 10)
		*ms += digit * scale;
	return n >= 1 && n <= 9;
}

static bool
parse_zone(const char **p, int *minutes)
{
	int sign = **p == '-' ? -1 : 1, h, m;

	*minutes = 0;
	if (literal(p, 'Z'))
		return true;
	if (!literal(p, '+') && !literal(p, '-'))
		return false;
	if (!digits(p, 2, 23, &h) || !literal(p, ':') || !digits(p, 2, 59, &m))
		return false;
	*minutes = sign * (h * 60 + m);
	return true;
}

int
entry_time_parse(int64_t *out, const char *text)
{
	const char *p = text;
	int h, m, s, ms, zone;
	int64_t day;

	if (!parse_date(&p, &day))
		return ERR_FORMAT;
	if (*p == '\0') {
		*out = day * 1000;
		return 0;
	}
	if (!literal(&p, 'T') || !digits(&p, 2, 23, &h) || !literal(&p, ':') ||
	    !digits(&p, 2, 59, &m) || !literal(&p, ':') ||
	    !digits(&p, 2, 59, &s) || !parse_fraction(&p, &ms) ||
	    !parse_zone(&p, &zone) || *p != '\0')
		return ERR_FORMAT;
	*out = (day + ((h * 60 + m - zone) * 60 + s)) * 1000 + ms;
	return 0;
}

/* ---- reading ---- */

int
entry_parse(struct entry_view *out, const void *bytes, size_t length)
{
	struct entry_view v = { 0 };
	const char *kind, *when;
	uint64_t version, uid;
	json_error_t why;

	if (length > ENTRY_MAX)
		return ERR_FORMAT;
	v.json = json_loadb(bytes, length, JSON_REJECT_DUPLICATES, &why);
	kind = entry_view_text(&v, "kind");
	when = entry_view_text(&v, "time");
	v.by = entry_view_text(&v, "by");
	if (!json_is_object((json_t *)v.json) ||
	    entry_view_number(&v, "v", &version) != 0 || version != 1 ||
	    kind == NULL || entry_kind_parse(&v.kind, kind) != 0 ||
	    when == NULL || entry_time_parse(&v.time_ms, when) != 0 ||
	    v.by == NULL || v.by[0] == '\0' ||
	    (json_object_get(v.json, "uid") != NULL &&
		entry_view_number(&v, "uid", &uid) != 0)) {
		entry_view_clear(&v);
		return ERR_FORMAT;
	}
	*out = v;
	return 0;
}

void
entry_view_clear(struct entry_view *v)
{
	json_decref(v->json);
	*v = (struct entry_view){ 0 };
}

const char *
entry_view_text(const struct entry_view *v, const char *key)
{
	return json_string_value(json_object_get(v->json, key));
}

int
entry_view_number(const struct entry_view *v, const char *key, uint64_t *out)
{
	const json_t *value = json_object_get(v->json, key);

	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return ERR_FORMAT;
	*out = (uint64_t)json_integer_value(value);
	return 0;
}

bool
entry_view_bool(const struct entry_view *v, const char *key)
{
	return json_is_true(json_object_get(v->json, key));
}

int
entry_view_digest(const struct entry_view *v, const char *key,
    struct digest *out)
{
	const char *hex = entry_view_text(v, key);

	return hex != NULL ? digest_parse(out, hex) : ERR_FORMAT;
}

int
entry_view_time(const struct entry_view *v, const char *key, int64_t *out)
{
	const char *text = entry_view_text(v, key);

	return text != NULL ? entry_time_parse(out, text) : ERR_FORMAT;
}

#define TIME_LENGTH 24 /* 2026-01-31T09:30:00.000Z */

bool
entry_peek(const void *bytes, size_t n, int64_t *time_ms, enum entry_kind *kind)
{
	static const char before[] = "{\"v\":1,\"time\":\"";
	static const char between[] = "\",\"kind\":\"";
	const size_t at = sizeof(before) - 1 + TIME_LENGTH;
	const size_t name = at + sizeof(between) - 1;
	const char *text = bytes, *end;
	char word[ENTRY_TIME_SIZE]; /* more than any kind has */

	if (n <= name || memcmp(text, before, sizeof(before) - 1) != 0 ||
	    memcmp(text + at, between, sizeof(between) - 1) != 0)
		return false;
	memcpy(word, text + sizeof(before) - 1, TIME_LENGTH);
	word[TIME_LENGTH] = '\0';
	if (entry_time_parse(time_ms, word) != 0)
		return false;
	end = memchr(text + name, '"', n - name);
	if (end == NULL || (size_t)(end - text) - name >= sizeof(word))
		return false;
	memcpy(word, text + name, (size_t)(end - text) - name);
	word[(size_t)(end - text) - name] = '\0';
	return entry_kind_parse(kind, word) == 0;
}
