/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/ocsf_parts.h"
#include "cli/talk.h"
#include "keys/watch_rules.h"

/* Detection Finding: alerts, and what became of them. */

enum { CREATE = 1, UPDATE = 2, CLOSE = 3 };
enum { NEW = 1, IN_PROGRESS = 2, RESOLVED = 4 };

static const struct ocsf_class class = { 2004, "Detection Finding", 2,
	"Findings" };

/* Facts are rules; the rest are statistics. */
static bool
is_fact(const char *rule)
{
	for (int id = 0; id < WATCH_BROWSE_HALF; id++)
		if (strcmp(watch_rules_name((enum watch_rule_id)id), rule) == 0)
			return true;
	return false;
}

static int
severity_of(const json_t *alert)
{
	static const char *const words[] = { "info", "low", "medium", "high" };
	const char *word = talk_text(alert, "severity");

	for (int i = 0; i < 4; i++)
		if (strcmp(words[i], word) == 0)
			return i + 1;
	return 0;
}

static int
take_time(void *arg, uint64_t index, const uint8_t *bytes, size_t n)
{
	int64_t *time_ms = arg;
	struct entry_view v;

	(void)index;
	if (entry_parse(&v, bytes, n) != 0)
		return 0;
	*time_ms = v.time_ms;
	entry_view_clear(&v);
	return 0;
}

/* Of an entry that it rests on; fallback where there is none. */
static int64_t
time_of(const struct ocsf *o, const json_t *index, int64_t fallback)
{
	int64_t time_ms = fallback;
	uint64_t n = (uint64_t)json_integer_value(index);

	if (!json_is_integer(index) ||
	    trail_reader_each(o->how.past, n, n + 1, take_time, &time_ms) != 0)
		return fallback;
	return time_ms;
}

static void
set_related(struct ocsf_event *e, json_t *info, const json_t *entries)
{
	json_t *list = ocsf_list(e, info, "related_events");
	const json_t *n;
	char uid[OCSF_UID];
	size_t i;

	json_array_foreach(entries, i, n) {
		ocsf_uid(e->o, (uint64_t)json_integer_value(n), uid,
		    sizeof(uid));
		ocsf_text(e, ocsf_item(e, list), "uid", uid);
	}
	ocsf_number(e, info, "related_events_count",
	    (int64_t)json_array_size(entries));
}

static void
set_info(struct ocsf_event *e, const struct ocsf_alert *a)
{
	const json_t *entries = json_object_get(a->entry, "entries");
	const char *rule = talk_text(a->entry, "rule");
	json_t *info = ocsf_object(e, e->j, "finding_info"), *analytic;
	json_t *sources;
	char uid[OCSF_UID];

	snprintf(uid, sizeof(uid), "%s:alert:%" PRIu64, e->o->how.vault, a->id);
	ocsf_text(e, info, "uid", uid);
	ocsf_text(e, info, "title", rule);
	ocsf_text(e, info, "desc", talk_text(a->entry, "reason"));
	ocsf_number(e, info, "created_time", a->time_ms);
	ocsf_number(e, info, "first_seen_time",
	    time_of(e->o, json_array_get(entries, 0), a->time_ms));
	ocsf_number(e, info, "last_seen_time",
	    time_of(e->o, json_array_get(entries, json_array_size(entries) - 1),
		a->time_ms));
	analytic = ocsf_object(e, info, "analytic");
	ocsf_text(e, analytic, "name", rule);
	ocsf_text(e, analytic, "uid", rule);
	ocsf_number(e, analytic, "type_id", is_fact(rule) ? 1 : 3);
	ocsf_text(e, analytic, "type", is_fact(rule) ? "Rule" : "Statistical");
	set_related(e, info, entries);
	sources = ocsf_list(e, info, "data_sources");
	if (json_array_append_new(sources, json_string(e->o->how.origin)) != 0)
		e->bad = true;
}

