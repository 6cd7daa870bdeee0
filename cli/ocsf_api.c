/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli/ocsf_parts.h"
#include "cli/talk.h"

/* API Activity: what was asked of keyd, and what it did by itself. */

enum { CREATE = 1, READ = 2, UPDATE = 3, DELETE = 4 };

static const struct ocsf_class class = { 6003, "API Activity", 6,
	"Application Activity" };

static const char *const names[] = { "Unknown", "Create", "Read", "Update",
	"Delete" };

/* 0: the kind is told otherwise. */
static const unsigned char activities[ENTRY_KINDS] = {
	[ENTRY_INIT] = CREATE,
	[ENTRY_KEYD_START] = UPDATE,
	[ENTRY_KEYD_STOP] = UPDATE,
	[ENTRY_ROLE_ADD] = CREATE,
	[ENTRY_ROLE_RM] = DELETE,
	[ENTRY_GRANT_ADD] = CREATE,
	[ENTRY_GRANT_RM] = DELETE,
	[ENTRY_PUT_BEGIN] = CREATE,
	[ENTRY_PUT_KEYS] = READ,
	[ENTRY_PUT] = CREATE,
	[ENTRY_SESSION_RESUME] = UPDATE,
	[ENTRY_REFUSED] = READ,
	[ENTRY_CHECK] = READ,
	[ENTRY_CONFIG] = UPDATE,
	[ENTRY_VERIFY] = READ,
	[ENTRY_STATEMENT_ADD] = CREATE,
	[ENTRY_STATEMENT_SIGN] = UPDATE,
	[ENTRY_STATEMENT_WITHDRAW] = DELETE,
	[ENTRY_SIGN_OMS] = UPDATE,
	[ENTRY_BUDGET_RESET] = UPDATE,
	[ENTRY_ALERT_ACK] = UPDATE,
	[ENTRY_DECOY_ADD] = CREATE,
	[ENTRY_DECOY_RM] = DELETE,
	[ENTRY_SESSION_EXE] = UPDATE,
	[ENTRY_SECRET_ADD] = CREATE,
	[ENTRY_SECRET_RM] = DELETE,
	[ENTRY_VERSION_RM] = DELETE,
	[ENTRY_VERSION_UNDELETE] = UPDATE,
	[ENTRY_GC] = DELETE,
	[ENTRY_BACKUP] = READ,
	[ENTRY_SHRED] = DELETE,
	[ENTRY_LOCK] = UPDATE,
	[ENTRY_UNLOCK] = UPDATE,
	[ENTRY_REKEY] = UPDATE,
};

/* Whether it went well; what it failed by. */
static bool
went_well(const struct ocsf_event *e)
{
	const struct entry_view *v = e->e->v;

	if (v->kind == ENTRY_VERIFY)
		return entry_view_bool(v, "ok");
	if (v->kind == ENTRY_CHECK)
		return ocsf_count(e, "damaged") == 0 &&
		    ocsf_count(e, "missing") == 0;
	return v->kind != ENTRY_REFUSED;
}

static void
set_source(struct ocsf_event *e)
{
	const char *host = talk_text(ocsf_session_of(e), "host");

	/* Peers of a Unix socket are where keyd is. */
	ocsf_text(e, ocsf_object(e, e->j, "src_endpoint"), "hostname",
	    host[0] != '\0' ? host : e->o->how.host);
}

/* The entry, but for what the event has in places of its own. */
static void
set_rest(struct ocsf_event *e)
{
	static const char *const told[] = { "v", "time", "kind", "by", "uid",
		"envelope" };
	json_t *rest = json_copy(e->e->v->json);

	for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++)
		(void)json_object_del(rest, told[i]);
	ocsf_set(e, json_object_get(e->j, "unmapped"), "entry", rest);
}

int
ocsf_api_tell(struct ocsf *o, const struct ocsf_entry *entry, ocsf_emit *emit,
    void *arg)
{
	struct ocsf_event e = { .o = o, .e = entry };
	unsigned char activity = activities[entry->v->kind];
	bool refused = entry->v->kind == ENTRY_REFUSED, ok;
	const char *name = entry_kind_name(entry->v->kind);

	if (activity == 0)
		return 0;
	/* A put is an Encrypt, an ack an update of its finding, before. */
	e.part = entry->v->kind == ENTRY_PUT ||
	    entry->v->kind == ENTRY_ALERT_ACK;
	ok = went_well(&e);
	ocsf_begin(&e, &class, activity, names[activity],
	    ok ? OCSF_INFORMATIONAL : OCSF_MEDIUM);
	ocsf_actor(&e, e.j);
	ocsf_text(&e, ocsf_object(&e, e.j, "api"), "operation",
	    refused ? ocsf_word(&e, "request") : name);
	set_source(&e);
	ocsf_resource(&e);
	ocsf_status(&e, ok, ocsf_word(&e, "reason"));
	if (refused)
		ocsf_allowed(&e, false);
	set_rest(&e);
	return ocsf_end(&e, emit, arg);
}
