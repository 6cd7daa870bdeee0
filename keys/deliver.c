/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/deliver.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys/alert.h"
#include "vault/err.h"
#include "vault/log.h"

#define LINE_BYTES 4096
#define HEADING "[deliver]"
#define KEYS 7
#define TIMEOUT_MAX 300
#define KEEP_MAX 10000

struct parse {
	struct deliver d;
	const struct why *why;
	unsigned int line;
	bool here;	   /* in the section */
	unsigned int seen; /* its line; 0: not yet */
	unsigned int key_seen[KEYS];
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

/* --- values --- */

static int
take_path(struct parse *p, const char *key, const char *text, char *out)
{
	if (text[0] != '/')
		return wrong(p, "%s is the whole path of a file: /...", key);
	if (strlen(text) >= PATH_MAX)
		return wrong(p, "%s is longer than a path may be", key);
	snprintf(out, PATH_MAX, "%s", text);
	return 0;
}

/* Where plain HTTP does not leave this host. */
static bool
is_local(const char *text)
{
	static const char *const hosts[] = { "http://127.0.0.1", "http://[::1]",
		"http://localhost" };

	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		size_t n = strlen(hosts[i]);

		if (strncmp(text, hosts[i], n) == 0 &&
		    strchr(":/?", text[n]) != NULL)
			return true;
	}
	return false;
}

static int
take_url(struct parse *p, const char *text)
{
	if (strlen(text) > DELIVER_URL_MAX)
		return wrong(p, "webhook has more than %d bytes",
		    DELIVER_URL_MAX);
	for (const char *s = text; *s != '\0'; s++)
		if ((unsigned char)*s <= ' ' || (unsigned char)*s >= 0x7f)
			return wrong(p, "webhook is no URL");
	/* A user before an @ would make another host of it. */
	if (strchr(text, '@') != NULL)
		return wrong(p, "webhook has no user in it, and no @");
	if (!(strncmp(text, "https://", 8) == 0 && text[8] != '\0') &&
	    !is_local(text))
		return wrong(p,
		    "webhook is https://..., or http:// of this host alone");
	snprintf(p->d.webhook, sizeof(p->d.webhook), "%s", text);
	return 0;
}

static int
take_number(struct parse *p, const char *key, const char *text, uint32_t most,
    uint32_t *out)
{
	char name[64], *end;
	unsigned long n;

	n = text[0] >= '0' && text[0] <= '9' ? strtoul(text, &end, 10) : 0;
	if (n == 0 || n > most || *end != '\0')
		return wrong(p, "%s is a number from 1 to %u, and not '%s'",
		    key, most, shown(name, text));
	*out = (uint32_t)n;
	return 0;
}

/* "10s" or "10". */
static int
take_seconds(struct parse *p, const char *key, const char *text, uint32_t *out)
{
	char number[16];
	size_t n = strlen(text);

	if (n > 1 && n < sizeof(number) && text[n - 1] == 's') {
		memcpy(number, text, n - 1);
		number[n - 1] = '\0';
		text = number;
	}
	return take_number(p, key, text, TIMEOUT_MAX, out);
}

static int
take_severity(struct parse *p, const char *text)
{
	char name[64];

	if (alert_severity_parse(&p->d.severity, text) != 0)
		return wrong(p,
		    "severity is info, low, medium or high, and not '%s'",
		    shown(name, text));
	return 0;
}

static const char *const keys[KEYS] = { "hook", "hook-timeout", "webhook",
	"webhook-ca", "webhook-timeout", "keep", "severity" };

static int
take(struct parse *p, size_t key, const char *text)
{
	switch (key) {
	case 0:
		return take_path(p, keys[0], text, p->d.hook);
	case 1:
		return take_seconds(p, keys[1], text, &p->d.hook_timeout);
	case 2:
		return take_url(p, text);
	case 3:
		return take_path(p, keys[3], text, p->d.webhook_ca);
	case 4:
		return take_seconds(p, keys[4], text, &p->d.webhook_timeout);
	case 5:
		return take_number(p, keys[5], text, KEEP_MAX, &p->d.keep);
	}
	return take_severity(p, text);
}

/* --- lines --- */

static char *
trimmed(char *s)
{
	size_t n;

	s += strspn(s, " \t");
	n = strlen(s);
	while (n > 0 && strchr(" \t\r", s[n - 1]) != NULL)
		n--;
	s[n] = '\0';
	return s;
}

static int
take_key(struct parse *p, char *line)
{
	char *equals = strchr(line, '=');
	char name[64];

	if (equals == NULL)
		return wrong(p, "neither [SECTION] nor KEY = VALUE: '%s'",
		    shown(name, line));
	*equals = '\0';
	line = trimmed(line);
	for (size_t i = 0; i < KEYS; i++) {
		if (strcmp(keys[i], line) != 0)
			continue;
		if (p->key_seen[i] != 0)
			return wrong(p, "%s is there already, at line %u", line,
			    p->key_seen[i]);
		p->key_seen[i] = p->line;
		return take(p, i, trimmed(equals + 1));
	}
	return wrong(p, HEADING " has no key '%s'", shown(name, line));
}

static int
take_line(struct parse *p, char *line)
{
	char *s = trimmed(line);

	if (*s == '\0' || *s == '#' || *s == ';')
		return 0;
	if (*s != '[')
		return p->here ? take_key(p, s) : 0;
	p->here = strcmp(s, HEADING) == 0;
	if (p->here && p->seen != 0)
		return wrong(p, HEADING " is there already, at line %u",
		    p->seen);
	if (p->here)
		p->seen = p->line;
	return 0;
}

void
deliver_default(struct deliver *out)
{
	*out = (struct deliver){
		.hook_timeout = 10,
		.webhook_timeout = 10,
		.keep = 1000,
		.severity = WATCH_INFO,
	};
}

int
deliver_parse(struct deliver *out, const char *text, size_t n,
    const struct why *why)
{
	struct parse p = { .why = why };
	const char *at = text, *end = text + n;

	deliver_default(&p.d);
	while (at < end) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		size_t length = (size_t)((stop != NULL ? stop : end) - at);
		char line[LINE_BYTES + 1];
		int err;

		p.line++;
		if (length > LINE_BYTES || memchr(at, '\0', length) != NULL)
			return wrong(&p, "it is no line of text");
		memcpy(line, at, length);
		line[length] = '\0';
		err = take_line(&p, line);
		if (err != 0)
			return err;
		at = stop != NULL ? stop + 1 : end;
	}
	*out = p.d;
	return 0;
}
