/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys/catalogue_tables.h"
#include "vault/err.h"
#include "vault/log.h"
#include "vault/statement.h"

/* --- rows --- */

void
catalogue_statement_free(struct catalogue_statement *s)
{
	if (s == NULL)
		return;
	free(s->signers);
	free(s->envelope);
	free(s);
}

static enum statement_about
about_of(int64_t n)
{
	switch (n) {
	case STATEMENT_PROMOTION:
		return STATEMENT_PROMOTION;
	case STATEMENT_TRUST:
		return STATEMENT_TRUST;
	case STATEMENT_GRANT:
		return STATEMENT_GRANT;
	case STATEMENT_REVOCATION:
		return STATEMENT_REVOCATION;
	default:
		return STATEMENT_VERSION;
	}
}

static enum catalogue_state
state_of(int64_t n)
{
	switch (n) {
	case CATALOGUE_EFFECTIVE:
		return CATALOGUE_EFFECTIVE;
	case CATALOGUE_WITHDRAWN:
		return CATALOGUE_WITHDRAWN;
	case CATALOGUE_STALE:
		return CATALOGUE_STALE;
	default:
		return CATALOGUE_WAITING;
	}
}

/* What is not text or a digest. */
static void
read_numbers(struct catalogue_statement *s, const struct sql_query *q)
{
	s->id = sql_count(q, 0);
	s->about = about_of(sql_number(q, 1));
	s->serial = sql_count(q, 5);
	s->act = sql_number(q, 6) == STATEMENT_ROLLBACK ? STATEMENT_ROLLBACK :
							  STATEMENT_PROMOTE;
	s->back = sql_count(q, 7);
	s->number = sql_count(q, 8);
	s->expires_ms = sql_number(q, 9);
	s->state = state_of(sql_number(q, 10));
	s->created_ms = sql_number(q, 12);
	s->settled_ms = sql_number(q, 13);
}

static int
read_row(struct catalogue_statement **out, const struct sql_query *q)
{
	OWNED(catalogue_statement) s = calloc(1, sizeof(*s));
	const char *version = sql_text(q, 4);

	if (s == NULL)
		return ERR_NOMEM;
	read_numbers(s, q);
	snprintf(s->model, sizeof(s->model), "%s", sql_text(q, 2));
	snprintf(s->channel, sizeof(s->channel), "%s", sql_text(q, 3));
	snprintf(s->hex, sizeof(s->hex), "%s", version);
	snprintf(s->by, sizeof(s->by), "%s", sql_text(q, 11));
	if ((version[0] != '\0' && digest_parse(&s->version, version) != 0) ||
	    digest_parse(&s->payload, sql_text(q, 14)) != 0)
		return log_err(ERR_INTEGRITY,
		    "catalogue: a digest is not well-formed");
	s->signers = strdup(sql_text(q, 15));
	s->envelope = strdup(sql_text(q, 16));
	if (s->signers == NULL || s->envelope == NULL)
		return ERR_NOMEM;
	*out = s;
	s = NULL;
	return 0;
}

/* The first row, or ERR_NOT_FOUND. */
static int
first(struct catalogue *c, enum catalogue_sql which,
    const struct sql_value *values, size_t n, struct catalogue_statement **out)
{
	OWNED_QUERY q = { 0 };
	int err = sql_begin(&q, c->sql, which, values, n);

	if (err == 0)
		err = sql_next(&q);
	return err == 0 ? read_row(out, &q) : err;
}

static int
every(struct catalogue *c, enum catalogue_sql which,
    const struct sql_value *values, size_t n, catalogue_statement_take *each,
    void *arg)
{
	OWNED_QUERY q = { 0 };
	int err = sql_begin(&q, c->sql, which, values, n);

	while (err == 0 && (err = sql_next(&q)) == 0) {
		OWNED(catalogue_statement) s = NULL;

		err = read_row(&s, &q);
		if (err == 0)
			err = each(arg, s);
		if (err != 0)
			return err;
	}
	return err == ERR_NOT_FOUND ? 0 : err;
}

/* --- what entries do --- */

static int
settle(struct catalogue *c, uint64_t id, enum catalogue_state state,
    int64_t time_ms)
{
	return sql_run(c->sql, STATEMENT_SETTLE,
	    SQL_BIND(SQL_NUMBER(state), SQL_NUMBER(time_ms), SQL_NUMBER(id)));
}

/* Those like s in this state but s itself are out of the running. */
static int
overtake(struct catalogue *c, const struct catalogue_statement *s,
    enum catalogue_state state, int64_t time_ms)
{
	bool one_version = s->about == STATEMENT_VERSION ||
	    s->about == STATEMENT_REVOCATION;

	return sql_run(c->sql, STATEMENT_OVERTAKE,
	    SQL_BIND(SQL_NUMBER(time_ms), SQL_NUMBER(s->about),
		SQL_NUMBER(state), SQL_TEXT(s->model), SQL_TEXT(s->channel),
		SQL_TEXT(one_version ? s->hex : ""), SQL_NUMBER(s->id)));
}

