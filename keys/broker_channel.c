/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "keys/broker_trust.h"
#include "vault/err.h"

#define ROOTS_BYTES (900U << 10) /* of trust.get's reply, at most */

/* --- trust.get --- */

struct roots {
	json_t *list;
	size_t bytes;
};

static int
take_root(void *arg, const struct catalogue_statement *s)
{
	struct roots *r = arg;
	json_error_t why;

	r->bytes += strlen(s->envelope) + 1;
	if (r->bytes > ROOTS_BYTES)
		return 0;
	return json_array_append_new(r->list,
		   json_loads(s->envelope, 0, &why)) == 0 ?
	    0 :
	    ERR_NOMEM;
}

int
broker_channel_trust(struct broker_call *c)
{
	OWNED(catalogue_statement) newest = NULL;
	struct roots r = { 0 };
	uint64_t after;
	int err;

	if (msg_number_read(&after, &c->body) != 0)
		return broker_call_malformed(c);
	err = catalogue_statement_root(c->b->how.catalogue, &newest);
	if (err == ERR_NOT_FOUND)
		err = 0;
	r.list = json_array();
	if (err == 0)
		err = catalogue_statement_roots(c->b->how.catalogue, after,
		    take_root, &r);
	if (err != 0) {
		json_decref(r.list);
		return broker_call_unreadable(c, err);
	}
	return broker_call_json(c,
	    json_pack("{s:I, s:o}", "number",
		(json_int_t)(newest != NULL ? newest->number : 0), "roots",
		r.list));
}

/* --- channel.proof --- */

static int
set_envelope(json_t *j, const char *key, const struct catalogue_statement *s)
{
	json_error_t why;

	if (s == NULL)
		return 0;
	return json_object_set_new(j, key, json_loads(s->envelope, 0, &why));
}

static int
take_envelope(void *arg, const struct catalogue_statement *s)
{
	json_error_t why;

	return json_array_append_new(arg, json_loads(s->envelope, 0, &why)) ==
		0 ?
	    0 :
	    ERR_NOMEM;
}

static int
set_revoked(json_t *j, struct broker_call *c, const struct broker_target *t)
{
	json_t *list = json_array();

	if (json_object_set_new(j, "revoked", list) != 0)
		return ERR_NOMEM;
	return catalogue_statement_in_force(c->b->how.catalogue,
	    STATEMENT_REVOCATION, t->ref.name, &t->version, take_envelope,
	    list);
}

static int
set_oms(json_t *j, struct broker_call *c, const struct broker_target *t)
{
	struct catalogue_oms o;
	json_error_t why;
	json_t *oms;
	int err = catalogue_oms_get(c->b->how.catalogue, t->ref.name,
	    &t->version, &o);

	if (err != 0)
		return err == ERR_NOT_FOUND ? 0 : err;
	oms = json_pack("{s:s, s:o, s:s, s:s}", "name", o.name, "ignore",
	    json_loads(o.ignored, 0, &why), "key", o.key, "sig", o.sig);
	catalogue_oms_clear(&o);
	return json_object_set_new(j, "oms", oms) == 0 ? 0 : ERR_NOMEM;
}

/* For people to look up in the trail; no host goes by it. */
static int
set_verdict(json_t *j, struct broker_call *c, const struct broker_target *t)
{
	struct catalogue_version v;
	json_t *verdict;
	int err = catalogue_version_get(c->b->how.catalogue, t->ref.name,
	    &t->version, &v);

	if (err != 0 || v.verified == CATALOGUE_UNVERIFIED)
		return err == ERR_NOT_FOUND ? 0 : err;
	verdict = json_pack("{s:b, s:I, s:s*}", "ok",
	    v.verified == CATALOGUE_VERIFIED, "entry",
	    (json_int_t)v.verify_entry, "reason",
	    v.verified == CATALOGUE_BAD ? v.verify_reason : NULL);
	return json_object_set_new(j, "verified", verdict) == 0 ? 0 : ERR_NOMEM;
}

