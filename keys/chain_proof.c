/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys/chain_parts.h"
#include "vault/entry.h"
#include "vault/err.h"
#include "vault/fields.h"
#include "vault/log.h"

#define WHAT_SIZE 256
#define SHOWN_MAX 4096 /* revocations */
/* Of an unsigned version: with fewer, keyd would choose. */
#define UNSIGNED_DIGITS 32

/* What keyd shows for a reference. */
struct proof {
	const char *model;
	const char *channel; /* NULL: none */
	struct digest version;
	uint64_t root;
	const json_t *oms;
	const json_t *revoked;
	struct statement *statement; /* of the version; NULL: none */
	struct statement *promotion;
	struct statement *earlier;
};

/* A proof at hand, and what it is for. */
struct judging {
	struct chain *c;
	const char *reference;
	struct proof p;
	struct trust_want want;
	char shown[REF_NAME_MAX + 16]; /* model@<12 digits> */
	char full[REF_NAME_MAX + 70];  /* model@<64 digits> */
};

static void
proof_clear(struct proof *p)
{
	statement_free(p->statement);
	statement_free(p->promotion);
	statement_free(p->earlier);
}

/* --- reading --- */

static int
malformed(void)
{
	return log_err(ERR_FORMAT,
	    "weir-keyd sent a malformed reply to channel.proof");
}

static int
read_envelope(struct judging *j, const json_t *json, const char *what,
    struct statement **out)
{
	return json == NULL ?
	    0 :
	    chain_envelope(j->c, j->reference, json, what, out);
}

static int
read_proof(struct judging *j, const json_t *json)
{
	const struct why silent = { NULL, 0 };
	struct fields f = fields_of(json, "proof", &silent);
	struct proof *p = &j->p;
	const json_t *version = NULL, *promotion = NULL, *earlier = NULL;
	int err;

	p->model = fields_name(&f, "model", ref_name_ok);
	if (fields_has(&f, "channel"))
		p->channel = fields_name(&f, "channel", ref_channel_ok);
	p->version = fields_digest(&f, "version");
	p->root = (uint64_t)fields_number(&f, "root", 0, FIELDS_NUMBER_MAX);
	p->revoked = fields_array(&f, "revoked", SHOWN_MAX);
	if (fields_has(&f, "signed"))
		version = fields_value(&f, "signed");
	if (fields_has(&f, "promotion"))
		promotion = fields_value(&f, "promotion");
	if (fields_has(&f, "earlier"))
		earlier = fields_value(&f, "earlier");
	if (fields_has(&f, "oms"))
		p->oms = fields_value(&f, "oms");
	/* For people; no host goes by it. */
	if (fields_has(&f, "verified"))
		(void)fields_value(&f, "verified");
	if (fields_end(&f) != 0)
		return malformed();
	err = read_envelope(j, version, "the version's statement",
	    &p->statement);
	if (err == 0)
		err = read_envelope(j, promotion, "the promotion",
		    &p->promotion);
	if (err == 0)
		err = read_envelope(j, earlier, "the earlier promotion",
		    &p->earlier);
	return err;
}

/* --- judging --- */

/* It is an answer to what was asked, under the root at hand. */
static int
check_answer(struct judging *j, const struct ref *r)
{
	const struct proof *p = &j->p;
	char hex[DIGEST_HEX_SIZE];

	digest_hex(&p->version, hex);
	if (strcmp(p->model, r->name) != 0 ||
	    strcmp(p->channel != NULL ? p->channel : "", r->channel) != 0 ||
	    strncmp(hex, r->digits, strlen(r->digits)) != 0)
		return chain_refuse(j->c, j->reference,
		    "keyd answers with %s%s%s, version %s", p->model,
		    p->channel != NULL ? ":" : "",
		    p->channel != NULL ? p->channel : "", hex);
	if (j->c->root == NULL || p->root == trust_root_number(j->c->root))
		return 0;
	j->c->outdated = p->root > trust_root_number(j->c->root);
	if (j->c->outdated)
		return ERR_CONFLICT;
	return chain_refuse(j->c, j->reference,
	    "keyd goes by trust root %" PRIu64 ", this host by %" PRIu64,
	    p->root, trust_root_number(j->c->root));
}

/*
 * Before anybody is told: what keyd shows today it may withhold tomorrow.  That
 * it is refused does not hang on whether it can be remembered.
 */
static void
remember_revoked(struct judging *j, const struct statement *s, bool counted)
{
	struct revoked r = { .payload = statement_digest(s),
		.time_ms = j->c->now_ms,
		.counted = counted };
	struct seen *seen = j->c->seen;
	int err;

	snprintf(r.reason, sizeof(r.reason), "%s", statement_fields(s)->reason);
	err = seen_set_revoked(seen, j->want.model, &j->want.version, &r);
	if (err == 0)
		err = seen_save(seen);
	if (err != 0)
		log_error("this host cannot remember that %s was revoked (%s): "
			  "it is refused now, and perhaps not when keyd "
			  "withholds that",
		    j->shown, err_text(err));
}

