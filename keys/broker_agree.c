/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys/broker_trust.h"
#include "vault/err.h"

/* Whether the state of things agrees with a statement, and what then comes of
 * it. */

/* How far ahead of keyd's clock a signer's may be. */
#define AHEAD_MS INT64_C(3600000)
#define DAY_MS INT64_C(86400000)

static int
unreadable(struct broker_offer *o, int err)
{
	return broker_call_unreadable(o->c, err);
}

static int
find_version(struct broker_offer *o, struct catalogue_version *v)
{
	const struct statement_fields *f = o->f;
	char hex[DIGEST_HEX_SIZE];
	int err = catalogue_version_get(o->c->b->how.catalogue, f->model,
	    &f->version, v);

	if (err == ERR_NOT_FOUND)
		return broker_call_fail(o->c, err,
		    "there is no %s@%s; 'weir ls %s' lists what there is",
		    f->model, digest_hex(&f->version, hex), f->model);
	return err == 0 ? 0 : unreadable(o, err);
}

static int
agree_number(struct broker_offer *o, const char *what, uint64_t said,
    uint64_t is)
{
	if (said == is)
		return 0;
	return broker_offer_reject(o->c, ERR_INTEGRITY,
	    "%s says %s %ju; the catalogue has %ju", o->title, what,
	    (uintmax_t)said, (uintmax_t)is);
}

static int
agree_put_by(struct broker_offer *o, const struct catalogue_version *v)
{
	if (strcmp(o->f->put_by, v->by) == 0)
		return 0;
	return broker_offer_reject(o->c, ERR_INTEGRITY,
	    "%s says that %s put the version; it was %s", o->title,
	    o->f->put_by, v->by);
}

static int
is_verified(struct broker_offer *o, const struct catalogue_version *v)
{
	switch (v->verified) {
	case CATALOGUE_VERIFIED:
		return 0;
	case CATALOGUE_UNVERIFIED:
		return broker_call_fail(o->c, ERR_CONFLICT,
		    "%s cannot be taken yet: the verifier has not yet found"
		    " that the version is what its manifest says; it is at"
		    " work in the background, try again",
		    o->title);
	case CATALOGUE_BAD:
		break;
	}
	return broker_offer_reject(o->c, ERR_INTEGRITY,
	    "%s cannot be taken: the verifier found that the version is not"
	    " what its manifest says: %s",
	    o->title, v->verify_reason);
}

static int
agree_version(struct broker_offer *o, const struct catalogue_version *v)
{
	int err = is_verified(o, v);

	if (err == 0)
		err = agree_number(o, "files", o->f->files, v->files);
	if (err == 0)
		err = agree_number(o, "bytes", o->f->bytes, v->bytes);
	if (err == 0)
		err = agree_number(o, "weights", o->f->weights, v->weights);
	return err == 0 ? agree_put_by(o, v) : err;
}

/* The version itself, not the channel. */
static int
version_accepted(struct broker_offer *o)
{
	const struct statement_fields *f = o->f;
	struct trust_want want = broker_trust_want(o->c->b, f->model, NULL,
	    &f->version);
	OWNED_BELIEF belief = { 0 };
	char why[BROKER_WHY], hex[DIGEST_HEX_SIZE];
	int err = broker_trust_believe(o->c->b, o->root, &want, &belief);

	if (err != 0)
		return unreadable(o, err);
	digest_hex(&f->version, hex);
	if (belief.verdict != TRUST_OK) {
		broker_trust_why(&belief, o->root, why);
		return broker_call_fail(o->c, ERR_CONFLICT,
		    "%s@%s is not accepted: %s%s%s@%s%s", f->model, hex, why,
		    belief.verdict == TRUST_REVOKED ? "" : "; weir sign ",
		    belief.verdict == TRUST_REVOKED ? "" : f->model,
		    belief.verdict == TRUST_REVOKED ? "" : hex,
		    belief.verdict == TRUST_REVOKED ? "" : " --key KEY");
	}
	return 0;
}

static int
agree_times(struct broker_offer *o)
{
	const struct statement_fields *f = o->f;
	int64_t now = broker_record_clock();
	uint32_t days = trust_root_days(o->root, f->model, f->channel);

	if (f->time_ms > now + AHEAD_MS)
		return broker_call_fail(o->c, ERR_USAGE,
		    "%s was made more than an hour ahead of weir-keyd's clock",
		    o->title);
	if (f->expires_ms <= now)
		return broker_call_fail(o->c, ERR_CONFLICT,
		    "%s has expired already", o->title);
	if (f->expires_ms - f->time_ms > days * DAY_MS)
		return broker_offer_reject(o->c, ERR_DENIED,
		    "%s lasts longer than the %u days that the rule for %s:%s"
		    " allows",
		    o->title, days, f->model, f->channel);
	return 0;
}