/* What keyd believes of it does not matter: the host judges. */
static int
set_statements(json_t *j, struct broker_call *c, const struct broker_target *t)
{
	struct catalogue *catalogue = c->b->how.catalogue;
	OWNED(catalogue_statement) version = NULL;
	OWNED(catalogue_statement) promotion = NULL;
	OWNED(catalogue_statement) earlier = NULL;
	int err = catalogue_statement_signed(catalogue, t->ref.name,
	    &t->version, &version);

	if ((err == 0 || err == ERR_NOT_FOUND) && t->ref.channel[0] != '\0')
		err = catalogue_statement_promotion(catalogue, t->ref.name,
		    t->ref.channel, 0, &promotion);
	if (err == 0 && promotion != NULL &&
	    promotion->act == STATEMENT_ROLLBACK)
		err = catalogue_statement_promotion(catalogue, t->ref.name,
		    t->ref.channel, promotion->back, &earlier);
	if (err != 0 && err != ERR_NOT_FOUND)
		return err;
	return set_envelope(j, "signed", version) == 0 &&
		set_envelope(j, "promotion", promotion) == 0 &&
		set_envelope(j, "earlier", earlier) == 0 ?
	    0 :
	    ERR_NOMEM;
}

static int
prove(struct broker_call *c, const struct broker_target *t)
{
	OWNED(catalogue_statement) root = NULL;
	json_t *j;
	int err = catalogue_statement_root(c->b->how.catalogue, &root);

	if (err != 0 && err != ERR_NOT_FOUND)
		return broker_call_unreadable(c, err);
	j = json_pack("{s:s, s:s*, s:s, s:I}", "model", t->ref.name, "channel",
	    t->ref.channel[0] != '\0' ? t->ref.channel : NULL, "version",
	    t->hex, "root", (json_int_t)(root != NULL ? root->number : 0));
	err = j != NULL ? set_statements(j, c, t) : ERR_NOMEM;
	if (err == 0)
		err = set_revoked(j, c, t);
	if (err == 0)
		err = set_oms(j, c, t);
	if (err == 0)
		err = set_verdict(j, c, t);
	if (err != 0) {
		json_decref(j);
		return broker_call_unreadable(c, err);
	}
	return broker_call_json(c, j);
}

int
broker_channel_proof(struct broker_call *c)
{
	struct broker_target t;
	int err = broker_model_visible(c, ROLE_MOUNTER, &t);

	return err == 0 ? prove(c, &t) : err;
}

/* --- channel.log --- */

/* The names as they were when each signed. */
static json_t *
describe(const struct catalogue_statement *s)
{
	OWNED(statement) parsed = NULL;
	char time[ENTRY_TIME_SIZE], expires[ENTRY_TIME_SIZE];
	const struct statement_fields *f;
	json_error_t why;
	json_t *j;

	if (statement_parse(&parsed, s->envelope, strlen(s->envelope), NULL) !=
	    0)
		return NULL;
	f = statement_fields(parsed);
	j = json_pack("{s:I, s:s, s:s, s:s, s:s, s:s, s:s*, s:o, s:I}",
	    "serial", (json_int_t)s->serial, "version", s->hex, "act",
	    statement_act_name(s->act), "time",
	    entry_time_text(s->settled_ms, time), "expires",
	    entry_time_text(s->expires_ms, expires), "reason", f->reason,
	    "ticket", f->ticket, "signed", json_loads(s->signers, 0, &why),
	    "statement", (json_int_t)s->id);
	if (j != NULL && s->back != 0 &&
	    json_object_set_new(j, "to", json_integer((json_int_t)s->back)) !=
		0) {
		json_decref(j);
		return NULL;
	}
	return j;
}

static int
take_promotion(void *arg, const struct catalogue_statement *s)
{
	return broker_trust_append(arg, describe(s));
}

int
broker_channel_log(struct broker_call *c)
{
	struct broker_newest l = { 0 };
	struct broker_target t;
	int err = broker_model_visible(c, 0, &t);

	if (err != 0)
		return err;
	if (t.ref.channel[0] == '\0')
		return broker_call_fail(c, ERR_USAGE,
		    "%s is a version; a channel has a log: MODEL:CHANNEL",
		    t.shown);
	l.list = json_array();
	err = catalogue_statement_log(c->b->how.catalogue, t.ref.name,
	    t.ref.channel, take_promotion, &l);
	if (err != 0) {
		json_decref(l.list);
		return broker_call_unreadable(c, err);
	}
	return broker_call_json(c, json_pack("{s:o}", "log", l.list));
}