/* One that the root at hand does not count may rest on an earlier one, and
 * stays. */
static int
refuse_revoked(struct judging *j, const struct statement *s)
{
	const struct trust_root *r = j->c->root;
	const char *reason = statement_fields(s)->reason;
	bool counted = r != NULL &&
	    trust_accept_revocation(r, &j->want, s) == TRUST_OK;

	remember_revoked(j, s, counted);
	if (r == NULL || counted)
		return chain_refuse(j->c, j->reference, "%s was revoked: %s",
		    j->shown, reason);
	return chain_refuse(j->c, j->reference,
	    "%s was revoked, as keyd shows: %s (under trust root %" PRIu64
	    " too few of its signatures count, and under an earlier one "
	    "perhaps more)",
	    j->shown, reason, trust_root_number(r));
}

/* What this host was shown once. */
static int
check_remembered(struct judging *j)
{
	char time[ENTRY_TIME_SIZE];
	struct revoked r;

	if (!seen_revoked(j->c->seen, j->want.model, &j->want.version, &r))
		return 0;
	entry_time_text(r.time_ms, time);
	if (r.counted)
		return chain_refuse(j->c, j->reference,
		    "%s was revoked, as this host was shown on %s and keyd "
		    "does not show now: %s",
		    j->shown, time, r.reason);
	return chain_refuse(j->c, j->reference,
	    "%s was revoked, as keyd showed this host on %s and does not show "
	    "now (too few of its signatures counted then; if it was false: "
	    "weir trust forget %s %s): %s",
	    j->shown, time, j->c->vault_hex, j->full, r.reason);
}

static int
check_revoked(struct judging *j)
{
	const json_t *one;
	size_t i;

	json_array_foreach(j->p.revoked, i, one) {
		OWNED(statement) s = NULL;
		int err = chain_envelope(j->c, j->reference, one,
		    "a revocation", &s);

		if (err != 0)
			return err;
		if (trust_revokes(&j->want, s))
			return refuse_revoked(j, s);
	}
	return check_remembered(j);
}

static int
copy_names(char **out, const struct trust_root *r, const struct statement *s)
{
	char names[CHAIN_NAMES];
	struct trust_count n;

	trust_count_of(&n, r, s);
	*out = strdup(chain_names(r, n.signed_by, n.signed_count, names));
	return *out != NULL ? 0 : ERR_NOMEM;
}

static int
judge_version(struct judging *j, struct chain_version *v)
{
	const struct statement *s = j->p.statement;
	char what[WHAT_SIZE];
	enum trust_verdict verdict;

	snprintf(what, sizeof(what), "the statement of %s", j->shown);
	if (s == NULL)
		return chain_refuse(j->c, j->reference,
		    "nobody has signed %s: weir sign %s --key KEY, or name it "
		    "by its digest with --allow-unsigned",
		    j->shown, j->full);
	verdict = trust_accept_version(j->c->root, &j->want, s);
	if (verdict != TRUST_OK)
		return chain_refuse_statement(j->c, j->reference, what, verdict,
		    j->c->root, s);
	v->is_signed = true;
	v->root = statement_fields(s)->root;
	return copy_names(&v->signed_by, j->c->root, s);
}

static int
refuse_promotion(struct judging *j, enum trust_verdict verdict)
{
	const struct statement_fields *f = statement_fields(j->p.promotion);
	char what[WHAT_SIZE], until[ENTRY_TIME_SIZE];

	snprintf(what, sizeof(what),
	    "the promotion of %s to %s, serial %" PRIu64, j->shown,
	    j->want.channel, f->about == STATEMENT_PROMOTION ? f->serial : 0);
	if (verdict == TRUST_EXPIRED)
		return chain_refuse(j->c, j->reference,
		    "%s expired %s: promote it again (weir promote %s %s --key "
		    "KEY)",
		    what, entry_time_text(f->expires_ms, until), j->full,
		    j->want.channel);
	return chain_refuse_statement(j->c, j->reference, what, verdict,
	    j->c->root, j->p.promotion);
}

/* Against what this host has seen of the channel. */
static int
check_serial(struct judging *j, struct chain_moved *m)
{
	const struct statement_fields *f = statement_fields(j->p.promotion);
	struct seen_channel was;
	char key[REF_NAME_MAX + REF_CHANNEL_MAX + 2];

	snprintf(key, sizeof(key), "%s:%s", j->want.model, j->want.channel);
	was = seen_channel(j->c->seen, key);
	m->now = (struct seen_channel){ .serial = f->serial,
		.version = f->version,
		.payload = statement_digest(j->p.promotion) };
	if (f->serial < was.serial)
		return chain_refuse(j->c, j->reference,
		    "keyd shows serial %" PRIu64
		    ", and this host has seen serial %" PRIu64
		    ": it was rolled back",
		    f->serial, was.serial);
	if (f->serial == was.serial &&
	    !digest_equal(&m->now.payload, &was.payload))
		return chain_refuse(j->c, j->reference,
		    "keyd shows another promotion with serial %" PRIu64
		    " than the one that this host has seen",
		    f->serial);
	m->key = strdup(key);
	return m->key != NULL ? 0 : ERR_NOMEM;
}

