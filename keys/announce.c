/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/announce.h"

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <ctype.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syslog.h>
#include <systemd/sd-journal.h>

#include "keys/alert.h"
#include "vault/err.h"

#define ID_FAILED "7a1f2f2bd39b4f0a8ac2e1a7d56d9cf3"
#define ID_DISTRUST "284bdfefa6104439ba2000057d7937ff"
#define ID_CHANGED "4c28b617ae244f96951159e32891bf65"
#define ID_WATCHFILE "86f1d3d19ccc4a7b92526cb722d59579"
#define FIELDS_MAX 32

struct kind {
	const char *id;
	int priority;
};

/* Kinds without an id come with every read or put. */
static const struct kind kinds[ENTRY_KINDS] = {
	[ENTRY_KEYD_START] = { "562533f7d65940b9951ab8492c480d12", LOG_INFO },
	[ENTRY_KEYD_STOP] = { "b76fb58717a44043a57af7c3fa313c83", LOG_INFO },
	[ENTRY_ROLE_ADD] = { "5c4844280b6146cfa5f3c7a0fd68ddd1", LOG_NOTICE },
	[ENTRY_ROLE_RM] = { "8d0604df1b0649f2bb0b2eea50f6d7df", LOG_NOTICE },
	[ENTRY_GRANT_ADD] = { "e2dbd8f2466e4853a4feffe93e238929", LOG_NOTICE },
	[ENTRY_GRANT_RM] = { "4801cd34a4ca4863a4e311ae62be8a90", LOG_NOTICE },
	[ENTRY_PUT] = { "7fd0b6a4fb6a42d3946d26dc549380c7", LOG_INFO },
	[ENTRY_SESSION_OPEN] = { "995fb6e1e4cb4c5a94abaec719796dad", LOG_INFO },
	[ENTRY_SESSION_REFUSED] = { "c579644fa2f446d7b6a34529789d5164",
	    LOG_WARNING },
	[ENTRY_SESSION_RESUME] = { "13b4056d41984a57820b55763231fa83",
	    LOG_INFO },
	[ENTRY_SESSION_EXE] = { "283b0e57a1194b6ea3406dde68104030", LOG_INFO },
	[ENTRY_FAULT] = { "3a311840e4f74408951ba1dcb2d6141e", LOG_ERR },
	[ENTRY_SESSION_CLOSE] = { "a40214995ff74442bcef1a7022d12974",
	    LOG_INFO },
	[ENTRY_REFUSED] = { "b529567b2a414eddbef178adae4d232b", LOG_WARNING },
	[ENTRY_ALERT] = { "3b96b4dd4fc940faa959bf2aa9882773", LOG_WARNING },
	[ENTRY_ALERT_ACK] = { "121df623eef0450e9d79b0f0d03b1544", LOG_NOTICE },
	[ENTRY_CONFIG] = { "abcea901fa12dd266c2aa21cddd2efa4", LOG_NOTICE },
	[ENTRY_CHECK] = { "5cbb52e8921647b08a6eedbd7b78f751", LOG_NOTICE },
};

/* The fields of one message: each a string from malloc. */
struct fields {
	struct iovec list[FIELDS_MAX];
	int count;
};

static void
fields_free(struct fields *f)
{
	for (int i = 0; i < f->count; i++)
		free(f->list[i].iov_base);
}

static void PRINTF_LIKE(2, 3) add(struct fields *f, const char *fmt, ...)
{
	va_list args;
	char *text;
	int n;

	if (f->count == FIELDS_MAX)
		return;
	va_start(args, fmt);
	n = vasprintf(&text, fmt, args);
	va_end(args);
	if (n >= 0)
		f->list[f->count++] = (struct iovec){ text, (size_t)n };
}

