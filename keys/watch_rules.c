/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/watch_rules.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys/watch_value.h"
#include "vault/err.h"
#include "vault/log.h"
#include "vault/writer.h"

#define LINE_MAX_BYTES 512
#define MINUTE UINT64_C(60)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define MIB (UINT64_C(1) << 20)
#define GIB (1024 * MIB)
#define ONE UINT64_C(1000000)

/* A key of a section, where its value lies, and what it may be. */
struct key {
	const char *name;
	enum watch_value kind;
	size_t at;
	uint64_t least, most, usual;
};

#define AT(field) offsetof(struct watch_rules, field)
#define KEYS_MAX 5

struct section {
	const char *name;
	enum watch_severity severity;
	uint64_t pause;
	struct key keys[KEYS_MAX];
};

/* clang-format off */
static const struct section sections[] = {
	[WATCH_SESSION_ENDED] = { "session-ended", WATCH_MEDIUM, DAY, {
	    { "grace", WATCH_VALUE_TIME, AT(ended_grace), 0, HOUR, 5 } } },
	[WATCH_REVOKED_VERSION] = { "revoked-version", WATCH_MEDIUM, DAY, { { 0 } } },
	[WATCH_OLDER_VERSION] = { "older-version", WATCH_MEDIUM, DAY, {
	    { "after", WATCH_VALUE_TIME, AT(older_after), 0, 365 * DAY, HOUR } } },
	[WATCH_UNLISTED_HOST] = { "unlisted-host", WATCH_HIGH, DAY, { { 0 } } },
	[WATCH_OFF_SCHEDULE] = { "off-schedule", WATCH_MEDIUM, DAY, { { 0 } } },
	[WATCH_TOO_MANY_SESSIONS] = { "too-many-sessions", WATCH_MEDIUM, DAY,
	    { { 0 } } },
	[WATCH_DECOY] = { "decoy", WATCH_HIGH, HOUR, { { 0 } } },
	[WATCH_OTHER_READER] = { "other-reader", WATCH_HIGH, DAY, { { 0 } } },
	[WATCH_CLOCK_JUMP] = { "clock-jump", WATCH_MEDIUM, HOUR, {
	    { "jump", WATCH_VALUE_TIME, AT(clock_jump), 10, 30 * DAY, 5 * MINUTE } } },
	[WATCH_TRAIL_BROKEN] = { "trail-broken", WATCH_HIGH, HOUR, { { 0 } } },
	[WATCH_UNREAD_RELEASES] = { "unread-releases", WATCH_HIGH, DAY, {
	    { "lag", WATCH_VALUE_TIME, AT(unread_lag), 1, HOUR, 15 },
	    { "slack", WATCH_VALUE_SIZE, AT(unread_slack), 0, UINT64_C(1) << 50,
		256 * MIB },
	    { "most", WATCH_VALUE_SIZE, AT(unread_most), 0, UINT64_C(1) << 50,
		4 * GIB } } },
	[WATCH_DAMAGE] = { "damage", WATCH_HIGH, DAY, { { 0 } } },
	[WATCH_BUDGET_SPENT] = { "budget-spent", WATCH_HIGH, DAY, { { 0 } } },
	[WATCH_UNLISTED_EXE] = { "unlisted-exe", WATCH_MEDIUM, DAY, { { 0 } } },
	[WATCH_BROWSE_HALF] = { "browse-half", WATCH_MEDIUM, DAY, {
	    { "share", WATCH_VALUE_SHARE, AT(browse_half), 1, 20000, 10000 } } },
	[WATCH_BURST] = { "burst", WATCH_MEDIUM, DAY, {
	    { "1m", WATCH_VALUE_SHARE, AT(burst[WATCH_MINUTE]), 1, ONE, 5000 },
	    { "1h", WATCH_VALUE_SHARE, AT(burst[WATCH_HOUR]), 1, ONE, 6000 },
	    { "1d", WATCH_VALUE_SHARE, AT(burst[WATCH_DAY]), 1, ONE, 7500 },
	    { "7d", WATCH_VALUE_SHARE, AT(burst[WATCH_WEEK]), 1, ONE, 9000 },
	    { "30d", WATCH_VALUE_SHARE, AT(burst[WATCH_MONTH]), 1, ONE, 15000 } } },
	[WATCH_POOL_NEAR] = { "pool-near", WATCH_MEDIUM, DAY, {
	    { "share", WATCH_VALUE_SHARE, AT(pool_near), 1, 50000, 25000 } } },
	[WATCH_POOL_NARROW] = { "pool-narrow", WATCH_HIGH, DAY, {
	    { "share", WATCH_VALUE_SHARE, AT(pool_narrow), 1, 50000, 30000 } } },
	[WATCH_MANY_MODELS] = { "many-models", WATCH_MEDIUM, DAY, {
	    { "models", WATCH_VALUE_NUMBER, AT(models_count), 2, 64, 8 },
	    { "within", WATCH_VALUE_TIME, AT(models_window), MINUTE, 30 * DAY, DAY } } },
	[WATCH_MANY_HOSTS] = { "many-hosts", WATCH_MEDIUM, DAY, {
	    { "hosts", WATCH_VALUE_NUMBER, AT(hosts_count), 2, 64, 4 },
	    { "within", WATCH_VALUE_TIME, AT(hosts_window), MINUTE, 30 * DAY, DAY } } },
	[WATCH_REPEATS] = { "repeats", WATCH_MEDIUM, DAY, {
	    { "share", WATCH_VALUE_SHARE, AT(repeats_share), 1, 100 * ONE, 3 * ONE } } },
	[WATCH_CRAWL] = { "crawl", WATCH_MEDIUM, DAY, {
	    { "share", WATCH_VALUE_SHARE, AT(crawl_share), 1, ONE, 5000 },
	    { "releases", WATCH_VALUE_NUMBER, AT(crawl_releases), 2, 1000000, 16 } } },
	[WATCH_DRIP] = { "drip", WATCH_MEDIUM, DAY, {
	    { "k", WATCH_VALUE_DECIMAL, AT(drip_k), 1, 10 * ONE, 250000 },
	    { "h", WATCH_VALUE_DECIMAL, AT(drip_h), 1, 1000 * ONE, 9 * ONE },
	    { "past", WATCH_VALUE_NUMBER, AT(drip_past), 8, 128, 24 },
	    { "usual", WATCH_VALUE_SHARE, AT(drip_usual), 0, ONE, 50 },
	    { "share", WATCH_VALUE_SHARE, AT(drip_share), 1, ONE, 4000 } } },
	[WATCH_SPIKE] = { "spike", WATCH_LOW, DAY, {
	    { "z", WATCH_VALUE_DECIMAL, AT(spike_z), ONE, 1000 * ONE, 6 * ONE },
	    { "hours", WATCH_VALUE_NUMBER, AT(spike_hours), 1, 24, 3 },
	    { "share", WATCH_VALUE_SHARE, AT(spike_share), 1, ONE, 4000 },
	    { "spread", WATCH_VALUE_SHARE, AT(drip_spread), 1, ONE, 100 } } },
	[WATCH_FORGETS] = { "forgets", WATCH_LOW, DAY, { { 0 } } },
	[WATCH_RULES] = { "memory", WATCH_INFO, 0, {
	    { "sessions", WATCH_VALUE_NUMBER, AT(max_sessions), 16, 1000000, 65536 },
	    { "principals", WATCH_VALUE_NUMBER, AT(max_principals), 16, 1000000, 8192 },
	    { "models", WATCH_VALUE_NUMBER, AT(max_models), 1024, 1000000, 8192 },
	    { "readings", WATCH_VALUE_NUMBER, AT(max_readings), 1024, 1000000, 16384 },
	    { "grants", WATCH_VALUE_NUMBER, AT(max_grants), 16, 1000000, 65536 } } },
};
/* clang-format on */

