/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys/broker_trust.h"
#include "vault/base64.h"
#include "vault/err.h"

#define WAITING_MAX 64 /* of one model, or trust roots */
#define REASON_MAX 1024
#define SIG_TEXT BASE64_SIZE(STATEMENT_SIG)

static const char *
noun_of(enum statement_about about)
{
	switch (about) {
	case STATEMENT_VERSION:
		return "a version's statement";
	case STATEMENT_PROMOTION:
		return "a promotion or rollback";
	case STATEMENT_TRUST:
		return "a trust root";
	case STATEMENT_GRANT:
		return "a grant's approval";
	case STATEMENT_REVOCATION:
		return "a revocation";
	}
	return "a statement";
}

/* Trust roots are the owners' business. */
static int
need_role(struct broker_call *c, enum statement_about about)
{
	char what[64];

	snprintf(what, sizeof(what), "%s %s",
	    c->request->type == MSG_STATEMENT_ADD      ? "making" :
		c->request->type == MSG_STATEMENT_SIGN ? "signing" :
							 "withdrawing",
	    noun_of(about));
	return broker_call_need_for(c,
	    about == STATEMENT_TRUST ? ROLE_OWNER : ROLE_MANAGER, what);
}

/* "P7" for what is not in the catalogue yet. */
static char *
name_of(enum statement_about about, uint64_t id, char out[static BROKER_NAME])
{
	const struct catalogue_statement s = { .id = id, .about = about };

	return broker_trust_name(&s, out);
}

static int
reply_outcome(const struct broker_offer *o, uint64_t id)
{
	const struct trust_count *n = &o->counts[broker_offer_open(o)];
	char name[BROKER_NAME];

	return broker_call_json(o->c,
	    json_pack("{s:I, s:s, s:s, s:I, s:I, s:o, s:o, s:b}", "statement",
		(json_int_t)id, "name", name_of(o->f->about, id, name), "about",
		statement_about_name(o->f->about), "have", (json_int_t)n->have,
		"need", (json_int_t)n->need, "signed",
		broker_offer_names(o, false), "waits",
		broker_offer_names(o, true), "effective", o->effective));
}

/* What both entries say of the statement; act only where it is added. */
static void
write_about(struct entry *e, const struct broker_offer *o, uint64_t id,
    bool added)
{
	const struct statement_fields *f = o->f;

	entry_number(e, "statement", id);
	entry_text(e, "about", statement_about_name(f->about));
	if (f->about == STATEMENT_TRUST) {
		entry_number(e, "number", f->number);
		return;
	}
	entry_text(e, "model", f->model);
	if (f->about == STATEMENT_GRANT) {
		entry_number(e, "grant", f->number);
		return;
	}
	entry_digest(e, "version", &f->version);
	if (f->about != STATEMENT_PROMOTION)
		return;
	entry_text(e, "channel", f->channel);
	entry_number(e, "serial", f->serial);
	if (added)
		entry_text(e, "act", statement_act_name(f->act));
}

/* --- statement.add --- */

/* The statement that waits for the same grant. */
struct same_grant {
	uint64_t grant;
	uint64_t id; /* 0: none */
};

static int
find_same(void *arg, const struct catalogue_statement *s)
{
	struct same_grant *same = arg;

	if (s->about == STATEMENT_GRANT && s->state == CATALOGUE_WAITING &&
	    s->number == same->grant)
		same->id = s->id;
	return 0;
}

/* Signatures for a grant go under one statement. */
static int
check_same(struct broker_offer *o)
{
	struct same_grant same = { .grant = o->f->number };
	int err;

	if (o->f->about != STATEMENT_GRANT)
		return 0;
	err = catalogue_statement_each(o->c->b->how.catalogue, o->f->model,
	    find_same, &same);
	if (err != 0)
		return broker_call_unreadable(o->c, err);
	if (same.id != 0)
		return broker_call_fail(o->c, ERR_CONFLICT,
		    "grant %ju waits already, as A%ju: sign that",
		    (uintmax_t)same.grant, (uintmax_t)same.id);
	return 0;
}

static int
check_room(struct broker_offer *o)
{
	struct catalogue *catalogue = o->c->b->how.catalogue;
	const char *model = o->f->model != NULL ? o->f->model : "";
	struct digest payload = statement_digest(o->s);
	char name[BROKER_NAME];
	uint64_t n = 0, id = 0;
	int err = catalogue_statement_same(catalogue, &payload, &id);

	if (err == 0)
		return broker_call_fail(o->c, ERR_CONFLICT,
		    "%s waits already, as %s: sign that", o->title,
		    name_of(o->f->about, id, name));
	if (err == ERR_NOT_FOUND)
		err = catalogue_statement_waiting(catalogue, model, &n);
	if (err != 0)
		return broker_call_unreadable(o->c, err);
	if (n >= WAITING_MAX)
		return broker_call_fail(o->c, ERR_LIMIT,
		    "%d statements of %s wait already; withdraw some: weir"
		    " promote withdraw",
		    WAITING_MAX, *model != '\0' ? model : "trust");
	return 0;
}

