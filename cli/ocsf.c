/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/ocsf.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/ocsf_parts.h"
#include "cli/talk.h"
#include "vault/err.h"
#include "vault/tlog.h"

#ifndef WEIR_VERSION
#define WEIR_VERSION "0.1"
#endif

int
ocsf_new(struct ocsf **out, const struct ocsf_how *how)
{
	struct ocsf *o = calloc(1, sizeof(*o));

	if (o == NULL)
		return ERR_NOMEM;
	o->how = *how;
	*out = o;
	return 0;
}

void
ocsf_free(struct ocsf *o)
{
	struct ocsf_session *s, *next;
	struct ocsf_alert *a, *after;

	if (o == NULL)
		return;
	HASH_ITER(hh, o->sessions, s, next) {
		HASH_DEL(o->sessions, s);
		json_decref(s->open);
		free(s);
	}
	HASH_ITER(hh, o->alerts, a, after) {
		HASH_DEL(o->alerts, a);
		json_decref(a->entry);
		free(a);
	}
	free(o);
}

static struct ocsf_session *
find_session(const struct ocsf *o, const json_t *entry)
{
	uint64_t id = talk_number(entry, "session");
	struct ocsf_session *s;

	HASH_FIND(hh, o->sessions, &id, sizeof(id), s);
	return s;
}

const struct ocsf_alert *
ocsf_alert_of(const struct ocsf *o, const struct entry_view *v)
{
	uint64_t id = talk_number(v->json, "alert");
	const struct ocsf_alert *a;

	HASH_FIND(hh, o->alerts, &id, sizeof(id), a);
	return a;
}

static int
learn_session(struct ocsf *o, const struct entry_view *v)
{
	struct ocsf_session *s;

	if (find_session(o, v->json) != NULL)
		return 0;
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return ERR_NOMEM;
	s->id = talk_number(v->json, "session");
	s->open = json_incref(v->json);
	HASH_ADD(hh, o->sessions, id, sizeof(s->id), s);
	return 0;
}

static int
learn_alert(struct ocsf *o, const struct entry_view *v)
{
	struct ocsf_alert *a;

	if (ocsf_alert_of(o, v) != NULL)
		return 0;
	a = calloc(1, sizeof(*a));
	if (a == NULL)
		return ERR_NOMEM;
	a->id = talk_number(v->json, "alert");
	a->entry = json_incref(v->json);
	a->time_ms = v->time_ms;
	HASH_ADD(hh, o->alerts, id, sizeof(a->id), a);
	return 0;
}

int
ocsf_learn(struct ocsf *o, const struct entry_view *v)
{
	if (v->kind == ENTRY_SESSION_OPEN)
		return learn_session(o, v);
	return v->kind == ENTRY_ALERT ? learn_alert(o, v) : 0;
}

bool
ocsf_lacks(const struct ocsf *o, const struct entry_view *v)
{
	return v->kind == ENTRY_ALERT_ACK && ocsf_alert_of(o, v) == NULL;
}

int
ocsf_tell(struct ocsf *o, const struct ocsf_entry *e, ocsf_emit *emit,
    void *arg)
{
	int r = ocsf_file_tell(o, e, emit, arg);

	if (r == 0)
		r = ocsf_finding_tell(o, e, emit, arg);
	return r == 0 ? ocsf_api_tell(o, e, emit, arg) : r;
}

/* --- making events --- */

void
ocsf_set(struct ocsf_event *e, json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, value) != 0)
		e->bad = true;
}

void
ocsf_text(struct ocsf_event *e, json_t *object, const char *key,
    const char *text)
{
	if (text != NULL && text[0] != '\0')
		ocsf_set(e, object, key, json_string(text));
}

void
ocsf_number(struct ocsf_event *e, json_t *object, const char *key, int64_t n)
{
	ocsf_set(e, object, key, json_integer((json_int_t)n));
}

json_t *
ocsf_object(struct ocsf_event *e, json_t *parent, const char *key)
{
	ocsf_set(e, parent, key, json_object());
	return json_object_get(parent, key);
}

json_t *
ocsf_list(struct ocsf_event *e, json_t *parent, const char *key)
{
	ocsf_set(e, parent, key, json_array());
	return json_object_get(parent, key);
}

json_t *
ocsf_item(struct ocsf_event *e, json_t *list)
{
	if (json_array_append_new(list, json_object()) != 0)
		e->bad = true;
	return json_array_get(list, json_array_size(list) - 1);
}

uint64_t
ocsf_count(const struct ocsf_event *e, const char *key)
{
	return talk_number(e->e->v->json, key);
}

const char *
ocsf_word(const struct ocsf_event *e, const char *key)
{
	return talk_text(e->e->v->json, key);
}

void
ocsf_uid(const struct ocsf *o, uint64_t index, char *buf, size_t size)
{
	snprintf(buf, size, "%s:%" PRIu64, o->how.vault, index);
}

