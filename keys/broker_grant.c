/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys/broker_state.h"
#include "keys/broker_trust.h"
#include "vault/err.h"

/* The reference that the fields make. */
static void
write_reference(char *out, size_t size, const struct msg_grant_add *m)
{
	if (m->version[0] != '\0')
		snprintf(out, size, "%s@%s", m->model, m->version);
	else if (m->channel[0] != '\0')
		snprintf(out, size, "%s:%s", m->model, m->channel);
	else
		snprintf(out, size, "%s", m->model);
}

/* A channel that points nowhere yet, of a model that has versions. */
static bool
may_be_promoted(struct broker_call *c, const struct broker_target *t)
{
	struct digest any;

	return t->ref.channel[0] != '\0' &&
	    catalogue_version_channel(c->b->how.catalogue, t->ref.name,
		BROKER_LATEST, &any) == 0;
}

/* There must be something to grant.  The version is completed to 64 digits. */
static int
find_target(struct broker_call *c, const struct msg_grant_add *m,
    char version[static DIGEST_HEX_SIZE])
{
	char text[REF_NAME_MAX + DIGEST_HEX_SIZE + 1];
	struct broker_target t;
	int err;

	write_reference(text, sizeof(text), m);
	err = broker_model_resolve(c, text, &t);
	if (err != 0)
		return err;
	if (!t.found && !may_be_promoted(c, &t))
		return broker_call_fail(c, ERR_NOT_FOUND,
		    "there is no %s to grant; 'weir ls' lists what there is",
		    t.shown);
	snprintf(version, DIGEST_HEX_SIZE, "%s",
	    m->version[0] != '\0' ? t.hex : "");
	return 0;
}

static const char *
unless_empty(const char *text)
{
	return *text != '\0' ? text : NULL;
}

/* Words with a blank between two, as a list; of none, nothing. */
static void
write_words(struct entry *e, const char *name, const char *text)
{
	char words[GRANT_HOSTS_SIZE], *next = NULL;

	snprintf(words, sizeof(words), "%s", text);
	if (*words == '\0')
		return;
	entry_open_list(e, name);
	for (char *one = strtok_r(words, " ", &next); one != NULL;
	     one = strtok_r(NULL, " ", &next))
		entry_text(e, NULL, one);
	entry_close(e);
}

/* Where, when, how many at once, and by which programs. */
static void
write_limits(struct entry *e, const struct msg_grant_add *m)
{
	write_words(e, "hosts", m->hosts);
	entry_text(e, "days", unless_empty(m->days));
	entry_text(e, "hours", unless_empty(m->hours));
	entry_text(e, "zone", unless_empty(m->zone));
	if (m->max_sessions != 0)
		entry_number(e, "sessions", m->max_sessions);
	write_words(e, "exes", m->exes);
}

static void
write_grant(struct entry *e, uint64_t id, const struct msg_grant_add *m,
    const char *version, uint32_t approvals)
{
	entry_number(e, "grant", id);
	entry_text(e, "model", m->model);
	entry_text(e, "channel", m->channel[0] != '\0' ? m->channel : NULL);
	entry_text(e, "version", version[0] != '\0' ? version : NULL);
	entry_text(e, "to", m->to);
	entry_text(e, "type", grant_type_name(m->type));
	if (m->type == MSG_GRANT_LOAD)
		entry_number(e, "loads", m->loads);
	entry_text(e, "per", m->per_day ? "day" : NULL);
	entry_bool(e, "export", m->export);
	if (m->until_ms != 0)
		entry_time(e, "until", m->until_ms);
	write_limits(e, m);
	if (approvals != 0)
		entry_number(e, "approvals", approvals);
	entry_text(e, "reason", m->reason);
}

/* How many must approve it, by the trust root in force. */
static int
find_approvers(struct broker_call *c, const struct msg_grant_add *m,
    uint32_t *out)
{
	OWNED(trust_root) root = NULL;
	struct trust_approvers a = { 0 };
	int err = broker_trust_root(c->b, &root);

	if (err != 0)
		return broker_call_unreadable(c, err);
	if (root != NULL)
		a = trust_root_approvers(root, m->model, m->to);
	if (a.may < a.need)
		return broker_call_fail(c, ERR_USAGE,
		    "nobody could approve it: a grant for %s takes %u approvals"
		    " by trust root %ju, and of those who may give them only %u"
		    " %s not %s; owners of its root keys may change that: weir"
		    " trust set",
		    m->model, a.need, (uintmax_t)trust_root_number(root), a.may,
		    a.may == 1 ? "is" : "are", m->to);
	*out = a.need;
	return 0;
}

