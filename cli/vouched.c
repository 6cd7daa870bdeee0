/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/vouched.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/out.h"
#include "cli/sshwire.h"
#include "vault/clock.h"
#include "vault/entry.h"
#include "vault/err.h"
#include "vault/log.h"

#define LATEST "latest"
#define NAMES 1024

void
vouched_clear(struct vouched *v)
{
	roots_clear(&v->roots);
	statement_free(v->version.statement);
	statement_free(v->promotion.statement);
	statement_free(v->revocation.statement);
	json_decref(v->proof);
	*v = (struct vouched){ 0 };
}

bool
vouched_is(const struct vouched *v)
{
	return v->version.statement != NULL && v->version.verdict == TRUST_OK &&
	    v->agrees && v->revocation.statement == NULL;
}

/* --- what keyd shows, judged --- */

static int
parse(const json_t *envelope, struct statement **out)
{
	OWNED_MEM(char) text = json_dumps(envelope, JSON_COMPACT);
	char why[STATEMENT_WHY] = "";
	int r;

	if (text == NULL)
		return ERR_NOMEM;
	r = statement_parse(out, text, strlen(text), why);
	if (r == ERR_FORMAT || r == ERR_LIMIT)
		return log_err(ERR_INTEGRITY,
		    "keyd shows a statement that is none: %s", why);
	return r;
}

/* The statement under this key of the proof; NULL when there is none. */
static int
take(const struct vouched *v, const char *key, struct statement **out)
{
	const json_t *envelope = json_object_get(v->proof, key);

	*out = NULL;
	return envelope != NULL ? parse(envelope, out) : 0;
}

static void
count(struct vouched *v, struct vouched_link *l)
{
	trust_count_of(&l->count, v->roots.root, l->statement);
}

static int
judge_promotion(struct vouched *v, const struct trust_want *want)
{
	struct vouched_link *l = &v->promotion;
	OWNED(statement) earlier = NULL;
	int r;

	if ((r = take(v, "promotion", &l->statement)) != 0 ||
	    (r = take(v, "earlier", &earlier)) != 0 || l->statement == NULL)
		return r;
	l->verdict = trust_accept_promotion(v->roots.root, want, l->statement,
	    earlier);
	count(v, l);
	return 0;
}

static int
judge_revocations(struct vouched *v, const struct trust_want *want)
{
	struct vouched_link *l = &v->revocation;
	const json_t *envelope;
	size_t i;

	json_array_foreach(json_object_get(v->proof, "revoked"), i, envelope) {
		OWNED(statement) s = NULL;
		int r = parse(envelope, &s);

		if (r != 0)
			return r;
		if (l->statement != NULL || !trust_revokes(want, s))
			continue;
		l->statement = s;
		s = NULL;
		count(v, l);
	}
	return 0;
}

static int
judge(struct vouched *v, const struct trust_want *want,
    const struct subject *subject)
{
	struct vouched_link *l = &v->version;
	int r;

	trust_count_of(&v->root_count, v->roots.root, v->roots.newest);
	if ((r = take(v, "signed", &l->statement)) != 0)
		return r;
	if (l->statement != NULL) {
		const struct statement_fields *f = statement_fields(
		    l->statement);

		l->verdict = trust_accept_version(v->roots.root, want,
		    l->statement);
		v->agrees = digest_equal(&f->root, &subject->root);
		count(v, l);
	}
	if ((r = judge_promotion(v, want)) != 0)
		return r;
	return judge_revocations(v, want);
}

int
vouched_open(struct vouched *out, struct client *client, const struct ref *ref,
    const struct subject *subject)
{
	bool channel = ref->channel[0] != '\0' &&
	    strcmp(ref->channel, LATEST) != 0;
	char named[REF_NAME_MAX + REF_CHANNEL_MAX + 2], hex[DIGEST_HEX_SIZE];
	struct trust_want want = { .model = subject->m.model,
		.channel = channel ? ref->channel : NULL,
		.version = subject->m.version,
		.now_ms = clock_wall_ms() };
	OWNED_VOUCHED v = { 0 };
	int r;

	memcpy(want.vault, client_peer(client)->vault, sizeof(want.vault));
	snprintf(named, sizeof(named), "%s:%s", ref->name, ref->channel);
	if ((r = roots_look(&v.roots, client)) != 0 ||
	    (r = talk_json(client, MSG_CHANNEL_PROOF,
		 channel ? named : subject->full, &v.proof)) != 0)
		return r;
	if (strcmp(talk_text(v.proof, "version"),
		digest_hex(&subject->m.version, hex)) != 0)
		return log_err(ERR_CONFLICT, "%s has moved just now: try again",
		    named);
	if (v.roots.root != NULL && (r = judge(&v, &want, subject)) != 0)
		return r;
	*out = v;
	v = (struct vouched){ 0 };
	return 0;
}

/* --- for people --- */