/* Where alerts are taken to: keys/deliver.h has it. */
#define OTHERS "deliver"

#define SECTIONS (sizeof(sections) / sizeof(sections[0]))

static const char *const severities[] = { "info", "low", "medium", "high" };

const char *
watch_rules_name(enum watch_rule_id id)
{
	assert((unsigned int)id < WATCH_RULES);
	return sections[id].name;
}

const char *
watch_rules_severity(enum watch_severity s)
{
	assert((unsigned int)s <= WATCH_HIGH);
	return severities[s];
}

static uint64_t *
place(struct watch_rules *r, const struct key *k)
{
	return (uint64_t *)(void *)((char *)r + k->at);
}

void
watch_rules_default(struct watch_rules *out)
{
	*out = (struct watch_rules){ 0 };
	for (size_t s = 0; s < SECTIONS; s++) {
		const struct section *is = &sections[s];

		if (s < WATCH_RULES) {
			out->rules[s].enabled = true;
			out->rules[s].severity = is->severity;
			out->rules[s].pause = is->pause;
		}
		for (size_t k = 0; k < KEYS_MAX; k++)
			if (is->keys[k].name != NULL)
				*place(out, &is->keys[k]) = is->keys[k].usual;
	}
}

/* ---- the text ---- */

static const struct key of_rule[] = {
	{ "enabled", WATCH_VALUE_YES_NO, 0, 0, 1, 1 },
	{ "severity", WATCH_VALUE_SEVERITY, 0, WATCH_INFO, WATCH_HIGH, 0 },
	{ "pause", WATCH_VALUE_TIME, 0, MINUTE, 30 * DAY, 0 },
};
#define OF_RULE (sizeof(of_rule) / sizeof(of_rule[0]))

