/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "keys/catalogue_tables.h"
#include "vault/err.h"

/* The last one of a version is the one that is shown. */
int
catalogue_oms_apply(struct catalogue *c, const struct entry_view *e)
{
	static const char *const keys[] = { "model", "version", "name", "key",
		"sig" };
	const char *text[sizeof(keys) / sizeof(keys[0])];
	const json_t *ignored = json_object_get(e->json, "ignore");
	OWNED_MEM(char) list = NULL;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		text[i] = entry_view_text(e, keys[i]);
		if (text[i] == NULL)
			return ERR_FORMAT;
	}
	if (!json_is_array(ignored))
		return ERR_FORMAT;
	list = json_dumps(ignored, JSON_COMPACT);
	if (list == NULL)
		return ERR_NOMEM;
	return sql_run(c->sql, OMS_SET,
	    SQL_BIND(SQL_TEXT(text[0]), SQL_TEXT(text[1]), SQL_TEXT(text[2]),
		SQL_TEXT(list), SQL_TEXT(text[3]), SQL_TEXT(text[4]),
		SQL_TEXT(e->by), SQL_NUMBER(e->time_ms)));
}

void
catalogue_oms_clear(struct catalogue_oms *o)
{
	free(o->name);
	free(o->ignored);
	free(o->key);
	free(o->sig);
	*o = (struct catalogue_oms){ 0 };
}

int
catalogue_oms_get(struct catalogue *c, const char *model,
    const struct digest *version, struct catalogue_oms *out)
{
	char hex[DIGEST_HEX_SIZE];
	OWNED_QUERY q = { 0 };
	struct catalogue_oms o;
	int err = sql_begin(&q, c->sql, OMS_GET,
	    SQL_BIND(SQL_TEXT(model), SQL_TEXT(digest_hex(version, hex))));

	if (err == 0)
		err = sql_next(&q);
	if (err != 0)
		return err;
	o = (struct catalogue_oms){
		.name = strdup(sql_text(&q, 0)),
		.ignored = strdup(sql_text(&q, 1)),
		.key = strdup(sql_text(&q, 2)),
		.sig = strdup(sql_text(&q, 3)),
	};
	if (o.name == NULL || o.ignored == NULL || o.key == NULL ||
	    o.sig == NULL) {
		catalogue_oms_clear(&o);
		return ERR_NOMEM;
	}
	*out = o;
	return 0;
}