static void
set_metadata(struct ocsf_event *e)
{
	json_t *m = ocsf_object(e, e->j, "metadata");
	json_t *product = ocsf_object(e, m, "product");
	char uid[OCSF_UID], session[24];
	size_t n;

	ocsf_text(e, m, "version", OCSF_VERSION);
	ocsf_text(e, product, "name", "weir");
	ocsf_text(e, product, "vendor_name", "weir");
	ocsf_text(e, product, "version", WEIR_VERSION);
	ocsf_text(e, m, "log_name", e->o->how.origin);
	ocsf_number(e, m, "sequence", (int64_t)e->e->index);
	ocsf_uid(e->o, e->e->index, uid, sizeof(uid));
	n = strlen(uid);
	if (e->part > 0)
		snprintf(uid + n, sizeof(uid) - n, ":%u", e->part);
	ocsf_text(e, m, "uid", uid);
	if (ocsf_count(e, "session") == 0)
		return;
	snprintf(session, sizeof(session), "%" PRIu64,
	    ocsf_count(e, "session"));
	ocsf_text(e, m, "correlation_uid", session);
}

/* What makes it checkable against the log. */
static void
set_unmapped(struct ocsf_event *e)
{
	const struct digest leaf = tlog_leaf(e->e->bytes, e->e->length);
	json_t *u = ocsf_object(e, e->j, "unmapped");
	char hex[DIGEST_HEX_SIZE];

	ocsf_text(e, u, "log_origin", e->o->how.origin);
	ocsf_text(e, u, "leaf_hash", digest_hex(&leaf, hex));
	ocsf_text(e, u, "kind", entry_kind_name(e->e->v->kind));
}

void
ocsf_begin(struct ocsf_event *e, const struct ocsf_class *c, int activity,
    const char *name, int severity)
{
	static const char *const severities[] = { "Unknown", "Informational",
		"Low", "Medium", "High" };

	e->j = json_object();
	ocsf_number(e, e->j, "category_uid", c->category);
	ocsf_text(e, e->j, "category_name", c->category_name);
	ocsf_number(e, e->j, "class_uid", c->uid);
	ocsf_text(e, e->j, "class_name", c->name);
	ocsf_number(e, e->j, "activity_id", activity);
	ocsf_text(e, e->j, "activity_name", name);
	ocsf_number(e, e->j, "type_uid", (int64_t)c->uid * 100 + activity);
	ocsf_number(e, e->j, "severity_id", severity);
	ocsf_text(e, e->j, "severity", severities[severity]);
	ocsf_number(e, e->j, "time", e->e->v->time_ms);
	set_metadata(e);
	set_unmapped(e);
}

void
ocsf_status(struct ocsf_event *e, bool ok, const char *detail)
{
	ocsf_number(e, e->j, "status_id", ok ? 1 : 2);
	ocsf_text(e, e->j, "status", ok ? "Success" : "Failure");
	ocsf_text(e, e->j, "status_detail", detail);
}

void
ocsf_allowed(struct ocsf_event *e, bool allowed)
{
	json_t *profiles = ocsf_list(e, json_object_get(e->j, "metadata"),
	    "profiles");

	if (json_array_append_new(profiles, json_string("security_control")) !=
	    0)
		e->bad = true;
	ocsf_number(e, e->j, "action_id", allowed ? 1 : 2);
	ocsf_text(e, e->j, "action", allowed ? "Allowed" : "Denied");
	ocsf_number(e, e->j, "disposition_id", allowed ? 1 : 2);
	ocsf_text(e, e->j, "disposition", allowed ? "Allowed" : "Blocked");
}

json_t *
ocsf_session_of(const struct ocsf_event *e)
{
	const struct ocsf_session *s = find_session(e->o, e->e->v->json);

	return s != NULL ? s->open : NULL;
}

/* The principal that something is for is the user; who asked, if that is
 * somebody else, is in unmapped. */
void
ocsf_actor(struct ocsf_event *e, json_t *parent)
{
	json_t *actor = ocsf_object(e, parent, "actor");
	json_t *user = ocsf_object(e, actor, "user");
	const json_t *open = ocsf_session_of(e);
	const char *by = e->e->v->by, *whose = talk_text(open, "for");
	const json_t *uid = json_object_get(e->e->v->json, "uid");
	char text[24];

	if (whose[0] == '\0')
		whose = ocsf_word(e, "for");
	if (whose[0] == '\0')
		whose = by;
	ocsf_text(e, user, "name", whose);
	ocsf_text(e, user, "uid", whose);
	ocsf_text(e, json_object_get(e->j, "unmapped"), "by", by);
	if (json_is_integer(uid))
		ocsf_number(e, json_object_get(e->j, "unmapped"), "by_uid",
		    json_integer_value(uid));
	if (ocsf_count(e, "session") == 0)
		return;
	snprintf(text, sizeof(text), "%" PRIu64, ocsf_count(e, "session"));
	ocsf_text(e, ocsf_object(e, actor, "session"), "uid", text);
}

void
ocsf_resource(struct ocsf_event *e)
{
	const char *model = story_model(e->o->how.story, e->e->v);
	json_t *one;

	if (model == NULL)
		model = ocsf_word(e, "family");
	if (model[0] == '\0')
		return;
	one = ocsf_item(e, ocsf_list(e, e->j, "resources"));
	ocsf_text(e, one, "name", model);
	ocsf_text(e, one, "type", "model");
	ocsf_text(e, one, "uid", ocsf_word(e, "version"));
	ocsf_text(e, one, "version", ocsf_word(e, "version"));
}

int
ocsf_end(struct ocsf_event *e, ocsf_emit *emit, void *arg)
{
	int r = e->bad ? ERR_NOMEM : emit(arg, e->j);

	json_decref(e->j);
	e->j = NULL;
	return r;
}