static int
add(struct broker_call *c, const struct msg_grant_add *m)
{
	uint64_t id = catalogue_next(c->b->how.catalogue, CATALOGUE_GRANT);
	const char *wrong = grant_wrong(m, broker_record_clock());
	char version[DIGEST_HEX_SIZE];
	OWNED_ENTRY e = { 0 };
	uint32_t approvals = 0;
	int err;

	if (wrong != NULL)
		return broker_call_fail(c, ERR_USAGE, "%s", wrong);
	err = find_target(c, m, version);
	if (err == 0)
		err = find_approvers(c, m, &approvals);
	if (err != 0)
		return err;
	broker_call_entry(c, &e, ENTRY_GRANT_ADD);
	write_grant(&e, id, m, version, approvals);
	err = broker_call_record(c, &e);
	if (err == 0)
		msg_number_write(&c->reply, id);
	return err;
}

int
broker_grant_add(struct broker_call *c)
{
	struct msg_grant_add m;
	int err;

	if (msg_grant_add_read(&m, &c->body) != 0)
		return broker_call_malformed(c);
	err = add(c, &m);
	msg_grant_add_clear(&m);
	return err;
}

/* It is not in force: was it ever? */
static int
no_grant(struct broker_call *c, uint64_t id)
{
	char removed[ENTRY_TIME_SIZE];
	struct grant g;
	int err = catalogue_grant_removed(c->b->how.catalogue, id, &g);

	if (err == 0)
		return broker_call_fail(c, ERR_NOT_FOUND,
		    "grant %ju was removed already, by %s at %s", (uintmax_t)id,
		    g.removed_by, entry_time_text(g.removed_ms, removed));
	return broker_call_fail(c, err,
	    "there is no grant %ju; 'weir grant ls' lists them", (uintmax_t)id);
}

static int
rm(struct broker_call *c, const struct msg_id_reason *m)
{
	OWNED_ENTRY e = { 0 };
	struct grant g;
	int err;

	if (strlen(m->reason) > GRANT_REASON_MAX)
		return broker_call_fail(c, ERR_USAGE,
		    "the reason is longer than 1,024 bytes");
	err = catalogue_grant_get(c->b->how.catalogue, m->id, &g);
	if (err == ERR_NOT_FOUND)
		return no_grant(c, m->id);
	if (err != 0)
		return broker_call_unreadable(c, err);
	broker_call_entry(c, &e, ENTRY_GRANT_RM);
	entry_number(&e, "grant", m->id);
	entry_text(&e, "reason", m->reason[0] != '\0' ? m->reason : NULL);
	err = broker_call_record(c, &e);
	if (err == 0)
		err = broker_session_end_for_grant(c->b, m->id, &c->pending);
	return err;
}

int
broker_grant_rm(struct broker_call *c)
{
	struct msg_id_reason m;
	int err;

	if (msg_id_reason_read(&m, &c->body) != 0)
		return broker_call_malformed(c);
	err = rm(c, &m);
	msg_id_reason_clear(&m);
	return err;
}

static int
set_text(json_t *object, const char *key, const char *text)
{
	return text[0] == '\0' ?
	    0 :
	    json_object_set_new(object, key, json_string(text));
}

static int
describe_words(json_t *j, const char *key, const char *text)
{
	char words[GRANT_HOSTS_SIZE], *next = NULL;
	json_t *list;
	int r = 0;

	snprintf(words, sizeof(words), "%s", text);
	if (*words == '\0')
		return 0;
	list = json_array();
	for (char *one = strtok_r(words, " ", &next); one != NULL;
	     one = strtok_r(NULL, " ", &next))
		r |= json_array_append_new(list, json_string(one));
	return r | json_object_set_new(j, key, list);
}

