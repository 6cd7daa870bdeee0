/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/broker_trust.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vault/err.h"
#include "vault/log.h"

void
broker_trust_drop(struct broker_held *h)
{
	catalogue_statement_free(h->row);
	statement_free(h->s);
	*h = (struct broker_held){ 0 };
}

int
broker_trust_hold(struct catalogue_statement *row, struct broker_held *out)
{
	struct broker_held h = { .row = row };
	int err = statement_parse(&h.s, row->envelope, strlen(row->envelope),
	    NULL);

	if (err != 0) {
		if (err != ERR_NOMEM)
			err = log_err(ERR_INTEGRITY,
			    "catalogue: statement %ju is not well-formed",
			    (uintmax_t)row->id);
		broker_trust_drop(&h);
		return err;
	}
	*out = h;
	return 0;
}

/* What a look-up found; ERR_NOT_FOUND leaves *out empty. */
static int
hold_found(int err, struct catalogue_statement *row, struct broker_held *out)
{
	if (err == ERR_NOT_FOUND)
		return 0;
	return err == 0 ? broker_trust_hold(row, out) : err;
}

int
broker_trust_root(struct broker *b, struct trust_root **out)
{
	struct catalogue_statement *row = NULL;
	OWNED_HELD h = { 0 };
	int err = catalogue_statement_root(b->how.catalogue, &row);

	*out = NULL;
	err = hold_found(err, row, &h);
	if (err != 0 || h.s == NULL)
		return err;
	err = trust_root_parse(out, h.s, NULL);
	if (err == ERR_FORMAT || err == ERR_LIMIT)
		return log_err(ERR_INTEGRITY,
		    "catalogue: the trust root is not well-formed");
	return err;
}

int
broker_trust_need_root(struct broker_call *c, struct trust_root **out)
{
	int err = broker_trust_root(c->b, out);

	if (err != 0)
		return broker_call_unreadable(c, err);
	if (*out == NULL)
		return broker_call_fail(c, ERR_NOT_FOUND,
		    "this vault has no trust root that says who may sign; an"
		    " owner makes one: weir trust init");
	return 0;
}

char *
broker_trust_name(const struct catalogue_statement *s,
    char out[static BROKER_NAME])
{
	static const char letters[] = {
		[STATEMENT_VERSION] = 'S',
		[STATEMENT_PROMOTION] = 'P',
		[STATEMENT_TRUST] = 'T',
		[STATEMENT_REVOCATION] = 'R',
		[STATEMENT_GRANT] = 'A',
	};

	snprintf(out, BROKER_NAME, "%c%ju", letters[s->about],
	    (uintmax_t)s->id);
	return out;
}

int
broker_trust_append(struct broker_newest *l, void *item)
{
	if (json_array_append_new(l->list, item) != 0)
		return ERR_NOMEM;
	l->bytes += listing_size(item);
	while (l->bytes > MSG_JSON_MAX - LISTING_FRAME) {
		l->bytes -= listing_size(json_array_get(l->list, 0));
		(void)json_array_remove(l->list, 0);
	}
	return 0;
}

/* --- beliefs --- */

void
broker_trust_forget(struct broker_belief *b)
{
	broker_trust_drop(&b->version);
	broker_trust_drop(&b->revocation);
	broker_trust_drop(&b->promotion);
	broker_trust_drop(&b->earlier);
}

struct trust_want
broker_trust_want(const struct broker *b, const char *model,
    const char *channel, const struct digest *version)
{
	struct trust_want want = {
		.model = model,
		.channel = channel,
		.version = *version,
		.now_ms = broker_record_clock(),
	};

	memcpy(want.vault, b->how.vault->id, sizeof(want.vault));
	return want;
}

struct revoking {
	const struct trust_want *want;
	uint64_t id; /* of the newest one in force; 0: none */
};

static int
take_revocation(void *arg, const struct catalogue_statement *row)
{
	struct revoking *v = arg;
	OWNED(statement) s = NULL;
	int err;

	if (v->id != 0)
		return 0;
	err = statement_parse(&s, row->envelope, strlen(row->envelope), NULL);
	if (err != 0)
		return err == ERR_NOMEM ? err : ERR_INTEGRITY;
	if (trust_revokes(v->want, s))
		v->id = row->id;
	return 0;
}

/* What took effect once stays, whoever may revoke by now. */
static int
look_for_revocation(struct broker *b, const struct trust_want *want,
    struct broker_belief *out)
{
	struct revoking v = { .want = want };
	struct catalogue_statement *row = NULL;
	int err = catalogue_statement_in_force(b->how.catalogue,
	    STATEMENT_REVOCATION, want->model, &want->version, take_revocation,
	    &v);