/* The serial that follows, and what is there now. */
static int
agree_place(struct broker_offer *o)
{
	const struct statement_fields *f = o->f;
	OWNED(catalogue_statement) now = NULL;
	uint64_t next = 1;
	int err = catalogue_statement_promotion(o->c->b->how.catalogue,
	    f->model, f->channel, 0, &now);

	if (err != 0 && err != ERR_NOT_FOUND)
		return unreadable(o, err);
	if (now != NULL)
		next = now->serial + 1;
	if (f->serial != next)
		return broker_call_fail(o->c, ERR_CONFLICT,
		    "%s: the next serial of %s:%s is %ju; look again: weir"
		    " channel log %s:%s",
		    o->title, f->model, f->channel, (uintmax_t)next, f->model,
		    f->channel);
	if (f->has_previous != (now != NULL) ||
	    (now != NULL && !digest_equal(&f->previous, &now->version)))
		return broker_call_fail(o->c, ERR_CONFLICT,
		    "%s takes another version for the one before it: %s:%s is"
		    " at %s%s",
		    o->title, f->model, f->channel, now != NULL ? "@" : "none",
		    now != NULL ? now->hex : "");
	return 0;
}

/* What a rollback goes back to: *out stays empty for a promotion. */
static int
find_earlier(struct broker_offer *o, struct broker_held *out)
{
	const struct statement_fields *f = o->f;
	struct catalogue_statement *row = NULL;
	int err;

	if (f->act != STATEMENT_ROLLBACK)
		return 0;
	err = catalogue_statement_promotion(o->c->b->how.catalogue, f->model,
	    f->channel, f->to, &row);
	if (err == 0)
		err = broker_trust_hold(row, out);
	if (err == ERR_NOT_FOUND)
		return broker_call_fail(o->c, err,
		    "%s goes back to serial %ju, which %s:%s never had",
		    o->title, (uintmax_t)f->to, f->model, f->channel);
	if (err != 0)
		return unreadable(o, err);
	if (!digest_equal(&out->row->version, &f->version))
		return broker_call_fail(o->c, ERR_CONFLICT,
		    "%s goes back to serial %ju, which was %s@%s", o->title,
		    (uintmax_t)f->to, f->model, out->row->hex);
	if (out->row->act == STATEMENT_ROLLBACK)
		return broker_call_fail(o->c, ERR_CONFLICT,
		    "%s goes back to serial %ju, which is a rollback itself:"
		    " name serial %ju",
		    o->title, (uintmax_t)f->to, (uintmax_t)out->row->back);
	return 0;
}

static int
agree_promotion(struct broker_offer *o, const struct catalogue_version *v)
{
	int err = 0;

	if (strcmp(o->f->channel, BROKER_LATEST) == 0)
		return broker_call_fail(o->c, ERR_USAGE,
		    "nothing is promoted to 'latest', which each put moves");
	err = agree_put_by(o, v);
	if (err == 0)
		err = version_accepted(o);
	if (err == 0)
		err = agree_place(o);
	return err == 0 ? agree_times(o) : err;
}

static int
agree_revocation(struct broker_offer *o)
{
	const struct statement_fields *f = o->f;
	struct trust_want want = broker_trust_want(o->c->b, f->model, NULL,
	    &f->version);
	OWNED_BELIEF belief = { 0 };
	char name[BROKER_NAME];
	int err = broker_trust_believe(o->c->b, o->root, &want, &belief);

	if (err != 0)
		return unreadable(o, err);
	if (belief.verdict == TRUST_REVOKED)
		return broker_call_fail(o->c, ERR_CONFLICT,
		    "%s: it has been revoked already (%s)", o->title,
		    broker_trust_name(belief.revocation.row, name));
	return 0;
}

static int
agree_log(struct broker_offer *o)
{
	OWNED_MEM(char) ours = note_key_text(&o->c->b->how.vault->key);

	if (ours == NULL)
		return ERR_NOMEM;
	if (strcmp(trust_root_log(o->next), ours) != 0)
		return broker_offer_reject(o->c, ERR_INTEGRITY,
		    "%s names another log than this vault's, which is %s",
		    o->title, ours);
	return 0;
}

static int
agree_trust(struct broker_offer *o)
{
	const struct digest vault = digest_of(o->f->vault, sizeof(o->f->vault));
	struct digest before = o->root != NULL ? trust_root_digest(o->root) :
						 vault;
	uint64_t next = o->root != NULL ? trust_root_number(o->root) + 1 : 1;

	if (o->f->number != next)
		return broker_call_fail(o->c, ERR_CONFLICT,
		    "%s: the next one is trust root %ju; look again: weir trust"
		    " show",
		    o->title, (uintmax_t)next);
	if (!digest_equal(&o->f->root, &before))
		return broker_call_fail(o->c, ERR_CONFLICT,
		    "%s does not follow the trust root in force, but another"
		    " one",
		    o->title);
	return agree_log(o);
}