/* Where, when, how many at once, and by which programs. */
static int
describe_limits(json_t *j, const struct grant *g)
{
	if (describe_words(j, "hosts", g->hosts) != 0 ||
	    describe_words(j, "exes", g->exes) != 0 ||
	    set_text(j, "days", g->days) != 0 ||
	    set_text(j, "hours", g->hours) != 0 ||
	    set_text(j, "zone", g->zone) != 0)
		return -1;
	return g->max_sessions == 0 ? 0 :
				      json_object_set_new(j, "max_sessions",
					  json_integer(g->max_sessions));
}

/* How many it takes, and when it had them; of one that waits, what is to be
 * approved. */
static int
describe_approvals(json_t *j, const struct grant *g)
{
	char when[ENTRY_TIME_SIZE], terms[GRANT_TERMS];

	if (g->approvals == 0)
		return 0;
	if (json_object_set_new(j, "approvals", json_integer(g->approvals)) !=
	    0)
		return -1;
	if (g->approved_ms != 0)
		return set_text(j, "approved",
		    entry_time_text(g->approved_ms, when));
	grant_terms(g, terms);
	return set_text(j, "terms", terms);
}

/* When, by whom and why it was removed. */
static int
describe_end(json_t *j, const struct grant *g)
{
	char removed[ENTRY_TIME_SIZE];

	if (g->removed_ms == 0)
		return 0;
	entry_time_text(g->removed_ms, removed);
	if (set_text(j, "removed", removed) != 0 ||
	    set_text(j, "removed_by", g->removed_by) != 0)
		return -1;
	return set_text(j, "removed_reason", g->removed_reason);
}

void *
broker_grant_json(const struct grant *g, bool expired)
{
	char until[ENTRY_TIME_SIZE], created[ENTRY_TIME_SIZE];
	json_t *j;

	j = json_pack("{s:I, s:s, s:s, s:s, s:I, s:b, s:b, s:s?, s:s, s:s,"
		      " s:s, s:b, s:b}",
	    "grant", (json_int_t)g->id, "model", g->model, "to", g->to, "type",
	    grant_type_name(g->type), "loads", (json_int_t)g->loads, "per_day",
	    g->per_day, "export", g->export, "until",
	    g->until_ms != 0 ? entry_time_text(g->until_ms, until) : NULL,
	    "reason", g->reason, "by", g->by, "created",
	    entry_time_text(g->created_ms, created), "counted", 1, "expired",
	    expired);
	if (j == NULL || set_text(j, "channel", g->channel) != 0 ||
	    set_text(j, "version", g->version) != 0 ||
	    describe_approvals(j, g) != 0 || describe_limits(j, g) != 0 ||
	    describe_end(j, g) != 0) {
		json_decref(j);
		return NULL;
	}
	return j;
}

struct grant_list {
	struct listing l;
	json_t *items;
	int64_t now_ms;
	bool ended; /* those too */
};

static int
list_grant(void *arg, const struct grant *g)
{
	struct grant_list *list = arg;
	bool expired = grant_expired(g, list->now_ms);
	char next[24];
	json_t *one;
	int err;

	if (expired && !list->ended)
		return 0;
	one = broker_grant_json(g, expired);
	if (one == NULL)
		return ERR_NOMEM;
	snprintf(next, sizeof(next), "%ju", (uintmax_t)g->id);
	err = listing_take(&list->l, listing_size(one), next);
	if (err != 0) {
		json_decref(one);
		return err;
	}
	return json_array_append_new(list->items, one) == 0 ? 0 : ERR_NOMEM;
}

int
broker_grant_ls(struct broker_call *c)
{
	struct grant_list list = {
		.l = listing_of(MSG_JSON_MAX),
		.now_ms = broker_record_clock(),
	};
	struct catalogue_grants which = { .principal = c->from->principal };
	unsigned int held;
	struct msg_list m;
	int err = broker_call_list(c, BROKER_LIST_ENDED, &m);

	if (err != 0)
		return err;
	list.ended = which.removed = m.ended;
	if (m.after[0] != '\0')
		err = listing_parse(m.after, &which.after, NULL);
	msg_list_clear(&m);
	if (err != 0)
		return broker_call_lost(c);
	err = broker_call_roles(c, &held);
	if (err != 0)
		return err;
	if (role_may(held, ROLE_MANAGER | ROLE_REVIEWER))
		which.principal = "";
	list.items = json_array();
	err = catalogue_grant_each(c->b->how.catalogue, &which, list_grant,
	    &list);
	return broker_call_listing(c, err, "grants", list.items, &list.l);
}