static int
record_add(struct broker_offer *o, uint64_t id)
{
	OWNED_MEM(char) envelope = NULL;
	OWNED_MEM(char) signers = NULL;
	json_t *names = broker_offer_names(o, false);
	OWNED_ENTRY e = { 0 };
	int err = statement_envelope(o->s, &envelope);

	signers = names != NULL ? json_dumps(names, JSON_COMPACT) : NULL;
	json_decref(names);
	if (err != 0 || signers == NULL)
		return err != 0 ? err : ERR_NOMEM;
	broker_call_entry(o->c, &e, ENTRY_STATEMENT_ADD);
	write_about(&e, o, id, true);
	entry_json(&e, "envelope", envelope);
	entry_json(&e, "signers", signers);
	entry_bool(&e, "effective", o->effective);
	return broker_call_record(o->c, &e);
}

/* A revocation that is in force ends who reads the version; the reply waits
 * until that is recorded. */
static int
take_effect(struct broker_call *c, const struct broker_offer *o)
{
	if (!o->effective || o->f->about != STATEMENT_REVOCATION)
		return 0;
	return broker_session_end_for_version(c->b, o->f->model, &o->f->version,
	    &c->pending);
}

static int
add(struct broker_call *c, const struct statement *s)
{
	uint64_t id = catalogue_next(c->b->how.catalogue, CATALOGUE_STATEMENT);
	OWNED_OFFER o = { 0 };
	int err = need_role(c, statement_fields(s)->about);

	if (err == 0)
		err = broker_offer_of(&o, c, s);
	if (err == 0)
		err = broker_offer_signed(&o);
	if (err == 0)
		err = broker_agree_judge(&o);
	if (err == 0)
		err = check_same(&o);
	if (err == 0)
		err = check_room(&o);
	if (err == 0)
		err = record_add(&o, id);
	if (err == 0)
		err = take_effect(c, &o);
	return err == 0 ? reply_outcome(&o, id) : err;
}

int
broker_statement_add(struct broker_call *c)
{
	OWNED(statement) s = NULL;
	char why[STATEMENT_WHY] = "";
	size_t n;
	const uint8_t *envelope = reader_blob(&c->body, MSG_JSON_MAX, &n);
	int err;

	if (!reader_end(&c->body))
		return broker_call_malformed(c);
	if (n > STATEMENT_ENVELOPE_MAX)
		return broker_call_fail(c, ERR_LIMIT,
		    "a statement's envelope has at most %u KiB",
		    STATEMENT_ENVELOPE_MAX >> 10);
	err = statement_parse(&s, envelope, n, why);
	if (err != 0)
		return broker_call_fail(c, err, "that is no statement: %s",
		    why[0] != '\0' ? why : err_text(err));
	return add(c, s);
}

/* --- statement.sign, statement.withdraw --- */

static int
find(struct broker_call *c, uint64_t id, struct broker_held *out)
{
	struct catalogue_statement *row = NULL;
	int err = catalogue_statement_get(c->b->how.catalogue, id, &row);

	if (err == ERR_NOT_FOUND)
		return broker_call_fail(c, err,
		    "there is no statement %ju; 'weir promote ls --all' lists "
		    "them",
		    (uintmax_t)id);
	if (err == 0)
		err = broker_trust_hold(row, out);
	if (err != 0)
		return broker_call_unreadable(c, err);
	return 0;
}

static const char *
state_name(enum catalogue_state s)
{
	switch (s) {
	case CATALOGUE_WAITING:
		return "waiting";
	case CATALOGUE_EFFECTIVE:
		return "effective";
	case CATALOGUE_WITHDRAWN:
		return "withdrawn";
	case CATALOGUE_STALE:
		break;
	}
	return "stale";
}

static int
find_waiting(struct broker_call *c, uint64_t id, struct broker_held *out)
{
	OWNED_HELD h = { 0 };
	char name[BROKER_NAME];
	int err = find(c, id, &h);

	if (err == 0)
		err = need_role(c, h.row->about);
	if (err != 0)
		return err;
	broker_trust_name(h.row, name);
	if (h.row->state == CATALOGUE_STALE)
		return broker_call_fail(c, ERR_CONFLICT,
		    "%s is stale: another one took its place; make a new one",
		    name);
	if (h.row->state != CATALOGUE_WAITING)
		return broker_call_fail(c, ERR_CONFLICT,
		    "%s does not wait any more: it is %s", name,
		    state_name(h.row->state));
	*out = h;
	h = (struct broker_held){ 0 };
	return 0;
}