static int
take_effect(struct catalogue *c, uint64_t id, int64_t time_ms)
{
	OWNED(catalogue_statement) s = NULL;
	int err = catalogue_statement_get(c, id, &s);

	if (err == 0)
		err = settle(c, id, CATALOGUE_EFFECTIVE, time_ms);
	if (err != 0)
		return err;
	switch (s->about) {
	case STATEMENT_VERSION:
		return overtake(c, s, CATALOGUE_EFFECTIVE, time_ms);
	case STATEMENT_PROMOTION:
		err = sql_run(c->sql, CHANNEL_SET,
		    SQL_BIND(SQL_TEXT(s->model), SQL_TEXT(s->channel),
			SQL_TEXT(s->hex)));
		break;
	case STATEMENT_GRANT:
		return sql_run(c->sql, GRANT_APPROVE,
		    SQL_BIND(SQL_NUMBER(time_ms), SQL_NUMBER(s->number)));
	case STATEMENT_TRUST:
	case STATEMENT_REVOCATION:
		break;
	}
	return err == 0 ? overtake(c, s, CATALOGUE_WAITING, time_ms) : err;
}

static char *
compact(const struct entry_view *e, const char *key)
{
	const json_t *j = json_object_get(e->json, key);

	return j != NULL ? json_dumps(j, JSON_COMPACT) : NULL;
}

static int
add(struct catalogue *c, uint64_t id, const struct entry_view *e,
    const char *envelope)
{
	char version[DIGEST_HEX_SIZE] = "", payload[DIGEST_HEX_SIZE];
	OWNED_MEM(char) signers = compact(e, "signers");
	OWNED(statement) s = NULL;
	const struct statement_fields *f;
	struct digest digest;
	int err = statement_parse(&s, envelope, strlen(envelope), NULL);

	if (err != 0 || signers == NULL)
		return err == ERR_NOMEM ? err : ERR_FORMAT;
	f = statement_fields(s);
	if (f->about != STATEMENT_TRUST && f->about != STATEMENT_GRANT)
		digest_hex(&f->version, version);
	digest = statement_digest(s);
	return sql_run(c->sql, STATEMENT_ADD,
	    SQL_BIND(SQL_NUMBER(id), SQL_NUMBER(f->about), SQL_TEXT(f->model),
		SQL_TEXT(f->channel), SQL_TEXT(version), SQL_NUMBER(f->serial),
		SQL_NUMBER(f->act), SQL_NUMBER(f->to), SQL_NUMBER(f->number),
		SQL_NUMBER(f->expires_ms), SQL_NUMBER(CATALOGUE_WAITING),
		SQL_TEXT(e->by), SQL_NUMBER(e->time_ms), SQL_NUMBER(0),
		SQL_TEXT(digest_hex(&digest, payload)), SQL_TEXT(signers),
		SQL_TEXT(envelope)));
}

static int
apply_add(struct catalogue *c, uint64_t id, const struct entry_view *e)
{
	OWNED_MEM(char) envelope = compact(e, "envelope");
	int err;

	if (envelope == NULL)
		return ERR_FORMAT;
	err = add(c, id, e, envelope);
	if (err == 0 && entry_view_bool(e, "effective"))
		err = take_effect(c, id, e->time_ms);
	return err;
}

/* text, a JSON list or an object that holds one under key, with item at the
 * list's end.  Takes over item. */
static char *
appended(const char *text, const char *key, json_t *item)
{
	json_error_t why;
	json_t *j = json_loads(text, 0, &why);
	json_t *list = key != NULL ? json_object_get(j, key) : j;
	char *out = NULL;

	if (json_array_append_new(list, item) == 0)
		out = json_dumps(j, JSON_COMPACT);
	json_decref(j);
	return out;
}

static int
apply_sign(struct catalogue *c, uint64_t id, const struct entry_view *e)
{
	const char *signer = entry_view_text(e, "signer");
	const char *keyid = entry_view_text(e, "keyid");
	const char *sig = entry_view_text(e, "sig");
	OWNED(catalogue_statement) s = NULL;
	OWNED_MEM(char) signers = NULL;
	OWNED_MEM(char) envelope = NULL;
	int err = catalogue_statement_get(c, id, &s);

	if (err == ERR_NOT_FOUND || signer == NULL || keyid == NULL ||
	    sig == NULL)
		return ERR_FORMAT;
	if (err != 0)
		return err;
	signers = appended(s->signers, NULL, json_string(signer));
	envelope = appended(s->envelope, "signatures",
	    json_pack("{s:s, s:s}", "keyid", keyid, "sig", sig));
	if (signers == NULL || envelope == NULL)
		return ERR_NOMEM;
	err = sql_run(c->sql, STATEMENT_SIGNED,
	    SQL_BIND(SQL_TEXT(envelope), SQL_TEXT(signers), SQL_NUMBER(id)));
	if (err == 0 && entry_view_bool(e, "effective"))
		err = take_effect(c, id, e->time_ms);
	return err;
}

