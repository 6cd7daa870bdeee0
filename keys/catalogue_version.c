/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "keys/catalogue_tables.h"
#include "vault/err.h"
#include "vault/log.h"

static int
read_digest(struct digest *out, const struct sql_query *q, int column)
{
	if (digest_parse(out, sql_text(q, column)) != 0)
		return log_err(ERR_INTEGRITY,
		    "catalogue: a digest is not well-formed");
	return 0;
}

static enum catalogue_verified
verified_of(int64_t n)
{
	return n == CATALOGUE_VERIFIED ? CATALOGUE_VERIFIED :
	    n == CATALOGUE_BAD	       ? CATALOGUE_BAD :
					 CATALOGUE_UNVERIFIED;
}

static int
read_version(struct catalogue_version *v, const struct sql_query *q)
{
	int err;

	*v = (struct catalogue_version){
		.upload = sql_count(q, 3),
		.created_ms = sql_number(q, 4),
		.files = (uint32_t)sql_count(q, 6),
		.bytes = sql_count(q, 7),
		.weights = sql_count(q, 8),
		.chunks = sql_count(q, 9),
		.labels = sql_text(q, 10),
		.verified = verified_of(sql_number(q, 11)),
		.verify_entry = sql_count(q, 13),
		.removed_ms = sql_number(q, 14),
		.until_ms = sql_number(q, 15),
		.removed_reason = sql_text(q, 17),
	};
	snprintf(v->model, sizeof(v->model), "%s", sql_text(q, 0));
	snprintf(v->by, sizeof(v->by), "%s", sql_text(q, 5));
	snprintf(v->removed_by, sizeof(v->removed_by), "%s", sql_text(q, 16));
	snprintf(v->verify_reason, sizeof(v->verify_reason), "%s",
	    sql_text(q, 12));
	err = read_digest(&v->version, q, 1);
	return err == 0 ? read_digest(&v->object, q, 2) : err;
}

static int
get(struct catalogue *c, const char *model, const struct digest *version,
    bool removed, struct catalogue_version *out)
{
	char hex[DIGEST_HEX_SIZE];
	OWNED_QUERY q = { 0 };
	struct catalogue_version v;
	int err = sql_begin(&q, c->sql, VERSION_GET,
	    SQL_BIND(SQL_TEXT(model), SQL_TEXT(digest_hex(version, hex)),
		SQL_NUMBER(removed)));

	if (err == 0)
		err = sql_next(&q);
	if (err == 0)
		err = read_version(&v, &q);
	if (err != 0)
		return err;
	v.labels = v.removed_reason = NULL;
	*out = v;
	return 0;
}

int
catalogue_version_get(struct catalogue *c, const char *model,
    const struct digest *version, struct catalogue_version *out)
{
	return get(c, model, version, false, out);
}

int
catalogue_version_any(struct catalogue *c, const char *model,
    const struct digest *version, struct catalogue_version *out)
{
	return get(c, model, version, true, out);
}

int
catalogue_version_labels(struct catalogue *c, const char *model,
    const struct digest *version, char **out)
{
	char hex[DIGEST_HEX_SIZE];
	OWNED_QUERY q = { 0 };
	int err = sql_begin(&q, c->sql, VERSION_GET,
	    SQL_BIND(SQL_TEXT(model), SQL_TEXT(digest_hex(version, hex)),
		SQL_NUMBER(false)));

	if (err == 0)
		err = sql_next(&q);
	if (err != 0)
		return err;
	*out = strdup(sql_text(&q, 10));
	return *out != NULL ? 0 : ERR_NOMEM;
}

int
catalogue_version_each(struct catalogue *c, const struct catalogue_versions *w,
    int (*each)(void *arg, const struct catalogue_version *v), void *arg)
{
	OWNED_QUERY q = { 0 };
	int err = sql_begin(&q, c->sql, VERSION_LIST,
	    SQL_BIND(SQL_TEXT(w->model), SQL_TEXT(w->after_model),
		SQL_NUMBER(w->after_upload), SQL_NUMBER(w->removed)));

	if (err != 0)
		return err;
	while ((err = sql_next(&q)) == 0) {
		struct catalogue_version v;

		err = read_version(&v, &q);
		if (err == 0)
			err = each(arg, &v);
		if (err != 0)
			return err;
	}
	return err == ERR_NOT_FOUND ? 0 : err;
}

int
catalogue_version_channel(struct catalogue *c, const char *model,
    const char *channel, struct digest *out)
{
	OWNED_QUERY q = { 0 };
	int err = sql_begin(&q, c->sql, CHANNEL_GET,
	    SQL_BIND(SQL_TEXT(model), SQL_TEXT(channel)));

	if (err == 0)
		err = sql_next(&q);
	return err == 0 ? read_digest(out, &q, 0) : err;
}

static int
find_digits(struct catalogue *c, const char *model, const char *digits,
    bool removed, struct digest *out)
{
	OWNED_QUERY q = { 0 };
	struct digest d;
	int err = sql_begin(&q, c->sql, VERSION_DIGITS,
	    SQL_BIND(SQL_TEXT(model), SQL_TEXT(digits), SQL_NUMBER(removed)));

	if (err == 0)
		err = sql_next(&q);
	if (err == 0)
		err = read_digest(&d, &q, 0);
	if (err != 0)
		return err;
	err = sql_next(&q);
	if (err == 0)
		return ERR_CONFLICT;
	if (err != ERR_NOT_FOUND)
		return err;
	*out = d;
	return 0;
}

int
catalogue_version_digits(struct catalogue *c, const char *model,
    const char *digits, struct digest *out)
{
	return find_digits(c, model, digits, false, out);
}

int
catalogue_version_removed(struct catalogue *c, const char *model,
    const char *digits, struct digest *out)
{
	return find_digits(c, model, digits, true, out);
}

int
catalogue_version_read(struct catalogue *c, const char *model,
    const struct digest *version, int64_t *last_ms)
{
	char hex[DIGEST_HEX_SIZE];
	OWNED_QUERY q = { 0 };
	int err = sql_begin(&q, c->sql, READ_LAST,
	    SQL_BIND(SQL_TEXT(model), SQL_TEXT(digest_hex(version, hex))));

	if (err == 0)
		err = sql_next(&q);
	if (err == 0)
		*last_ms = sql_number(&q, 0);
	return err;
}

int
catalogue_verifying_get(struct catalogue *c, const char *model,
    const struct digest *version, uint32_t *files)
{
	char hex[DIGEST_HEX_SIZE];
	OWNED_QUERY q = { 0 };
	int err = sql_begin(&q, c->sql, VERIFYING_GET,
	    SQL_BIND(SQL_TEXT(model), SQL_TEXT(digest_hex(version, hex))));

	if (err == 0)
		err = sql_next(&q);
	if (err != 0 && err != ERR_NOT_FOUND)
		return err;
	*files = err == 0 ? (uint32_t)sql_count(&q, 0) : 0;
	return 0;
}

int
catalogue_verifying_set(struct catalogue *c, const char *model,
    const struct digest *version, uint32_t files)
{
	char hex[DIGEST_HEX_SIZE];

	return sql_run(c->sql, VERIFYING_SET,
	    SQL_BIND(SQL_TEXT(model), SQL_TEXT(digest_hex(version, hex)),
		SQL_NUMBER(files)));
}

int
catalogue_verifying_drop(struct catalogue *c, const char *model,
    const struct digest *version)
{
	char hex[DIGEST_HEX_SIZE];

	return sql_run(c->sql, VERIFYING_DROP,
	    SQL_BIND(SQL_TEXT(model), SQL_TEXT(digest_hex(version, hex))));
}
