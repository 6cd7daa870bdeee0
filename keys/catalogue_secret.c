/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>

#include "keys/catalogue_tables.h"
#include "vault/err.h"

#define LOCKED_SINCE "locked"
#define REKEY "rekey"

static int
forget(struct catalogue *c, const struct entry_view *e, const char *key)
{
	uint64_t slot;

	if (entry_view_number(e, key, &slot) != 0)
		return 0;
	return sql_run(c->sql, SECRET_USED_DROP, SQL_BIND(SQL_NUMBER(slot)));
}

/* keyd.start says which one opened it; of init's it is the first. */
static int
note_used(struct catalogue *c, const struct entry_view *e)
{
	uint64_t slot;

	if (entry_view_number(e, "secret", &slot) != 0)
		return 0;
	return sql_run(c->sql, SECRET_USED_SET,
	    SQL_BIND(SQL_NUMBER(slot), SQL_NUMBER(e->time_ms)));
}

static int
apply_lock(struct catalogue *c, const struct entry_view *e)
{
	int64_t since = e->kind == ENTRY_LOCK ? e->time_ms : 0;
	int err = sql_run(c->sql, META_SET,
	    SQL_BIND(SQL_TEXT(LOCKED_SINCE), SQL_NUMBER(since)));

	return err == 0 && e->kind == ENTRY_UNLOCK ? note_used(c, e) : err;
}

/* Slots that went, and the epoch that comes. */
static int
apply_rekey(struct catalogue *c, const struct entry_view *e)
{
	const json_t *dropped = json_object_get(e->json, "dropped");
	uint64_t epoch;
	int err = entry_view_number(e, "epoch", &epoch);

	for (size_t i = 0; err == 0 && i < json_array_size(dropped); i++)
		err = sql_run(c->sql, SECRET_USED_DROP,
		    SQL_BIND(SQL_NUMBER(
			json_integer_value(json_array_get(dropped, i)))));
	if (err != 0)
		return err;
	return sql_run(c->sql, META_SET,
	    SQL_BIND(SQL_TEXT(REKEY), SQL_NUMBER(epoch)));
}

int
catalogue_secret_apply(struct catalogue *c, const struct entry_view *e)
{
	const char *file = entry_view_text(e, "keyring");
	struct digest d;
	int err;

	if (e->kind == ENTRY_KEYD_START)
		return note_used(c, e);
	if (e->kind == ENTRY_LOCK || e->kind == ENTRY_UNLOCK)
		return apply_lock(c, e);
	if (file == NULL || digest_parse(&d, file) != 0)
		return ERR_FORMAT;
	if (e->kind == ENTRY_REKEY)
		err = apply_rekey(c, e);
	else
		err = forget(c, e,
		    e->kind == ENTRY_SECRET_RM ? "secret" : "replaces");
	if (err != 0)
		return err;
	return sql_run(c->sql, SECRET_FILE_SET, SQL_BIND(SQL_TEXT(file)));
}

int
catalogue_secret_used(struct catalogue *c, uint16_t number, int64_t *ms)
{
	OWNED_QUERY q = { 0 };
	int err = sql_begin(&q, c->sql, SECRET_USED_GET,
	    SQL_BIND(SQL_NUMBER(number)));

	if (err == 0)
		err = sql_next(&q);
	if (err != 0 && err != ERR_NOT_FOUND)
		return err;
	*ms = err == 0 ? sql_number(&q, 0) : 0;
	return 0;
}

int
catalogue_secret_file(struct catalogue *c, struct digest *out)
{
	OWNED_QUERY q = { 0 };
	int err = sql_begin(&q, c->sql, SECRET_FILE_GET, SQL_NONE);

	if (err == 0)
		err = sql_next(&q);
	if (err == 0 && digest_parse(out, sql_text(&q, 0)) != 0)
		err = ERR_INTEGRITY;
	return err;
}

int
catalogue_secret_locked(struct catalogue *c, int64_t *ms)
{
	uint64_t since;
	int err = catalogue_number(c, META_GET, LOCKED_SINCE, &since);

	if (err == 0)
		*ms = (int64_t)since;
	return err;
}

int
catalogue_secret_rekey(struct catalogue *c, uint64_t *epoch)
{
	return catalogue_number(c, META_GET, REKEY, epoch);
}