/* What the signers took for the tree's root digest.  What is damaged can be
 * revoked all the same. */
static int
agree_root(struct broker_offer *o, const struct catalogue_version *v)
{
	struct digest root;
	int err;

	if (o->f->about == STATEMENT_REVOCATION)
		return 0;
	err = broker_oms_root(o->c, v, &root);
	if (err != 0 || digest_equal(&root, &o->f->root))
		return err;
	return broker_offer_reject(o->c, ERR_INTEGRITY,
	    "%s names another root digest than the version's files have",
	    o->title);
}

/* The grant waits, and is what was signed, to the letter. */
static int
agree_grant(struct broker_offer *o)
{
	const struct statement_fields *f = o->f;
	char terms[GRANT_TERMS];
	struct grant g;
	int err = catalogue_grant_get(o->c->b->how.catalogue, f->number, &g);

	if (err == ERR_NOT_FOUND)
		return broker_call_fail(o->c, err,
		    "there is no grant %ju; 'weir grant ls' lists them",
		    (uintmax_t)f->number);
	if (err != 0)
		return unreadable(o, err);
	if (g.approvals == 0 || g.approved_ms != 0)
		return broker_call_fail(o->c, ERR_CONFLICT,
		    "grant %ju does not wait for approvals",
		    (uintmax_t)f->number);
	if (grant_expired(&g, broker_record_clock()))
		return broker_call_fail(o->c, ERR_CONFLICT,
		    "grant %ju has ended before it was approved",
		    (uintmax_t)f->number);
	grant_terms(&g, terms);
	if (strcmp(g.model, f->model) != 0 || strcmp(g.to, f->grantee) != 0 ||
	    strcmp(terms, f->terms) != 0 || strcmp(g.reason, f->reason) != 0)
		return broker_offer_reject(o->c, ERR_INTEGRITY,
		    "%s says something else than the grant does", o->title);
	return 0;
}

static int
agree_about(struct broker_offer *o, const struct catalogue_version *v)
{
	switch (o->f->about) {
	case STATEMENT_VERSION:
		return agree_version(o, v);
	case STATEMENT_PROMOTION:
		return agree_promotion(o, v);
	case STATEMENT_REVOCATION:
	case STATEMENT_TRUST:
	case STATEMENT_GRANT:
		break;
	}
	return agree_revocation(o);
}

static int
agree(struct broker_offer *o)
{
	struct catalogue_version v;
	int err;

	if (o->f->about == STATEMENT_TRUST)
		return agree_trust(o);
	if (o->f->about == STATEMENT_GRANT)
		return agree_grant(o);
	err = find_version(o, &v);
	if (err == 0)
		err = agree_about(o, &v);
	return err == 0 ? agree_root(o, &v) : err;
}

static int
verdict_of(struct broker_offer *o, enum trust_verdict *out)
{
	const struct statement_fields *f = o->f;
	struct trust_want want = broker_trust_want(o->c->b, f->model,
	    f->channel, &f->version);
	OWNED_HELD earlier = { 0 };
	int err = 0;

	switch (f->about) {
	case STATEMENT_VERSION:
		*out = trust_accept_version(o->root, &want, o->s);
		break;
	case STATEMENT_PROMOTION:
		err = find_earlier(o, &earlier);
		if (err == 0)
			*out = trust_accept_promotion(o->root, &want, o->s,
			    earlier.s);
		break;
	case STATEMENT_TRUST:
		*out = o->root != NULL ?
		    trust_accept_next(o->root, o->next, o->s) :
		    trust_accept_first(o->next, o->s);
		break;
	case STATEMENT_GRANT:
		*out = trust_accept_grant(o->root, o->s);
		break;
	case STATEMENT_REVOCATION:
		*out = trust_accept_revocation(o->root, &want, o->s);
		break;
	}
	return err;
}

int
broker_agree_judge(struct broker_offer *o)
{
	enum trust_verdict verdict = TRUST_TOO_FEW;
	int err = agree(o);

	if (err == 0)
		err = verdict_of(o, &verdict);
	if (err != 0)
		return err;
	o->effective = verdict == TRUST_OK;
	if (verdict != TRUST_OK && verdict != TRUST_TOO_FEW)
		return broker_offer_reject(o->c, ERR_INTEGRITY, "%s is %s",
		    o->title, trust_text(verdict));
	return 0;
}