	if (err != 0 || v.id == 0)
		return err;
	err = catalogue_statement_get(b->how.catalogue, v.id, &row);
	out->verdict = TRUST_REVOKED;
	return err == 0 ? broker_trust_hold(row, &out->revocation) : err;
}

static int
believe_version(struct broker *b, const struct trust_root *r,
    const struct trust_want *want, struct broker_belief *out)
{
	struct catalogue_statement *row = NULL;
	int err = catalogue_statement_signed(b->how.catalogue, want->model,
	    &want->version, &row);

	out->verdict = TRUST_TOO_FEW;
	err = hold_found(err, row, &out->version);
	if (err == 0 && out->version.s != NULL)
		out->verdict = trust_accept_version(r, want, out->version.s);
	return err == 0 ? look_for_revocation(b, want, out) : err;
}

static int
believe_channel(struct broker *b, const struct trust_root *r,
    const struct trust_want *want, struct broker_belief *out)
{
	struct catalogue *catalogue = b->how.catalogue;
	struct catalogue_statement *row = NULL;
	int err = catalogue_statement_promotion(catalogue, want->model,
	    want->channel, 0, &row);

	err = hold_found(err, row, &out->promotion);
	row = NULL;
	if (err == 0 && out->promotion.row != NULL &&
	    out->promotion.row->act == STATEMENT_ROLLBACK) {
		err = catalogue_statement_promotion(catalogue, want->model,
		    want->channel, out->promotion.row->back, &row);
		err = hold_found(err, row, &out->earlier);
	}
	if (err != 0 || out->verdict != TRUST_OK)
		return err;
	out->verdict = out->promotion.s != NULL ?
	    trust_accept_promotion(r, want, out->promotion.s, out->earlier.s) :
	    TRUST_TOO_FEW;
	return 0;
}

int
broker_trust_believe(struct broker *b, const struct trust_root *r,
    const struct trust_want *want, struct broker_belief *out)
{
	OWNED_BELIEF belief = { 0 };
	int err = believe_version(b, r, want, &belief);

	if (err == 0 && want->channel != NULL)
		err = believe_channel(b, r, want, &belief);
	if (err != 0)
		return err;
	*out = belief;
	belief = (struct broker_belief){ 0 };
	return 0;
}

/* --- where a version stands --- */

static int
set(json_t *object, const char *key, json_t *value)
{
	return json_object_set_new(object, key, value) == 0 ? 0 : ERR_NOMEM;
}

static json_t *
names_of(const struct catalogue_statement *row)
{
	json_error_t why;

	return json_loads(row->signers, 0, &why);
}

static json_t *
revocation_json(const struct broker_held *h)
{
	char name[BROKER_NAME], time[ENTRY_TIME_SIZE];

	return json_pack("{s:s, s:s, s:s, s:o}", "statement",
	    broker_trust_name(h->row, name), "time",
	    entry_time_text(h->row->settled_ms, time), "reason",
	    statement_fields(h->s)->reason, "signed", names_of(h->row));
}

static const char *
state_text(const struct broker_belief *b)
{
	if (b->verdict == TRUST_REVOKED)
		return "revoked";
	if (b->version.row == NULL)
		return "unsigned";
	return b->verdict == TRUST_OK ? "signed" : "lapsed";
}

/* Those channels that point to it still, but that nobody reads by. */
static int
set_halted(struct broker *b, const struct trust_root *r,
    const struct trust_want *version, json_t *object)
{
	json_t *halted = json_object(), *channel;
	size_t i;
	int err = set(object, "halted", halted);

	json_array_foreach(json_object_get(object, "channels"), i, channel) {
		struct trust_want want = *version;
		OWNED_BELIEF belief = { 0 };

		want.channel = json_string_value(channel);
		if (err == 0)
			err = broker_trust_believe(b, r, &want, &belief);
		if (err == 0 && belief.verdict != TRUST_OK)
			err = set(halted, want.channel,
			    json_string(belief.verdict == TRUST_EXPIRED ?
				    "expired" :
				    "lapsed"));
	}
	return err;
}

int
broker_trust_standing(struct broker *b, const struct trust_root *r,
    const struct catalogue_version *v, void *object)
{
	struct trust_want want = broker_trust_want(b, v->model, NULL,
	    &v->version);
	OWNED_BELIEF belief = { 0 };
	int err = 0;

	if (r != NULL)
		err = broker_trust_believe(b, r, &want, &belief);
	if (err == 0)
		err = set(object, "state", json_string(state_text(&belief)));
	if (err == 0 && belief.version.row != NULL)
		err = set(object, "signed", names_of(belief.version.row));
	if (err == 0 && belief.revocation.row != NULL)
		err = set(object, "revoked",
		    revocation_json(&belief.revocation));
	/* Where the version is not accepted no channel of it is. */
	return err == 0 && belief.version.row != NULL &&
		belief.verdict == TRUST_OK ?
	    set_halted(b, r, &want, object) :
	    err;
}

