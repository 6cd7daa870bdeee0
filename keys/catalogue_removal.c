/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "keys/catalogue_tables.h"
#include "vault/err.h"

/* Versions that go: marked first, and for good when their time is over. */

#define LATEST "latest"

static const char *
text(const struct entry_view *e, const char *key)
{
	const char *s = entry_view_text(e, key);

	return s != NULL ? s : "";
}

/* `latest` is the newest version that is kept, or nothing. */
static int
move_latest(struct catalogue *c, const char *model)
{
	char version[DIGEST_HEX_SIZE] = "";
	OWNED_QUERY q = { 0 };
	int err = sql_begin(&q, c->sql, VERSION_NEWEST,
	    SQL_BIND(SQL_TEXT(model)));

	if (err == 0)
		err = sql_next(&q);
	if (err == ERR_NOT_FOUND)
		return sql_run(c->sql, CHANNEL_DROP,
		    SQL_BIND(SQL_TEXT(model), SQL_TEXT(LATEST)));
	if (err != 0)
		return err;
	snprintf(version, sizeof(version), "%s", sql_text(&q, 0));
	return sql_run(c->sql, CHANNEL_SET,
	    SQL_BIND(SQL_TEXT(model), SQL_TEXT(LATEST), SQL_TEXT(version)));
}

/* Whether `latest` is this version; nothing is never it. */
static int
is_latest(struct catalogue *c, const char *model, const char *version, bool *is)
{
	char hex[DIGEST_HEX_SIZE];
	struct digest latest;
	int err = catalogue_version_channel(c, model, LATEST, &latest);

	*is = err == 0 && strcmp(digest_hex(&latest, hex), version) == 0;
	return err == ERR_NOT_FOUND ? 0 : err;
}

static int
apply_rm(struct catalogue *c, const struct entry_view *e)
{
	const char *model = text(e, "model"), *version = text(e, "version");
	int64_t until;
	bool latest;
	int err = entry_view_time(e, "until", &until);

	if (err == 0)
		err = sql_run(c->sql, VERSION_REMOVE,
		    SQL_BIND(SQL_NUMBER(e->time_ms), SQL_NUMBER(until),
			SQL_TEXT(e->by), SQL_TEXT(text(e, "reason")),
			SQL_TEXT(model), SQL_TEXT(version)));
	if (err == 0)
		err = is_latest(c, model, version, &latest);
	return err == 0 && latest ? move_latest(c, model) : err;
}

static int
apply_undelete(struct catalogue *c, const struct entry_view *e)
{
	const char *model = text(e, "model");
	struct digest latest;
	int err = sql_run(c->sql, VERSION_REMOVE,
	    SQL_BIND(SQL_NUMBER(0), SQL_NUMBER(0), SQL_TEXT(""), SQL_TEXT(""),
		SQL_TEXT(model), SQL_TEXT(text(e, "version"))));

	if (err == 0)
		err = catalogue_version_channel(c, model, LATEST, &latest);
	return err == ERR_NOT_FOUND ? move_latest(c, model) : err;
}

/* Its key is overwritten (secure_delete), and its rows go; that there was such
 * an upload stays, so that the trail can be replayed.  What it counted in
 * budgets stays, too. */
int
catalogue_removal_purge(struct catalogue *c, const char *model,
    const char *version)
{
	struct catalogue_version v;
	struct digest digest;
	bool latest;
	int err = digest_parse(&digest, version);

	if (err != 0)
		return ERR_FORMAT;
	err = catalogue_version_any(c, model, &digest, &v);
	if (err == ERR_NOT_FOUND)
		return 0;
	if (err == 0)
		err = sql_run(c->sql, UPLOAD_PURGE,
		    SQL_BIND(SQL_NUMBER(v.upload)));
	if (err == 0)
		err = sql_run(c->sql, VERSION_PURGE,
		    SQL_BIND(SQL_TEXT(model), SQL_TEXT(version)));
	if (err == 0)
		err = catalogue_verifying_drop(c, model, &digest);
	if (err == 0)
		err = is_latest(c, model, version, &latest);
	return err == 0 && latest ? move_latest(c, model) : err;
}

static int
apply_gc(struct catalogue *c, const struct entry_view *e)
{
	const json_t *versions = json_object_get(e->json, "versions");
	const json_t *one;
	size_t i;

	json_array_foreach(versions, i, one) {
		const char *model = json_string_value(
		    json_object_get(one, "model"));
		const char *version = json_string_value(
		    json_object_get(one, "version"));
		int err = ERR_FORMAT;

		if (model != NULL && version != NULL)
			err = catalogue_removal_purge(c, model, version);
		if (err != 0)
			return err;
	}
	return 0;
}

int
catalogue_removal_apply(struct catalogue *c, const struct entry_view *e)
{
	if (e->kind == ENTRY_VERSION_RM)
		return apply_rm(c, e);
	if (e->kind == ENTRY_VERSION_UNDELETE)
		return apply_undelete(c, e);
	return apply_gc(c, e);
}

int
catalogue_removal_channels(struct catalogue *c, const char *model,
    const struct digest *version, int (*each)(void *arg, const char *channel),
    void *arg)
{
	char hex[DIGEST_HEX_SIZE];
	OWNED_QUERY q = { 0 };
	int err = sql_begin(&q, c->sql, CHANNELS_TO,
	    SQL_BIND(SQL_TEXT(model), SQL_TEXT(digest_hex(version, hex)),
		SQL_TEXT(LATEST)));

	while (err == 0 && (err = sql_next(&q)) == 0)
		err = each(arg, sql_text(&q, 0));
	return err == ERR_NOT_FOUND ? 0 : err;
}

int
catalogue_removal_due(struct catalogue *c, int64_t now_ms,
    struct catalogue_due *out)
{
	OWNED_QUERY q = { 0 };
	int err = sql_begin(&q, c->sql, VERSION_DUE,
	    SQL_BIND(SQL_NUMBER(now_ms), SQL_NUMBER(CATALOGUE_DUE)));

	out->count = 0;
	while (err == 0 && (err = sql_next(&q)) == 0) {
		snprintf(out->items[out->count].model,
		    sizeof(out->items[0].model), "%s", sql_text(&q, 0));
		snprintf(out->items[out->count].version,
		    sizeof(out->items[0].version), "%s", sql_text(&q, 1));
		out->count++;
	}
	return err == ERR_NOT_FOUND ? 0 : err;
}
