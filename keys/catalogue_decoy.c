/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "keys/catalogue_tables.h"
#include "vault/err.h"

int
catalogue_decoy_apply(struct catalogue *c, const struct entry_view *e)
{
	const char *model = entry_view_text(e, "model");
	const char *reason = entry_view_text(e, "reason");

	if (model == NULL || reason == NULL || !ref_name_ok(model))
		return ERR_FORMAT;
	if (e->kind == ENTRY_DECOY_RM)
		return sql_run(c->sql, DECOY_RM, SQL_BIND(SQL_TEXT(model)));
	return sql_run(c->sql, DECOY_ADD,
	    SQL_BIND(SQL_TEXT(model), SQL_TEXT(reason), SQL_TEXT(e->by),
		SQL_NUMBER(e->time_ms)));
}

int
catalogue_decoy_each(struct catalogue *c, const char *after,
    int (*each)(void *arg, const struct catalogue_decoy *d), void *arg)
{
	OWNED_QUERY q = { 0 };
	int err = sql_begin(&q, c->sql, DECOY_EACH, SQL_BIND(SQL_TEXT(after)));

	if (err != 0)
		return err;
	while ((err = sql_next(&q)) == 0) {
		const struct catalogue_decoy d = {
			.model = sql_text(&q, 0),
			.reason = sql_text(&q, 1),
			.by = sql_text(&q, 2),
			.since_ms = sql_number(&q, 3),
		};

		err = each(arg, &d);
		if (err != 0)
			return err;
	}
	return err == ERR_NOT_FOUND ? 0 : err;
}

int
catalogue_decoy_has(struct catalogue *c, const char *model, bool *has)
{
	OWNED_QUERY q = { 0 };
	int err = sql_begin(&q, c->sql, DECOY_HAS, SQL_BIND(SQL_TEXT(model)));

	if (err == 0)
		err = sql_next(&q);
	if (err != 0 && err != ERR_NOT_FOUND)
		return err;
	*has = err == 0;
	return 0;
}