/* WEIR_SESSION=3 of "session":3; what has parts is in the trail. */
static void
add_value(struct fields *f, const char *key, const json_t *value)
{
	char name[32];
	size_t n = 0;

	for (; key[n] != '\0' && n < sizeof(name) - 1; n++)
		name[n] = (char)toupper((unsigned char)key[n]);
	name[n] = '\0';
	if (json_is_string(value))
		add(f, "WEIR_%s=%s", name, json_string_value(value));
	else if (json_is_integer(value))
		add(f, "WEIR_%s=%" JSON_INTEGER_FORMAT, name,
		    json_integer_value(value));
	else if (json_is_boolean(value))
		add(f, "WEIR_%s=%d", name, json_is_true(value));
}

/* "alert 3 (browse-half, high): why"; the priority follows the severity. */
static void
add_alert(struct fields *f, const struct entry_view *e, const char *reason)
{
	static const int priorities[] = {
		[WATCH_INFO] = LOG_INFO,
		[WATCH_LOW] = LOG_NOTICE,
		[WATCH_MEDIUM] = LOG_WARNING,
		[WATCH_HIGH] = LOG_ALERT,
	};
	const char *rule = entry_view_text(e, "rule");
	const char *word = entry_view_text(e, "severity");
	enum watch_severity severity = WATCH_HIGH;
	uint64_t number = 0;

	if (entry_view_number(e, "alert", &number) != 0 || word == NULL ||
	    alert_severity_parse(&severity, word) != 0)
		severity = WATCH_HIGH;
	add(f, "MESSAGE=alert %" PRIu64 " (%s, %s): %s", number,
	    rule != NULL ? rule : "", alert_severity_name(severity),
	    reason != NULL ? reason : "");
	add(f, "PRIORITY=%d", priorities[severity]);
}

void
announce_entry(const char *vault, uint64_t index, const struct entry_view *e)
{
	__attribute__((cleanup(fields_free))) struct fields f = { 0 };
	const struct kind *k = &kinds[e->kind];
	const char *reason = entry_view_text(e, "reason");
	const json_t *value;
	const char *key;

	if (k->id == NULL)
		return;
	if (e->kind == ENTRY_ALERT)
		add_alert(&f, e, reason);
	else
		add(&f, "MESSAGE=%s by %s%s%s", entry_kind_name(e->kind), e->by,
		    reason != NULL ? ": " : "", reason != NULL ? reason : "");
	add(&f, "MESSAGE_ID=%s", k->id);
	if (e->kind != ENTRY_ALERT)
		add(&f, "PRIORITY=%d", k->priority);
	add(&f, "WEIR_VAULT=%s", vault);
	add(&f, "WEIR_INDEX=%" PRIu64, index);
	json_object_foreach((json_t *)e->json, key, value)
		if (strcmp(key, "v") != 0)
			add_value(&f, key, value);
	sd_journal_sendv(f.list, f.count);
}

void
announce_watchfile(const char *vault, const char *state)
{
	sd_journal_send("MESSAGE=watch.ini is %s", state,
	    "MESSAGE_ID=" ID_WATCHFILE, "PRIORITY=%d", LOG_ERR, "WEIR_VAULT=%s",
	    vault, NULL);
}

void
announce_failed(const char *vault, int err)
{
	bool changed = err == ERR_INTEGRITY;

	sd_journal_send("MESSAGE=weir-keyd stops: %s",
	    changed ? "the vault's files were changed" : err_text(err),
	    "MESSAGE_ID=%s", changed ? ID_CHANGED : ID_FAILED, "PRIORITY=%d",
	    changed ? LOG_ALERT : LOG_CRIT, "WEIR_VAULT=%s", vault,
	    "WEIR_ERROR=%s", err_text(err), NULL);
}

void
announce_distrust(const char *vault, const char *reference, const char *reason)
{
	sd_journal_send("MESSAGE=%s is refused: %s",
	    reference[0] != '\0' ? reference : "the vault", reason,
	    "MESSAGE_ID=" ID_DISTRUST, "PRIORITY=%d", LOG_CRIT, "WEIR_VAULT=%s",
	    vault, "WEIR_REFERENCE=%s", reference, "WEIR_REASON=%s", reason,
	    NULL);
}

void
announce_line(void *unused, const char *line)
{
	(void)unused;
	sd_journal_send("MESSAGE=%s", line, "PRIORITY=%d", LOG_WARNING, NULL);
}