struct parse {
	struct watch_rules rules;
	const struct why *why;
	unsigned int line;
	size_t section;		     /* SECTIONS: none yet */
	bool others;		     /* in a section of somebody else's */
	unsigned int seen[SECTIONS]; /* the line, 0: not yet */
	unsigned int key_seen[SECTIONS][KEYS_MAX + OF_RULE];
};

static int PRINTF_LIKE(2, 3) wrong(const struct parse *p, const char *fmt, ...)
{
	char text[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return why_say(p->why, ERR_FORMAT, "line %u: %s", p->line, text);
}

static const char *
shown(char buf[static 64], const char *text)
{
	return log_name(buf, 64, text, strlen(text));
}

static int
begin_section(struct parse *p, char *line)
{
	size_t n = strlen(line);
	char name[64];

	if (n < 3 || line[n - 1] != ']')
		return wrong(p, "a section is [NAME]");
	line[n - 1] = '\0';
	p->others = strcmp(line + 1, OTHERS) == 0;
	if (p->others)
		return 0;
	for (size_t s = 0; s < SECTIONS; s++) {
		if (strcmp(sections[s].name, line + 1) != 0)
			continue;
		if (p->seen[s] != 0)
			return wrong(p, "[%s] is there already, at line %u",
			    line + 1, p->seen[s]);
		p->seen[s] = p->line;
		p->section = s;
		return 0;
	}
	return wrong(p, "there is no rule '%s'", shown(name, line + 1));
}

static int
take(struct parse *p, size_t n, const struct key *k, const char *text,
    uint64_t *out)
{
	unsigned int *seen = &p->key_seen[p->section][n];
	char name[64], least[WATCH_VALUE_TEXT], most[WATCH_VALUE_TEXT];

	if (*seen != 0)
		return wrong(p, "%s is there already, at line %u", k->name,
		    *seen);
	*seen = p->line;
	if (!watch_value_parse(k->kind, text, out))
		return wrong(p, "%s is %s, and not '%s'", k->name,
		    watch_value_expected(k->kind), shown(name, text));
	if (*out >= k->least && *out <= k->most)
		return 0;
	watch_value_text(k->kind, k->least, least);
	watch_value_text(k->kind, k->most, most);
	return wrong(p, "%s is from %s to %s, and not %s", k->name, least, most,
	    shown(name, text));
}

static int
of_any_rule(struct parse *p, size_t n, const char *text)
{
	struct watch_rule *r = &p->rules.rules[p->section];
	uint64_t v = 0;
	int err = take(p, KEYS_MAX + n, &of_rule[n], text, &v);

	if (err != 0)
		return err;
	if (n == 0)
		r->enabled = v != 0;
	else if (n == 1)
		r->severity = (enum watch_severity)v;
	else
		r->pause = v;
	return 0;
}

static int
set(struct parse *p, const char *key, const char *text)
{
	const struct section *s = &sections[p->section];
	char name[64];

	for (size_t n = 0; n < OF_RULE && p->section < WATCH_RULES; n++)
		if (strcmp(of_rule[n].name, key) == 0)
			return of_any_rule(p, n, text);
	for (size_t n = 0; n < KEYS_MAX && s->keys[n].name != NULL; n++)
		if (strcmp(s->keys[n].name, key) == 0)
			return take(p, n, &s->keys[n], text,
			    place(&p->rules, &s->keys[n]));
	return wrong(p, "[%s] has no key '%s'", s->name, shown(name, key));
}

static char *
trimmed(char *s)
{
	size_t n;

	s += strspn(s, " \t");
	n = strlen(s);
	while (n > 0 && (s[n - 1] == ' ' || s[n - 1] == '\t'))
		n--;
	s[n] = '\0';
	return s;
}

static int
parse_line(struct parse *p, char *line)
{
	char *s = trimmed(line), *equals, *text;
	char name[64];

	if (*s == '\0' || *s == '#' || *s == ';')
		return 0;
	if (*s == '[')
		return begin_section(p, s);
	if (p->others)
		return 0;
	equals = strchr(s, '=');
	if (equals == NULL)
		return wrong(p, "neither [RULE] nor KEY = VALUE: '%s'",
		    shown(name, s));
	if (p->section == SECTIONS)
		return wrong(p, "a key before the first [RULE]");
	*equals = '\0';
	text = trimmed(equals + 1);
	return set(p, trimmed(s), text);
}

/* ---- what could never be ---- */

/* The line to blame: that of the key, else of its section. */
static int PRINTF_LIKE(4, 5) never(struct parse *p, enum watch_rule_id rule,
    size_t key, const char *fmt, ...)
{
	char text[200];
	va_list args;

	p->line = p->key_seen[rule][key];
	if (p->line == 0)
		p->line = p->seen[rule];
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return wrong(p, "%s", text);
}

static int
check_possible(struct parse *p)
{
	const struct watch_rules *r = &p->rules;
	const struct section *burst = &sections[WATCH_BURST];

	for (size_t w = 1; w < WATCH_WINDOWS; w++)
		if (r->burst[w] < r->burst[w - 1])
			return never(p, WATCH_BURST,
			    p->key_seen[WATCH_BURST][w] != 0 ? w : w - 1,
			    "%s is above %s, and could never be met before it",
			    burst->keys[w - 1].name, burst->keys[w].name);
	if (r->pool_near > r->pool_narrow)
		return never(p,
		    p->seen[WATCH_POOL_NEAR] != 0 ? WATCH_POOL_NEAR :
						    WATCH_POOL_NARROW,
		    0,
		    "pool-near is above pool-narrow, and could never be met "
		    "before it");
	if (r->max_principals > r->max_readings)
		return never(p, WATCH_RULES, 3,
		    "readings are of principals, and fewer than those");
	return 0;
}

static int
parse_all(struct parse *p, const char *text, size_t n)
{
	const char *end = text + n;

	for (const char *at = text; at < end;) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		size_t length = (size_t)((stop != NULL ? stop : end) - at);
		char line[LINE_MAX_BYTES + 1];
		int err;

		p->line++;
		if (length > 0 && at[length - 1] == '\r')
			length--;
		if (length > LINE_MAX_BYTES)
			return wrong(p, "it has more than %d bytes",
			    LINE_MAX_BYTES);
		if (memchr(at, '\0', length) != NULL)
			return wrong(p, "it has a NUL in it");
		memcpy(line, at, length);
		line[length] = '\0';
		if ((err = parse_line(p, line)) != 0)
			return err;
		at = stop != NULL ? stop + 1 : end;
	}
	return check_possible(p);
}