/* --- phrases --- */

/* "carol, dave or erin" */
static void
write_names(char *out, size_t size, const struct trust_root *r,
    const uint8_t *who, size_t count, const char *last)
{
	size_t n = 0;

	*out = '\0';
	for (size_t i = 0; i < count && n < size; i++)
		n += (size_t)snprintf(out + n, size - n, "%s%s",
		    i == 0	       ? "" :
			i + 1 == count ? last :
					 ", ",
		    trust_root_person(r, who[i])->name);
}

void
broker_trust_count(const struct trust_count *n, const struct trust_root *r,
    char out[static BROKER_WHY])
{
	char have[BROKER_WHY / 3], missing[BROKER_WHY / 3];
	uintmax_t number = trust_root_number(r);

	if (n->need == 0) {
		snprintf(out, BROKER_WHY,
		    "no rule of trust root %ju lets anybody sign it", number);
		return;
	}
	write_names(have, sizeof(have), r, n->signed_by, n->signed_count,
	    " and ");
	write_names(missing, sizeof(missing), r, n->waits_for, n->waits_count,
	    " or ");
	snprintf(out, BROKER_WHY,
	    "%u of %u signatures %s under trust root %ju%s%s%s%s%s", n->have,
	    n->need, n->have == 1 ? "counts" : "count", number,
	    have[0] != '\0' ? " (" : "", have, have[0] != '\0' ? ")" : "",
	    n->have < n->need && missing[0] != '\0' ? "; missing: " : "",
	    n->have < n->need ? missing : "");
}

int
broker_trust_stale(struct broker *b, const struct trust_root *r,
    const struct grant *g, bool *stale, char why[static BROKER_WHY])
{
	struct catalogue_statement *row = NULL;
	OWNED_HELD h = { 0 };
	struct trust_count n;
	int err = catalogue_statement_approval(b->how.catalogue, g, &row);

	if (err == 0)
		err = broker_trust_hold(row, &h);
	if (err != 0)
		return err;
	trust_count_of(&n, r, h.s);
	/* Without a rule managers add such a grant alone. */
	*stale = n.need > 0 && !trust_count_met(&n);
	broker_trust_count(&n, r, why);
	return 0;
}

/* The statement that was not accepted. */
static void
why_of(const struct broker_held *h, enum trust_verdict verdict,
    const struct trust_root *r, char out[static BROKER_WHY])
{
	char name[BROKER_NAME], count[BROKER_WHY];
	struct trust_count n;

	broker_trust_name(h->row, name);
	trust_count_of(&n, r, h->s);
	broker_trust_count(&n, r, count);
	if (verdict == TRUST_TOO_FEW || verdict == TRUST_NO_RULE)
		snprintf(out, BROKER_WHY, "of %s %.480s", name, count);
	else
		snprintf(out, BROKER_WHY, "%s is %s", name,
		    trust_text(verdict));
}

void
broker_trust_why(const struct broker_belief *b, const struct trust_root *r,
    char out[static BROKER_WHY])
{
	char name[BROKER_NAME], until[ENTRY_TIME_SIZE];

	if (b->verdict == TRUST_REVOKED && b->revocation.row != NULL) {
		snprintf(out, BROKER_WHY, "it was revoked (%s): %.300s",
		    broker_trust_name(b->revocation.row, name),
		    statement_fields(b->revocation.s)->reason);
	} else if (b->version.row == NULL) {
		snprintf(out, BROKER_WHY, "nobody has signed it");
	} else if (b->promotion.row == NULL) {
		why_of(&b->version, b->verdict, r, out);
	} else if (b->verdict == TRUST_EXPIRED) {
		snprintf(out, BROKER_WHY, "its promotion (%s) ended %s",
		    broker_trust_name(b->promotion.row, name),
		    entry_time_text(b->promotion.row->expires_ms, until));
	} else {
		struct trust_want want = { .model = b->version.row->model,
			.version = b->version.row->version };

		memcpy(want.vault, trust_root_vault(r), sizeof(want.vault));
		/* Either may be what falls short. */
		if (trust_accept_version(r, &want, b->version.s) != TRUST_OK)
			why_of(&b->version, b->verdict, r, out);
		else
			why_of(&b->promotion, b->verdict, r, out);
	}
}