static void
set_evidence(struct ocsf_event *e, const json_t *alert)
{
	json_t *one = ocsf_item(e, ocsf_list(e, e->j, "evidences")), *actor;
	const char *who = talk_text(alert, "principal");
	json_t *data = ocsf_object(e, one, "data");
	char session[24];

	ocsf_set(e, data, "score",
	    json_real((double)talk_number(alert, "score") / 1000));
	if (who[0] == '\0')
		return;
	actor = ocsf_object(e, one, "actor");
	ocsf_text(e, ocsf_object(e, actor, "user"), "name", who);
	if (talk_number(alert, "session") == 0)
		return;
	snprintf(session, sizeof(session), "%" PRIu64,
	    talk_number(alert, "session"));
	ocsf_text(e, ocsf_object(e, actor, "session"), "uid", session);
}

static void
set_resource(struct ocsf_event *e, const json_t *alert)
{
	json_t *one;

	if (talk_text(alert, "model")[0] == '\0')
		return;
	one = ocsf_item(e, ocsf_list(e, e->j, "resources"));
	ocsf_text(e, one, "name", talk_text(alert, "model"));
	ocsf_text(e, one, "type", "model");
	ocsf_text(e, one, "uid", talk_text(alert, "version"));
	ocsf_text(e, one, "version", talk_text(alert, "version"));
}

/* What a reviewer said: benign and real are answers, unclear is not. */
static void
set_state(struct ocsf_event *e)
{
	const char *word = ocsf_word(e, "disposition");
	bool open = e->e->v->kind == ENTRY_ALERT, closed;

	closed = strcmp(word, "benign") == 0;
	ocsf_number(e, e->j, "status_id",
	    open       ? NEW :
		closed ? RESOLVED :
			 IN_PROGRESS);
	ocsf_text(e, e->j, "status",
	    open       ? "New" :
		closed ? "Resolved" :
			 "In Progress");
	if (open)
		return;
	/* Verdict: 1 false positive, 2 true positive, 0 unknown. */
	ocsf_number(e, e->j, "verdict_id",
	    closed			  ? 1 :
		strcmp(word, "real") == 0 ? 2 :
					    0);
	ocsf_text(e, e->j, "comment", ocsf_word(e, "note"));
}

static void
begin(struct ocsf_event *e, const json_t *alert)
{
	bool open = e->e->v->kind == ENTRY_ALERT;
	bool closed = strcmp(ocsf_word(e, "disposition"), "benign") == 0;
	int severity = severity_of(alert);

	if (open)
		ocsf_begin(e, &class, CREATE, "Create", severity);
	else
		ocsf_begin(e, &class, closed ? CLOSE : UPDATE,
		    closed ? "Close" : "Update", severity);
}

int
ocsf_finding_tell(struct ocsf *o, const struct ocsf_entry *entry,
    ocsf_emit *emit, void *arg)
{
	struct ocsf_event e = { .o = o, .e = entry };
	const struct ocsf_alert *a;
	bool fact;

	if (entry->v->kind != ENTRY_ALERT && entry->v->kind != ENTRY_ALERT_ACK)
		return 0;
	a = ocsf_alert_of(o, entry->v);
	if (a == NULL)
		return 0;
	fact = is_fact(talk_text(a->entry, "rule"));
	begin(&e, a->entry);
	set_info(&e, a);
	set_state(&e);
	ocsf_number(&e, e.j, "confidence_id", fact ? 3 : 2);
	ocsf_text(&e, e.j, "confidence", fact ? "High" : "Medium");
	ocsf_set(&e, e.j, "is_alert", json_true());
	set_evidence(&e, a->entry);
	set_resource(&e, a->entry);
	if (talk_text(a->entry, "advice")[0] != '\0')
		ocsf_text(&e, ocsf_object(&e, e.j, "remediation"), "desc",
		    talk_text(a->entry, "advice"));
	return ocsf_end(&e, emit, arg);
}