int
watch_rules_parse(struct watch_rules *out, const char *text, size_t n,
    const struct why *why)
{
	struct parse p = { .why = why, .section = SECTIONS };
	int err;

	if (n > WATCH_RULES_TEXT_MAX)
		return why_say(why, ERR_LIMIT, "rules of more than %u bytes",
		    WATCH_RULES_TEXT_MAX);
	watch_rules_default(&p.rules);
	err = parse_all(&p, text, n);
	if (err == 0)
		*out = p.rules;
	return err;
}

static void
print(struct writer *w, const char *key, enum watch_value kind, uint64_t n)
{
	char text[WATCH_VALUE_TEXT], line[80];
	int length;

	watch_value_text(kind, n, text);
	length = snprintf(line, sizeof(line), "%s = %s\n", key, text);
	writer_bytes(w, line, (size_t)length);
}

char *
watch_rules_text(const struct watch_rules *r)
{
	struct writer w = writer_of(WATCH_RULES_TEXT_MAX);
	size_t n;

	for (size_t s = 0; s < SECTIONS; s++) {
		const struct section *is = &sections[s];
		char head[64];

		writer_bytes(&w, head,
		    (size_t)snprintf(head, sizeof(head), "%s[%s]\n",
			s > 0 ? "\n" : "", is->name));
		if (s < WATCH_RULES) {
			print(&w, "enabled", WATCH_VALUE_YES_NO,
			    r->rules[s].enabled);
			print(&w, "severity", WATCH_VALUE_SEVERITY,
			    r->rules[s].severity);
			print(&w, "pause", WATCH_VALUE_TIME, r->rules[s].pause);
		}
		for (size_t k = 0; k < KEYS_MAX && is->keys[k].name != NULL;
		     k++)
			print(&w, is->keys[k].name, is->keys[k].kind,
			    *(const uint64_t *)(const void *)((const char *)r +
				is->keys[k].at));
	}
	writer_u8(&w, 0);
	if (!writer_ok(&w)) {
		writer_free(&w);
		return NULL;
	}
	return (char *)writer_take(&w, &n);
}
