/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdlib.h>

#include "keys/catalogue_tables.h"
#include "vault/err.h"

static const char *
text(const struct entry_view *e, const char *key)
{
	const char *s = entry_view_text(e, key);

	return s != NULL ? s : "";
}

static int
apply_alert(struct catalogue *c, const struct entry_view *e, uint64_t id)
{
	const json_t *entries = json_object_get(e->json, "entries");
	OWNED_MEM(char) list = NULL;
	enum watch_severity severity;
	uint64_t score, session;

	if (entry_view_text(e, "rule") == NULL ||
	    alert_severity_parse(&severity, text(e, "severity")) != 0 ||
	    entry_view_number(e, "score", &score) != 0 ||
	    !json_is_array(entries))
		return ERR_FORMAT;
	if (entry_view_number(e, "session", &session) != 0)
		session = 0;
	list = json_dumps(entries, JSON_COMPACT);
	if (list == NULL)
		return ERR_NOMEM;
	if (id > c->last[CATALOGUE_ALERT])
		c->last[CATALOGUE_ALERT] = id;
	return sql_run(c->sql, ALERT_ADD,
	    SQL_BIND(SQL_NUMBER(id), SQL_NUMBER(c->applied),
		SQL_NUMBER(e->time_ms), SQL_TEXT(text(e, "rule")),
		SQL_NUMBER(severity), SQL_NUMBER(score),
		SQL_TEXT(text(e, "principal")), SQL_TEXT(text(e, "model")),
		SQL_TEXT(text(e, "version")), SQL_NUMBER(session),
		SQL_TEXT(text(e, "reason")), SQL_TEXT(text(e, "advice")),
		SQL_TEXT(list)));
}

static int
apply_ack(struct catalogue *c, const struct entry_view *e, uint64_t id)
{
	enum alert_disposition d;

	if (alert_disposition_parse(&d, text(e, "disposition")) != 0)
		return ERR_FORMAT;
	return sql_run(c->sql, ALERT_ACK,
	    SQL_BIND(SQL_NUMBER(d), SQL_NUMBER(e->time_ms), SQL_TEXT(e->by),
		SQL_TEXT(text(e, "note")), SQL_NUMBER(id)));
}

int
catalogue_alert_apply(struct catalogue *c, const struct entry_view *e)
{
	uint64_t id;

	if (entry_view_number(e, "alert", &id) != 0 || id == 0)
		return ERR_FORMAT;
	return e->kind == ENTRY_ALERT ? apply_alert(c, e, id) :
					apply_ack(c, e, id);
}

static struct catalogue_alert
read_alert(const struct sql_query *q)
{
	return (struct catalogue_alert){
		.id = sql_count(q, 0),
		.entry = sql_count(q, 1),
		.raised_ms = sql_number(q, 2),
		.rule = sql_text(q, 3),
		.severity = (enum watch_severity)sql_number(q, 4),
		.score = sql_count(q, 5),
		.principal = sql_text(q, 6),
		.model = sql_text(q, 7),
		.version = sql_text(q, 8),
		.session = sql_count(q, 9),
		.reason = sql_text(q, 10),
		.advice = sql_text(q, 11),
		.entries = sql_text(q, 12),
		.disposition = (enum alert_disposition)sql_number(q, 13),
		.acked_ms = sql_number(q, 14),
		.acked_by = sql_text(q, 15),
		.note = sql_text(q, 16),
	};
}

int
catalogue_alert_each(struct catalogue *c, const struct catalogue_alerts *w,
    int (*each)(void *arg, const struct catalogue_alert *a), void *arg)
{
	OWNED_QUERY q = { 0 };
	int err = sql_begin(&q, c->sql, ALERT_EACH,
	    SQL_BIND(SQL_NUMBER(w->after),
		SQL_TEXT(w->model != NULL ? w->model : ""), SQL_NUMBER(w->id),
		SQL_NUMBER(w->acked)));

	if (err != 0)
		return err;
	while ((err = sql_next(&q)) == 0) {
		const struct catalogue_alert a = read_alert(&q);

		err = each(arg, &a);
		if (err != 0)
			return err;
	}
	return err == ERR_NOT_FOUND ? 0 : err;
}

int
catalogue_alert_count(struct catalogue *c, uint64_t *count)
{
	OWNED_QUERY q = { 0 };
	int err = sql_begin(&q, c->sql, ALERT_COUNT, SQL_NONE);

	if (err == 0)
		err = sql_next(&q);
	if (err == 0)
		*count = sql_count(&q, 0);
	return err;
}

/* --- as others see it --- */

/* value is taken over; NULL is out of memory. */
static int
set(json_t *j, const char *key, json_t *value)
{
	return json_object_set_new(j, key, value) == 0 ? 0 : ERR_NOMEM;
}

static int
set_text(json_t *j, const char *key, const char *text)
{
	return text[0] == '\0' ? 0 : set(j, key, json_string(text));
}

static int
describe_ack(json_t *j, const struct catalogue_alert *a)
{
	char acked[ENTRY_TIME_SIZE];
	json_t *ack;

	if (a->disposition == ALERT_NEW)
		return 0;
	ack = json_pack("{s:s, s:s, s:s}", "disposition",
	    alert_disposition_name(a->disposition), "by", a->acked_by, "time",
	    entry_time_text(a->acked_ms, acked));
	if (ack == NULL || set_text(ack, "note", a->note) != 0) {
		json_decref(ack);
		return ERR_NOMEM;
	}
	return set(j, "ack", ack);
}

static int
describe_subject(json_t *j, const struct catalogue_alert *a)
{
	int err = set_text(j, "principal", a->principal);

	if (err == 0)
		err = set_text(j, "model", a->model);
	if (err == 0)
		err = set_text(j, "version", a->version);
	if (err == 0 && a->session != 0)
		err = set(j, "session", json_integer((json_int_t)a->session));
	return err;
}

void *
catalogue_alert_json(const struct catalogue_alert *a)
{
	char raised[ENTRY_TIME_SIZE];
	json_t *j = json_pack("{s:I, s:I, s:s, s:s, s:s, s:f, s:s, s:o}",
	    "alert", (json_int_t)a->id, "entry", (json_int_t)a->entry, "time",
	    entry_time_text(a->raised_ms, raised), "rule", a->rule, "severity",
	    alert_severity_name(a->severity), "score", (double)a->score / 1000,
	    "reason", a->reason, "entries", json_loads(a->entries, 0, NULL));

	if (j == NULL || describe_subject(j, a) != 0 ||
	    set_text(j, "advice", a->advice) != 0 || describe_ack(j, a) != 0) {
		json_decref(j);
		return NULL;
	}
	return j;
}
