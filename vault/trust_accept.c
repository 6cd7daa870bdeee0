/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "vault/trust_parts.h"

#define DAY_MS INT64_C(86400000)
#define AHEAD_MS INT64_C(3600000) /* between the signers' clocks and ours */

static const char *const texts[] = {
	[TRUST_OK] = "accepted",
	[TRUST_OTHER_VAULT] = "made for another vault",
	[TRUST_OTHER_THING] = "made for something else",
	[TRUST_NO_RULE] = "what no rule of the trust root lets anybody sign",
	[TRUST_FORGED] = "under the name of a key that did not sign it",
	[TRUST_TOO_FEW] = "signed by fewer keys than must sign",
	[TRUST_EXPIRED] = "expired",
	[TRUST_TOO_LONG] = "good for longer than the rule's days allow",
	[TRUST_NUMBER] = "not the trust root that comes next",
	[TRUST_LINK] = "a trust root that follows another one",
	[TRUST_REVOKED] = "revoked",
	[TRUST_NO_EARLIER] = "a rollback to what was never promoted there",
	[TRUST_AHEAD] = "made more than an hour ahead of this clock",
};

const char *
trust_text(enum trust_verdict v)
{
	return texts[v];
}

static enum trust_verdict
enough(const struct trust_root *r, const struct statement *s)
{
	struct trust_count c;

	trust_count_of(&c, r, s);
	if (c.forged)
		return TRUST_FORGED;
	if (c.need == 0)
		return TRUST_NO_RULE;
	return trust_count_met(&c) ? TRUST_OK : TRUST_TOO_FEW;
}

/* Whether s is the statement that r was read from. */
static bool
is_of(const struct trust_root *r, const struct statement *s)
{
	struct digest d = statement_digest(s);

	return statement_fields(s)->about == STATEMENT_TRUST &&
	    digest_equal(&d, &r->digest);
}

enum trust_verdict
trust_accept_first(const struct trust_root *r, const struct statement *s)
{
	struct digest vault = digest_of(r->vault, sizeof(r->vault));

	if (!is_of(r, s))
		return TRUST_OTHER_THING;
	if (r->number == 1 && !digest_equal(&r->previous, &vault))
		return TRUST_LINK;
	return enough(r, s);
}

enum trust_verdict
trust_accept_next(const struct trust_root *r, const struct trust_root *next,
    const struct statement *next_statement)
{
	enum trust_verdict v;

	if (!is_of(next, next_statement))
		return TRUST_OTHER_THING;
	if (memcmp(r->vault, next->vault, sizeof(r->vault)) != 0)
		return TRUST_OTHER_VAULT;
	if (next->number != r->number + 1)
		return TRUST_NUMBER;
	if (!digest_equal(&next->previous, &r->digest))
		return TRUST_LINK;
	v = enough(r, next_statement);
	return v == TRUST_OK ? enough(next, next_statement) : v;
}

/* The vault, the kind, the model and the version that are asked for. */
static enum trust_verdict
is_wanted(const struct trust_root *r, const struct trust_want *want,
    const struct statement *s, enum statement_about about)
{
	const struct statement_fields *f = statement_fields(s);

	if (memcmp(want->vault, f->vault, sizeof(f->vault)) != 0 ||
	    memcmp(r->vault, f->vault, sizeof(f->vault)) != 0)
		return TRUST_OTHER_VAULT;
	if (f->about != about || strcmp(f->model, want->model) != 0 ||
	    !digest_equal(&f->version, &want->version))
		return TRUST_OTHER_THING;
	return TRUST_OK;
}

enum trust_verdict
trust_accept_version(const struct trust_root *r, const struct trust_want *want,
    const struct statement *s)
{
	enum trust_verdict v = is_wanted(r, want, s, STATEMENT_VERSION);

	return v == TRUST_OK ? enough(r, s) : v;
}

enum trust_verdict
trust_accept_revocation(const struct trust_root *r,
    const struct trust_want *want, const struct statement *s)
{
	enum trust_verdict v = is_wanted(r, want, s, STATEMENT_REVOCATION);

	return v == TRUST_OK ? enough(r, s) : v;
}

bool
trust_revokes(const struct trust_want *want, const struct statement *s)
{
	const struct statement_fields *f = statement_fields(s);

	return f->about == STATEMENT_REVOCATION &&
	    memcmp(want->vault, f->vault, sizeof(f->vault)) == 0 &&
	    strcmp(f->model, want->model) == 0 &&
	    digest_equal(&f->version, &want->version);
}

enum trust_verdict
trust_accept_grant(const struct trust_root *r, const struct statement *s)
{
	const struct statement_fields *f = statement_fields(s);

	if (memcmp(r->vault, f->vault, sizeof(r->vault)) != 0)
		return TRUST_OTHER_VAULT;
	if (f->about != STATEMENT_GRANT)
		return TRUST_OTHER_THING;
	return enough(r, s);
}

/* A promotion of what is wanted to the channel that is wanted, whenever. */
static enum trust_verdict
was_promoted(const struct trust_root *r, const struct trust_want *want,
    const struct statement *s)
{
	enum trust_verdict v = is_wanted(r, want, s, STATEMENT_PROMOTION);

	if (v == TRUST_OK &&
	    strcmp(statement_fields(s)->channel, want->channel) != 0)
		v = TRUST_OTHER_THING;
	return v == TRUST_OK ? enough(r, s) : v;
}

static enum trust_verdict
in_time(const struct trust_root *r, const struct trust_want *want,
    const struct statement_fields *f)
{
	int64_t days = trust_root_days(r, f->model, f->channel);

	if (want->now_ms >= f->expires_ms)
		return TRUST_EXPIRED;
	if (f->expires_ms - f->time_ms > days * DAY_MS)
		return TRUST_TOO_LONG;
	/* Or a time to come would put off the end, whatever the days. */
	if (f->time_ms - AHEAD_MS > want->now_ms)
		return TRUST_AHEAD;
	return TRUST_OK;
}

enum trust_verdict
trust_accept_promotion(const struct trust_root *r,
    const struct trust_want *want, const struct statement *promotion,
    const struct statement *earlier)
{
	const struct statement_fields *f = statement_fields(promotion);
	enum trust_verdict v = was_promoted(r, want, promotion);

	if (v == TRUST_OK)
		v = in_time(r, want, f);
	if (v != TRUST_OK || f->act != STATEMENT_ROLLBACK)
		return v;
	if (earlier == NULL || was_promoted(r, want, earlier) != TRUST_OK ||
	    statement_fields(earlier)->act != STATEMENT_PROMOTE ||
	    statement_fields(earlier)->serial != f->to)
		return TRUST_NO_EARLIER;
	return TRUST_OK;
}
