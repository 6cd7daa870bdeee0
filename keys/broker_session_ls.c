/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "keys/broker_state.h"
#include "keys/grant.h"
#include "vault/err.h"

#define TROUBLE_MS 10000 /* until it is said again */

static int
set_text(json_t *j, const char *key, const char *text)
{
	return json_object_set_new(j, key, json_string(text));
}

/* Its channel, and where that points now if it has moved on since. */
static int
set_channel(json_t *one, struct broker *b, const struct session_version *v)
{
	char hex[DIGEST_HEX_SIZE];
	struct digest now;

	if (v->channel[0] == '\0')
		return 0;
	if (set_text(one, "channel", v->channel) != 0)
		return ERR_NOMEM;
	if (catalogue_version_channel(b->how.catalogue, v->model, v->channel,
		&now) != 0 ||
	    digest_equal(&now, &v->version))
		return 0;
	return set_text(one, "now", digest_hex(&now, hex));
}

static json_t *
describe_versions(struct broker *b, const struct session *s)
{
	json_t *list = json_array();

	for (uint16_t i = 0; i < s->count; i++) {
		const struct session_version *v = &s->versions[i];
		char hex[DIGEST_HEX_SIZE];
		json_t *one = json_pack("{s:s, s:s, s:I, s:s}", "model",
		    v->model, "version", digest_hex(&v->version, hex), "grant",
		    (json_int_t)v->grant, "type", grant_type_name(v->type));

		if (one == NULL || set_channel(one, b, v) != 0) {
			json_decref(one);
			json_decref(list);
			return NULL;
		}
		if (json_array_append_new(list, one) != 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static const char *
state_of(struct broker *b, const struct session *s)
{
	const struct broker_session *open = broker_session_find(b, s->id);

	if (open == NULL)
		return "closed";
	return LIST_EMPTY(&open->holds) ? "unattended" : "open";
}

/* What was said of it a while ago may have passed. */
static json_t *
trouble_of(struct broker *b, const struct session *s)
{
	const struct broker_session *open = broker_session_find(b, s->id);
	json_t *list = json_array();

	if (open == NULL || b->now_ms - open->trouble_ms > TROUBLE_MS)
		return list;
	if ((open->trouble & MSG_TROUBLE_STORE) != 0)
		(void)json_array_append_new(list, json_string("store"));
	if ((open->trouble & MSG_TROUBLE_KEYS) != 0)
		(void)json_array_append_new(list, json_string("keys"));
	if ((open->trouble & MSG_TROUBLE_REFUSED) != 0)
		(void)json_array_append_new(list, json_string("refused"));
	return list;
}

static json_t *
describe(struct broker *b, const struct session *s)
{
	char opened[ENTRY_TIME_SIZE], closed[ENTRY_TIME_SIZE];

	return json_pack("{s:I, s:s, s:s, s:s, s:s, s:I, s:s, s:s, s:s?, s:o,"
			 " s:I, s:I, s:I, s:o, s:s}",
	    "session", (json_int_t)s->id, "for", s->principal, "by", s->by,
	    "purpose", session_purpose_name(s->purpose), "host", s->host, "pid",
	    (json_int_t)s->pid, "mountpoint", s->mountpoint, "opened",
	    entry_time_text(s->opened_ms, opened), "closed",
	    s->closed_ms != 0 ? entry_time_text(s->closed_ms, closed) : NULL,
	    "versions", describe_versions(b, s), "releases",
	    (json_int_t)s->releases, "released_bytes",
	    (json_int_t)s->released_bytes, "faults", (json_int_t)s->faults,
	    "trouble", trouble_of(b, s), "state", state_of(b, s));
}

static bool
is_theirs(const struct session *s, const char *principal)
{
	return strcmp(s->principal, principal) == 0 ||
	    strcmp(s->by, principal) == 0;
}

struct session_list {
	struct broker_call *c;
	bool all;
	struct listing l;
	json_t *items;
};

static int
list_session(void *arg, struct session *session)
{
	struct session_list *list = arg;
	OWNED(session) s = session;
	char next[24];
	json_t *one;
	int err;

	if (!list->all && !is_theirs(s, list->c->from->principal))
		return 0;
	one = describe(list->c->b, s);
	if (one == NULL)
		return ERR_NOMEM;
	snprintf(next, sizeof(next), "%ju", (uintmax_t)s->id);
	err = listing_take(&list->l, listing_size(one), next);
	if (err != 0) {
		json_decref(one);
		return err;
	}
	return json_array_append_new(list->items, one) == 0 ? 0 : ERR_NOMEM;
}

/* A session by its number, open or not. */
static int
list_one(struct session_list *list, uint64_t id)
{
	struct broker_call *c = list->c;
	struct session *s;
	int err = catalogue_session_get(c->b->how.catalogue, id, &s);

	if (err == 0)
		err = list_session(list, s);
	if (err == ERR_NOT_FOUND ||
	    (err == 0 && json_array_size(list->items) == 0)) {
		json_decref(list->items);
		return broker_call_fail(c, ERR_NOT_FOUND,
		    "there is no session %ju that %s may see", (uintmax_t)id,
		    c->from->principal);
	}
	return broker_call_listing(c, err, "sessions", list->items, &list->l);
}

int
broker_session_ls(struct broker_call *c)
{
	struct session_list list = { .c = c, .l = listing_of(MSG_JSON_MAX) };
	unsigned int held;
	struct msg_list m;
	uint64_t id, after = 0;
	int err = broker_call_list(c, BROKER_LIST_ID, &m);

	if (err != 0)
		return err;
	if (m.after[0] != '\0')
		err = listing_parse(m.after, &after, NULL);
	id = m.id;
	msg_list_clear(&m);
	if (err != 0)
		return broker_call_lost(c);
	err = broker_call_roles(c, &held);
	if (err != 0)
		return err;
	list.all = role_may(held, ROLE_MANAGER | ROLE_REVIEWER);
	list.items = json_array();
	if (id != 0)
		return list_one(&list, id);
	err = catalogue_session_each(c->b->how.catalogue, after, list_session,
	    &list);
	return broker_call_listing(c, err, "sessions", list.items, &list.l);
}
