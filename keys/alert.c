/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/alert.h"

#include <stdio.h>
#include <string.h>

#include "vault/err.h"

#define SCORE_MAX 1e12 /* thousandths */

static const char *const severities[] = {
	[WATCH_INFO] = "info",
	[WATCH_LOW] = "low",
	[WATCH_MEDIUM] = "medium",
	[WATCH_HIGH] = "high",
};
#define SEVERITIES (sizeof(severities) / sizeof(severities[0]))

static const char *const dispositions[] = {
	[ALERT_NEW] = "new",
	[ALERT_BENIGN] = "benign",
	[ALERT_REAL] = "real",
	[ALERT_UNCLEAR] = "unclear",
};
#define DISPOSITIONS (sizeof(dispositions) / sizeof(dispositions[0]))

const char *
alert_severity_name(enum watch_severity s)
{
	return severities[s];
}

int
alert_severity_parse(enum watch_severity *out, const char *name)
{
	for (size_t i = 0; i < SEVERITIES; i++)
		if (strcmp(severities[i], name) == 0) {
			*out = (enum watch_severity)i;
			return 0;
		}
	return ERR_FORMAT;
}

const char *
alert_disposition_name(enum alert_disposition d)
{
	return dispositions[d];
}

int
alert_disposition_parse(enum alert_disposition *out, const char *name)
{
	for (size_t i = ALERT_BENIGN; i < DISPOSITIONS; i++)
		if (strcmp(dispositions[i], name) == 0) {
			*out = (enum alert_disposition)i;
			return 0;
		}
	return ERR_FORMAT;
}

/* Entries have whole numbers only. */
static uint64_t
thousandths(double score)
{
	double n = score * 1000;

	if (!(n > 0)) /* and what is no number */
		return 0;
	return n < SCORE_MAX ? (uint64_t)(n + 0.5) : (uint64_t)SCORE_MAX;
}

/* What is longer is cut: an alert is recorded in any case. */
static void
short_text(struct entry *e, const char *key, const char *text)
{
	char cut[ALERT_TEXT_MAX];

	if (text == NULL || text[0] == '\0')
		return;
	snprintf(cut, sizeof(cut), "%s", text);
	entry_text(e, key, cut);
}

void
alert_write(struct entry *e, uint64_t number, const struct watch_alert *a)
{
	entry_number(e, "alert", number);
	entry_text(e, "rule", a->rule);
	entry_text(e, "severity", alert_severity_name(a->severity));
	entry_number(e, "score", thousandths(a->score));
	short_text(e, "principal", a->principal);
	short_text(e, "model", a->model);
	if (a->version != NULL)
		entry_digest(e, "version", a->version);
	if (a->session != 0)
		entry_number(e, "session", a->session);
	entry_text(e, "reason", a->reason);
	entry_text(e, "advice", a->advice[0] != '\0' ? a->advice : NULL);
	entry_open_list(e, "entries");
	for (size_t i = 0; i < a->entry_count && i < WATCH_ENTRIES; i++)
		entry_number(e, NULL, a->entries[i]);
	entry_close(e);
}