/* Whether the person's signature would count, under one of the roots. */
static bool
is_waited_for(const struct broker_offer *o, const char *name)
{
	for (size_t i = 0; i < o->rules; i++)
		for (size_t k = 0; k < o->counts[i].waits_count; k++)
			if (strcmp(trust_root_person(o->roots[i],
				       o->counts[i].waits_for[k])
				       ->name,
				name) == 0)
				return true;
	return false;
}

static bool
has_signed(const struct broker_offer *o, const char *name)
{
	for (size_t i = 0; i < o->rules; i++)
		for (size_t k = 0; k < o->counts[i].signed_count; k++)
			if (strcmp(trust_root_person(o->roots[i],
				       o->counts[i].signed_by[k])
				       ->name,
				name) == 0)
				return true;
	return false;
}

static bool
enough(const struct broker_offer *o)
{
	return trust_count_met(&o->counts[broker_offer_open(o)]);
}

static int
check_signature(const struct broker_offer *o, const struct broker_held *h,
    const struct statement_signature *sig, const struct trust_person **who)
{
	const struct trust_person *p = broker_offer_person(o, &sig->keyid);
	char count[BROKER_WHY], hex[DIGEST_HEX_SIZE], name[BROKER_NAME];
	size_t open = broker_offer_open(o);

	broker_trust_name(h->row, name);
	broker_trust_count(&o->counts[open], o->roots[open], count);
	if (p == NULL)
		return broker_offer_reject(o->c, ERR_DENIED,
		    "%s: the trust root has no key with the id %s: %s", name,
		    digest_hex(&sig->keyid, hex), count);
	if (!statement_signed_by(o->s, sig, &p->key))
		return broker_offer_reject(o->c, ERR_INTEGRITY,
		    "%s: that is not a signature of it by the key of %s", name,
		    p->name);
	/* A root that came since may ask for no more than there is. */
	if (has_signed(o, p->name) && !enough(o))
		return broker_call_fail(o->c, ERR_CONFLICT,
		    "%s: %s has signed it already: %s", name, p->name, count);
	if (!has_signed(o, p->name) && !is_waited_for(o, p->name))
		return broker_offer_reject(o->c, ERR_DENIED,
		    "%s: the key of %s does not count for %s: %s", name,
		    p->name, o->title, count);
	*who = p;
	return 0;
}

static int
record_sign(struct broker_offer *o, uint64_t id, const char *signer,
    const struct statement_signature *sig)
{
	char text[SIG_TEXT];
	OWNED_ENTRY e = { 0 };

	broker_call_entry(o->c, &e, ENTRY_STATEMENT_SIGN);
	write_about(&e, o, id, false);
	entry_text(&e, "signer", signer);
	entry_digest(&e, "keyid", &sig->keyid);
	entry_text(&e, "sig",
	    base64_encode(text, sig->bytes, sizeof(sig->bytes)));
	entry_bool(&e, "effective", o->effective);
	return broker_call_record(o->c, &e);
}

static int
sign(struct broker_call *c, uint64_t id, const struct statement_signature *sig)
{
	const struct trust_person *who = NULL;
	OWNED_HELD h = { 0 };
	OWNED_OFFER o = { 0 };
	int err = find_waiting(c, id, &h);

	if (err == 0)
		err = broker_offer_of(&o, c, h.s);
	if (err == 0)
		err = check_signature(&o, &h, sig, &who);
	if (err == 0)
		err = statement_add(h.s, sig);
	if (err != 0)
		return err;
	broker_offer_count(&o);
	err = broker_offer_signed(&o);
	if (err == 0)
		err = broker_agree_judge(&o);
	if (err == 0)
		err = record_sign(&o, id, who->name, sig);
	if (err == 0)
		err = take_effect(c, &o);
	return err == 0 ? reply_outcome(&o, id) : err;
}

int
broker_statement_sign(struct broker_call *c)
{
	struct msg_statement_sign m;
	struct statement_signature sig;

	if (msg_statement_sign_read(&m, &c->body) != 0)
		return broker_call_malformed(c);
	sig.keyid = m.keyid;
	memcpy(sig.bytes, m.sig, sizeof(sig.bytes));
	return sign(c, m.statement, &sig);
}

static int
withdraw(struct broker_call *c, const struct msg_id_reason *m)
{
	OWNED_HELD h = { 0 };
	OWNED_ENTRY e = { 0 };
	int err;

	if (m->reason[0] == '\0' || strlen(m->reason) > REASON_MAX)
		return broker_call_fail(c, ERR_USAGE,
		    "to withdraw a statement takes a reason of 1 to %d bytes",
		    REASON_MAX);
	err = find_waiting(c, m->id, &h);
	if (err != 0)
		return err;
	broker_call_entry(c, &e, ENTRY_STATEMENT_WITHDRAW);
	entry_number(&e, "statement", m->id);
	entry_text(&e, "reason", m->reason);
	return broker_call_record(c, &e);
}