/* "carol, dave (2 of 2)" */
static const char *
who(const struct vouched *v, const struct trust_count *c, char buf[NAMES])
{
	size_t n = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < c->signed_count && n < NAMES; i++)
		n += (size_t)snprintf(buf + n, NAMES - n, "%s%s",
		    i > 0 ? ", " : "",
		    trust_root_person(v->roots.root, c->signed_by[i])->name);
	if (n < NAMES)
		snprintf(buf + n, NAMES - n, "%s (%u of %u)",
		    n == 0 ? "nobody" : "", c->have, c->need);
	return buf;
}

static const char *
why_not(const struct vouched *v)
{
	if (v->version.verdict != TRUST_OK)
		return trust_text(v->version.verdict);
	return v->agrees ? "revoked" :
			   "over another root digest than the manifest has";
}

static void
print_version(const struct vouched *v)
{
	const struct statement_fields *f;
	char buf[NAMES], time[OUT_TIME];

	if (v->version.statement == NULL) {
		out_line("signed   no");
		return;
	}
	f = statement_fields(v->version.statement);
	out_line("signed   %sby %s, %s UTC",
	    vouched_is(v) ? "" : "no: ", who(v, &v->version.count, buf),
	    out_time(f->time_ms, time));
	if (!vouched_is(v))
		out_line("         it is %s", why_not(v));
	if (f->classification != NULL)
		out_line("         classification %s", f->classification);
	if (f->owner != NULL)
		out_line("         owner %s", f->owner);
	if (f->source_run != NULL)
		out_line("         source run %s", f->source_run);
	if (f->licence != NULL)
		out_line("         licence %s", f->licence);
	for (size_t i = 0; i < f->label_count; i++)
		out_line("         label %s=%s", f->labels[i].key,
		    f->labels[i].value);
}

static void
print_promotion(const struct vouched *v)
{
	const struct statement_fields *f;
	char buf[NAMES], time[OUT_TIME], expires[OUT_TIME];
	char act[48] = "promoted";

	if (v->promotion.statement == NULL)
		return;
	f = statement_fields(v->promotion.statement);
	if (f->act == STATEMENT_ROLLBACK)
		snprintf(act, sizeof(act), "back to %ju", (uintmax_t)f->to);
	out_line("channel  %s:%s, serial %ju, %s by %s, %s UTC", f->model,
	    f->channel, (uintmax_t)f->serial, act,
	    who(v, &v->promotion.count, buf), out_time(f->time_ms, time));
	out_line("         expires %s UTC; reason: %s%s%s%s",
	    out_time(f->expires_ms, expires), f->reason,
	    f->ticket != NULL ? " (" : "", f->ticket != NULL ? f->ticket : "",
	    f->ticket != NULL ? ")" : "");
	if (v->promotion.verdict != TRUST_OK)
		out_line("         not in force: it is %s",
		    trust_text(v->promotion.verdict));
}

static void
print_revocation(const struct vouched *v)
{
	const struct statement_fields *f;
	char buf[NAMES], time[OUT_TIME];

	if (v->revocation.statement == NULL)
		return;
	f = statement_fields(v->revocation.statement);
	out_line("revoked  by %s, %s UTC: %s",
	    who(v, &v->revocation.count, buf), out_time(f->time_ms, time),
	    f->reason);
}

static void
print_verdict(const struct vouched *v)
{
	const json_t *j = json_object_get(v->proof, "verified");

	if (j == NULL)
		out_line("verified not yet: nobody has read it back");
	else if (talk_bool(j, "ok"))
		out_line("verified every chunk opened, every file hashed: "
			 "entry %ju",
		    (uintmax_t)talk_number(j, "entry"));
	else
		out_line("verified BAD: %s: entry %ju", talk_text(j, "reason"),
		    (uintmax_t)talk_number(j, "entry"));
}

static void
print_root(const struct vouched *v)
{
	char buf[NAMES], hex[DIGEST_HEX_SIZE];
	struct digest root;

	if (v->roots.root == NULL) {
		out_line("trust    there is no root: nobody may sign");
		return;
	}
	root = trust_root_digest(v->roots.root);
	out_line("trust    root %ju, %.12s, signed by %s",
	    (uintmax_t)v->roots.number, digest_hex(&root, hex),
	    who(v, &v->root_count, buf));
	if (v->roots.by_keyd)
		out_line("         %s", roots_by_keyd);
}

void
vouched_print(const struct vouched *v)
{
	const json_t *oms = json_object_get(v->proof, "oms");

	print_root(v);
	print_promotion(v);
	print_version(v);
	print_revocation(v);
	print_verdict(v);
	if (oms != NULL)
		out_line("oms      signed as '%s': model.sig is in its root "
			 "when it is got or mounted",
		    talk_text(oms, "name"));
}

/* --- for programs --- */

static int
set_names(const struct vouched *v, const struct trust_count *c, json_t *j)
{
	json_t *names = json_array();

	if (out_set(j, "signed_by", names) != 0 ||
	    out_set(j, "have", json_integer(c->have)) != 0 ||
	    out_set(j, "need", json_integer(c->need)) != 0)
		return ERR_NOMEM;
	for (size_t i = 0; i < c->signed_count; i++) {
		const struct trust_person *p = trust_root_person(v->roots.root,
		    c->signed_by[i]);

		if (json_array_append_new(names, json_string(p->name)) != 0)
			return ERR_NOMEM;
	}
	return 0;
}