int
catalogue_statement_apply(struct catalogue *c, const struct entry_view *e)
{
	uint64_t id;

	if (entry_view_number(e, "statement", &id) != 0 || id == 0)
		return ERR_FORMAT;
	if (id > c->last[CATALOGUE_STATEMENT])
		c->last[CATALOGUE_STATEMENT] = id;
	if (e->kind == ENTRY_STATEMENT_ADD)
		return apply_add(c, id, e);
	if (e->kind == ENTRY_STATEMENT_SIGN)
		return apply_sign(c, id, e);
	return settle(c, id, CATALOGUE_WITHDRAWN, e->time_ms);
}

/* --- reading --- */

int
catalogue_statement_get(struct catalogue *c, uint64_t id,
    struct catalogue_statement **out)
{
	return first(c, STATEMENT_GET, SQL_BIND(SQL_NUMBER(id)), out);
}

int
catalogue_statement_each(struct catalogue *c, const char *model,
    catalogue_statement_take *each, void *arg)
{
	return every(c, STATEMENT_LIST, SQL_BIND(SQL_TEXT(model)), each, arg);
}

int
catalogue_statement_in_force(struct catalogue *c, enum statement_about about,
    const char *model, const struct digest *version,
    catalogue_statement_take *each, void *arg)
{
	char hex[DIGEST_HEX_SIZE];

	return every(c, STATEMENT_IN_FORCE,
	    SQL_BIND(SQL_NUMBER(about), SQL_TEXT(model),
		SQL_TEXT(digest_hex(version, hex))),
	    each, arg);
}

int
catalogue_statement_signed(struct catalogue *c, const char *model,
    const struct digest *version, struct catalogue_statement **out)
{
	char hex[DIGEST_HEX_SIZE];

	return first(c, STATEMENT_IN_FORCE,
	    SQL_BIND(SQL_NUMBER(STATEMENT_VERSION), SQL_TEXT(model),
		SQL_TEXT(digest_hex(version, hex))),
	    out);
}

int
catalogue_statement_root(struct catalogue *c, struct catalogue_statement **out)
{
	return first(c, STATEMENT_ROOT, SQL_BIND(SQL_NUMBER(STATEMENT_TRUST)),
	    out);
}

int
catalogue_statement_roots(struct catalogue *c, uint64_t after,
    catalogue_statement_take *each, void *arg)
{
	if (after > INT64_MAX)
		return 0;
	return every(c, STATEMENT_ROOTS,
	    SQL_BIND(SQL_NUMBER(STATEMENT_TRUST), SQL_NUMBER(after)), each,
	    arg);
}

int
catalogue_statement_approval(struct catalogue *c, const struct grant *g,
    struct catalogue_statement **out)
{
	OWNED(catalogue_statement) s = NULL;
	int err = first(c, STATEMENT_ROOTS,
	    SQL_BIND(SQL_NUMBER(STATEMENT_GRANT), SQL_NUMBER(g->id - 1)), &s);

	if (err != 0 || s->number != g->id)
		return err != 0 ? err : ERR_NOT_FOUND;
	*out = s;
	s = NULL;
	return 0;
}

int
catalogue_statement_promotion(struct catalogue *c, const char *model,
    const char *channel, uint64_t serial, struct catalogue_statement **out)
{
	return first(c, STATEMENT_SERIAL,
	    SQL_BIND(SQL_NUMBER(STATEMENT_PROMOTION), SQL_TEXT(model),
		SQL_TEXT(channel), SQL_NUMBER(serial)),
	    out);
}

int
catalogue_statement_log(struct catalogue *c, const char *model,
    const char *channel, catalogue_statement_take *each, void *arg)
{
	return every(c, STATEMENT_CHANNEL,
	    SQL_BIND(SQL_NUMBER(STATEMENT_PROMOTION), SQL_TEXT(model),
		SQL_TEXT(channel)),
	    each, arg);
}

/* The one number of the one row. */
static int
number(struct catalogue *c, enum catalogue_sql which, const char *text,
    uint64_t *out)
{
	OWNED_QUERY q = { 0 };
	int err = sql_begin(&q, c->sql, which, SQL_BIND(SQL_TEXT(text)));

	if (err == 0)
		err = sql_next(&q);
	if (err == 0)
		*out = sql_count(&q, 0);
	return err;
}

int
catalogue_statement_waiting(struct catalogue *c, const char *model,
    uint64_t *count)
{
	return number(c, STATEMENT_WAITING, model, count);
}

int
catalogue_statement_same(struct catalogue *c, const struct digest *payload,
    uint64_t *id)
{
	char hex[DIGEST_HEX_SIZE];

	return number(c, STATEMENT_SAME, digest_hex(payload, hex), id);
}