static int
judge_promotion(struct judging *j, struct chain_version *v,
    struct chain_moved *m)
{
	const struct statement *s = j->p.promotion;
	const struct statement_fields *f;
	enum trust_verdict verdict;
	int err;

	if (s == NULL)
		return chain_refuse(j->c, j->reference,
		    "keyd shows no promotion of it");
	verdict = trust_accept_promotion(j->c->root, &j->want, s, j->p.earlier);
	if (verdict != TRUST_OK)
		return refuse_promotion(j, verdict);
	f = statement_fields(s);
	if (!digest_equal(&f->root, &v->root))
		return chain_refuse(j->c, j->reference,
		    "its promotion and its version's statement name different "
		    "files (root digests)");
	/* Whoever put it may not count as one who approves. */
	if (strcmp(f->put_by, statement_fields(j->p.statement)->put_by) != 0)
		return chain_refuse(j->c, j->reference,
		    "its promotion says that %s put it, and its version's "
		    "statement that %s did",
		    f->put_by, statement_fields(j->p.statement)->put_by);
	err = check_serial(j, m);
	if (err != 0)
		return err;
	v->serial = f->serial;
	v->expires_ms = f->expires_ms;
	return copy_names(&v->promoted_by, j->c->root, s);
}

/* By its digits, as it was told to. */
static int
accept_unsigned(struct judging *j, const struct ref *r)
{
	if (strlen(r->digits) >= UNSIGNED_DIGITS)
		return 0;
	return log_err(ERR_USAGE,
	    "%s: nobody has signed it, so that the digits must say which "
	    "version is meant: %d of them or more ('weir ls %s' lists them)",
	    j->reference, UNSIGNED_DIGITS, r->name);
}

static bool
is_accepted(const struct judging *j)
{
	return j->c->root != NULL && j->p.statement != NULL &&
	    trust_accept_version(j->c->root, &j->want, j->p.statement) ==
	    TRUST_OK;
}

static int
judge(struct judging *j, struct chain_version *v, struct chain_moved *m)
{
	const struct ref *r = &v->ref;
	bool channel = r->channel[0] != '\0';
	int err = check_answer(j, r);

	if (err == 0)
		err = check_revoked(j);
	if (err != 0)
		return err;
	if (!channel && j->c->how->allow_unsigned && !is_accepted(j))
		return accept_unsigned(j, r);
	if (j->c->root == NULL)
		return log_err(ERR_NOT_FOUND,
		    "%s: no trust root of this vault is pinned on this host, "
		    "and without one only MODEL@DIGEST --allow-unsigned can be "
		    "read",
		    j->reference);
	err = judge_version(j, v);
	return err == 0 && channel ? judge_promotion(j, v, m) : err;
}

static int
fill_in(const struct judging *j, struct chain_version *v)
{
	char hex[DIGEST_HEX_SIZE];

	v->version = j->p.version;
	if (j->p.channel != NULL)
		snprintf(v->full, sizeof(v->full), "%s:%s", j->p.model,
		    j->p.channel);
	else
		snprintf(v->full, sizeof(v->full), "%s@%s", j->p.model,
		    digest_hex(&j->p.version, hex));
	if (j->p.oms == NULL)
		return 0;
	v->oms_json = json_dumps(j->p.oms, JSON_COMPACT);
	return v->oms_json != NULL ? 0 : ERR_NOMEM;
}

int
chain_proof_judge(struct chain *c, const char *reference, const json_t *proof,
    struct chain_version *v, struct chain_moved *moved)
{
	struct judging j = { .c = c, .reference = reference };
	char hex[DIGEST_HEX_SIZE];
	int err = read_proof(&j, proof);

	if (err == 0) {
		memcpy(j.want.vault, c->vault, sizeof(c->vault));
		j.want.model = v->ref.name;
		j.want.channel = v->ref.channel[0] != '\0' ? v->ref.channel :
							     NULL;
		j.want.version = j.p.version;
		j.want.now_ms = c->now_ms;
		snprintf(j.shown, sizeof(j.shown), "%s@%.12s", v->ref.name,
		    digest_hex(&j.p.version, hex));
		snprintf(j.full, sizeof(j.full), "%s@%s", v->ref.name, hex);
		err = judge(&j, v, moved);
	}
	if (err == 0)
		err = fill_in(&j, v);
	if (err != 0) {
		free(moved->key);
		moved->key = NULL;
	}
	proof_clear(&j.p);
	return err;
}