/* What the links of the chain have in common. */
static json_t *
link_json(const struct vouched *v, const struct vouched_link *l, bool accepted,
    const char *why)
{
	const struct statement_fields *f = statement_fields(l->statement);
	struct digest d = statement_digest(l->statement);
	char time[ENTRY_TIME_SIZE], hex[DIGEST_HEX_SIZE];
	json_t *j = json_pack("{s:b, s:s*, s:s, s:s, s:s*, s:s*}", "accepted",
	    accepted, "why", accepted ? NULL : why, "digest",
	    digest_hex(&d, hex), "time", entry_time_text(f->time_ms, time),
	    "reason", f->reason, "put_by", f->put_by);

	if (j != NULL && set_names(v, &l->count, j) != 0) {
		json_decref(j);
		return NULL;
	}
	return j;
}

static int
version_json(const struct vouched *v, json_t *chain)
{
	const struct statement_fields *f;
	char hex[DIGEST_HEX_SIZE];
	json_t *j, *labels = NULL;

	if (v->version.statement == NULL)
		return 0;
	f = statement_fields(v->version.statement);
	j = link_json(v, &v->version, vouched_is(v), why_not(v));
	if (j == NULL || out_set(chain, "statement", j) != 0 ||
	    json_object_update_new(j,
		json_pack("{s:s, s:s*, s:s*, s:s*, s:s*, s:o}", "root_digest",
		    digest_hex(&f->root, hex), "classification",
		    f->classification, "owner", f->owner, "source_run",
		    f->source_run, "licence", f->licence, "labels",
		    labels = json_object())) != 0)
		return ERR_NOMEM;
	for (size_t i = 0; i < f->label_count; i++)
		if (out_set(labels, f->labels[i].key,
			json_string(f->labels[i].value)) != 0)
			return ERR_NOMEM;
	return 0;
}

static int
promotion_json(const struct vouched *v, json_t *chain)
{
	const struct vouched_link *l = &v->promotion;
	const struct statement_fields *f;
	char expires[ENTRY_TIME_SIZE];
	json_t *j;

	if (l->statement == NULL)
		return 0;
	f = statement_fields(l->statement);
	j = link_json(v, l, l->verdict == TRUST_OK, trust_text(l->verdict));
	if (j == NULL || out_set(chain, "promotion", j) != 0 ||
	    json_object_update_new(j,
		json_pack("{s:s, s:I, s:s, s:s, s:s*}", "channel", f->channel,
		    "serial", (json_int_t)f->serial, "act",
		    statement_act_name(f->act), "expires",
		    entry_time_text(f->expires_ms, expires), "ticket",
		    f->ticket)) != 0)
		return ERR_NOMEM;
	if (f->act == STATEMENT_ROLLBACK)
		return out_set(j, "to", json_integer((json_int_t)f->to));
	return 0;
}

static int
root_json(const struct vouched *v, json_t *chain)
{
	char print[SSHWIRE_PRINT], hex[DIGEST_HEX_SIZE];
	json_t *j, *keys = json_object();
	struct digest d;

	if (v->roots.root == NULL) {
		json_decref(keys);
		return 0;
	}
	d = trust_root_digest(v->roots.root);
	j = json_pack("{s:I, s:s, s:b, s:o}", "number",
	    (json_int_t)v->roots.number, "digest", digest_hex(&d, hex),
	    "by_keyd", v->roots.by_keyd, "keys", keys);
	if (j == NULL || out_set(chain, "trust_root", j) != 0)
		return ERR_NOMEM;
	for (size_t i = 0; i < trust_root_people(v->roots.root); i++) {
		const struct trust_person *p = trust_root_person(v->roots.root,
		    i);

		if (out_set(keys, p->name,
			json_string(sshwire_print(&p->key, print))) != 0)
			return ERR_NOMEM;
	}
	return set_names(v, &v->root_count, j);
}

int
vouched_set(const struct vouched *v, json_t *object)
{
	json_t *chain = json_object();
	json_t *oms = json_object_get(v->proof, "oms");
	json_t *verdict = json_object_get(v->proof, "verified");
	int r;

	if ((r = out_set(object, "signed", json_boolean(vouched_is(v)))) != 0 ||
	    (r = out_set(object, "revoked",
		 json_boolean(v->revocation.statement != NULL))) != 0 ||
	    (r = out_set(object, "verified",
		 verdict != NULL ? json_incref(verdict) : json_null())) != 0 ||
	    (r = out_set(object, "chain", chain)) != 0 ||
	    (r = root_json(v, chain)) != 0 ||
	    (r = promotion_json(v, chain)) != 0 ||
	    (r = version_json(v, chain)) != 0)
		return r;
	if (v->revocation.statement != NULL &&
	    out_set(chain, "revocation",
		link_json(v, &v->revocation, true, NULL)) != 0)
		return ERR_NOMEM;
	return oms != NULL ? out_set(chain, "oms", json_incref(oms)) : 0;
}
