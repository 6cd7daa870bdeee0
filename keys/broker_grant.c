/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys/broker_state.h"
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
	if (!t.found)
		return broker_call_fail(c, ERR_NOT_FOUND,
		    "there is no %s to grant; `weir ls` lists what there is",
		    t.shown);
	snprintf(version, DIGEST_HEX_SIZE, "%s",
	    m->version[0] != '\0' ? t.hex : "");
	return 0;
}

static void
write_grant(struct entry *e, uint64_t id, const struct msg_grant_add *m,
    const char *version)
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
	entry_text(e, "reason", m->reason);
}

static int
add(struct broker_call *c, const struct msg_grant_add *m)
{
	uint64_t id = catalogue_next(c->b->how.catalogue, CATALOGUE_GRANT);
	const char *wrong = grant_wrong(m, broker_record_clock());
	char version[DIGEST_HEX_SIZE];
	OWNED_ENTRY e = { 0 };
	int err;

	if (wrong != NULL)
		return broker_call_fail(c, ERR_USAGE, "%s", wrong);
	err = find_target(c, m, version);
	if (err != 0)
		return err;
	broker_call_entry(c, &e, ENTRY_GRANT_ADD);
	write_grant(&e, id, m, version);
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
	if (err != 0)
		return broker_call_fail(c, err,
		    "there is no grant %ju; `weir grant ls` lists them",
		    (uintmax_t)m->id);
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

/* NULL when memory is short.  Optional fields are absent where they do not
 * apply. */
static json_t *
describe(const struct grant *g)
{
	char until[ENTRY_TIME_SIZE], created[ENTRY_TIME_SIZE];
	json_t *j;

	j = json_pack("{s:I, s:s, s:s, s:s, s:I, s:b, s:b, s:s?, s:s, s:s,"
		      " s:s, s:b}",
	    "grant", (json_int_t)g->id, "model", g->model, "to", g->to, "type",
	    grant_type_name(g->type), "loads", (json_int_t)g->loads, "per_day",
	    g->per_day, "export", g->export, "until",
	    g->until_ms != 0 ? entry_time_text(g->until_ms, until) : NULL,
	    "reason", g->reason, "by", g->by, "created",
	    entry_time_text(g->created_ms, created), "counted", 0);
	if (j == NULL || set_text(j, "channel", g->channel) != 0 ||
	    set_text(j, "version", g->version) != 0) {
		json_decref(j);
		return NULL;
	}
	return j;
}

int
broker_grant_ls(struct broker_call *c)
{
	OWNED_MEM(struct grant) grants = NULL;
	unsigned int held;
	json_t *list;
	size_t n = 0;
	bool all;
	int err;

	if (!reader_end(&c->body))
		return broker_call_malformed(c);
	err = broker_call_roles(c, &held);
	if (err != 0)
		return err;
	all = role_may(held, ROLE_MANAGER | ROLE_REVIEWER);
	err = catalogue_grant_list(c->b->how.catalogue,
	    all ? "" : c->from->principal, "", &grants, &n);
	if (err != 0)
		return broker_call_fail(c, err, "the catalogue cannot be read");
	list = json_array();
	for (size_t i = 0; i < n; i++)
		if (json_array_append_new(list, describe(&grants[i])) != 0) {
			json_decref(list);
			return ERR_NOMEM;
		}
	return broker_call_json(c, json_pack("{s:o}", "grants", list));
}