int
broker_statement_withdraw(struct broker_call *c)
{
	struct msg_id_reason m;
	int err;

	if (msg_id_reason_read(&m, &c->body) != 0)
		return broker_call_malformed(c);
	err = withdraw(c, &m);
	msg_id_reason_clear(&m);
	return err;
}

/* --- statement.get, statement.ls --- */

static int
set_text(json_t *j, const char *key, const char *text)
{
	return text[0] == '\0' ? 0 :
				 json_object_set_new(j, key, json_string(text));
}

static int
set_number(json_t *j, const char *key, uint64_t n)
{
	return n == 0 ?
	    0 :
	    json_object_set_new(j, key, json_integer((json_int_t)n));
}

/* What only some kinds have. */
static int
describe_kind(json_t *j, const struct catalogue_statement *s)
{
	int bad = set_text(j, "model", s->model);

	bad |= set_text(j, "channel", s->channel);
	bad |= set_text(j, "version", s->hex);
	bad |= set_number(j, "serial", s->serial);
	bad |= set_number(j, "number", s->number);
	if (s->about == STATEMENT_PROMOTION)
		bad |= set_text(j, "act", statement_act_name(s->act));
	return bad;
}

/* What may no longer be signed does not wait, though nobody withdrew it. */
static const char *
told_state(const struct broker_offer *o, const struct catalogue_statement *s)
{
	if (s->state == CATALOGUE_WAITING && s->about == STATEMENT_PROMOTION &&
	    o->f->expires_ms <= broker_record_clock())
		return "expired";
	return state_name(s->state);
}

/* NULL when memory is short, or what is kept is no statement. */
static json_t *
describe(const struct broker_offer *o, const struct catalogue_statement *s)
{
	const struct trust_count *n = &o->counts[broker_offer_open(o)];
	char name[BROKER_NAME], created[ENTRY_TIME_SIZE];
	json_t *j = json_pack("{s:I, s:s, s:s, s:s, s:I, s:I, s:o, s:o, s:s,"
			      " s:s}",
	    "statement", (json_int_t)s->id, "name", broker_trust_name(s, name),
	    "about", statement_about_name(s->about), "state", told_state(o, s),
	    "have", (json_int_t)n->have, "need", (json_int_t)n->need, "signed",
	    broker_offer_names(o, false), "waits", broker_offer_names(o, true),
	    "by", s->by, "created", entry_time_text(s->created_ms, created));

	if (j == NULL || describe_kind(j, s) != 0) {
		json_decref(j);
		return NULL;
	}
	return j;
}

int
broker_statement_get(struct broker_call *c)
{
	OWNED_HELD h = { 0 };
	OWNED_OFFER o = { 0 };
	json_error_t why;
	uint64_t id;
	json_t *j;
	int err;

	if (msg_number_read(&id, &c->body) != 0)
		return broker_call_malformed(c);
	err = find(c, id, &h);
	if (err == 0)
		err = broker_offer_told(&o, c, &h);
	if (err != 0)
		return err;
	j = describe(&o, h.row);
	if (json_object_set_new(j, "envelope",
		json_loads(h.row->envelope, 0, &why)) != 0) {
		json_decref(j);
		return ERR_NOMEM;
	}
	return broker_call_json(c, j);
}

struct telling {
	struct broker_call *c;
	struct broker_newest l;
};

static int
list_one(void *arg, const struct catalogue_statement *row)
{
	struct telling *l = arg;
	struct catalogue_statement copy = *row;
	struct broker_held h = { .row = &copy };
	OWNED(statement) s = NULL;
	OWNED_OFFER o = { 0 };
	int err = statement_parse(&s, row->envelope, strlen(row->envelope),
	    NULL);

	h.s = s;
	if (err == 0)
		err = broker_offer_told(&o, l->c, &h);
	if (err != 0)
		return err;
	return broker_trust_append(&l->l, describe(&o, row));
}

int
broker_statement_ls(struct broker_call *c)
{
	struct telling l = { .c = c };
	OWNED_MEM(char) model = NULL;
	int err;

	if (msg_string_read(&model, &c->body) != 0)
		return broker_call_malformed(c);
	if (model[0] != '\0' && !ref_name_ok(model))
		return broker_call_fail(c, ERR_USAGE,
		    "that is not the name of a model");
	l.l.list = json_array();
	err = catalogue_statement_each(c->b->how.catalogue, model, list_one,
	    &l);
	if (err != 0) {
		json_decref(l.l.list);
		return broker_call_unreadable(c, err);
	}
	return broker_call_json(c, json_pack("{s:o}", "statements", l.l.list));
}
