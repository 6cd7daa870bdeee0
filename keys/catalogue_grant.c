/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "keys/catalogue_tables.h"
#include "vault/err.h"
#include "vault/log.h"

#define COLUMNS 21 /* of every grant; those behind are of removed ones */

static int
read_grant(struct grant *g, const struct sql_query *q)
{
	*g = (struct grant){
		.id = sql_count(q, 0),
		.type = sql_number(q, 5) == MSG_GRANT_LOAD ? MSG_GRANT_LOAD :
							     MSG_GRANT_BROWSE,
		.loads = (uint32_t)sql_count(q, 6),
		.per_day = sql_number(q, 7) != 0,
		.export = sql_number(q, 8) != 0,
		.until_ms = sql_number(q, 9),
		.created_ms = sql_number(q, 12),
		.max_sessions = (uint32_t)sql_count(q, 17),
		.approvals = (uint32_t)sql_count(q, 18),
		.approved_ms = sql_number(q, 19),
	};
	snprintf(g->model, sizeof(g->model), "%s", sql_text(q, 1));
	snprintf(g->channel, sizeof(g->channel), "%s", sql_text(q, 2));
	snprintf(g->version, sizeof(g->version), "%s", sql_text(q, 3));
	snprintf(g->to, sizeof(g->to), "%s", sql_text(q, 4));
	snprintf(g->reason, sizeof(g->reason), "%s", sql_text(q, 10));
	snprintf(g->by, sizeof(g->by), "%s", sql_text(q, 11));
	snprintf(g->hosts, sizeof(g->hosts), "%s", sql_text(q, 13));
	snprintf(g->days, sizeof(g->days), "%s", sql_text(q, 14));
	snprintf(g->hours, sizeof(g->hours), "%s", sql_text(q, 15));
	snprintf(g->zone, sizeof(g->zone), "%s", sql_text(q, 16));
	snprintf(g->exes, sizeof(g->exes), "%s", sql_text(q, 20));
	/* Of hours that cannot be read it is not known when they are. */
	if (grant_when_parse(&g->when, g->days, g->hours, g->zone) != NULL ||
	    grant_host_wrong(g->hosts) != NULL ||
	    grant_exe_wrong(g->exes) != NULL)
		return log_err(ERR_INTEGRITY,
		    "catalogue: grant %ju is not well-formed",
		    (uintmax_t)g->id);
	return 0;
}

/* With the columns that only removed ones fill. */
static int
read_whole(struct grant *g, const struct sql_query *q)
{
	int err = read_grant(g, q);

	g->removed_ms = sql_number(q, COLUMNS);
	snprintf(g->removed_by, sizeof(g->removed_by), "%s",
	    sql_text(q, COLUMNS + 1));
	snprintf(g->removed_reason, sizeof(g->removed_reason), "%s",
	    sql_text(q, COLUMNS + 2));
	return err;
}

static int
get(struct catalogue *c, uint64_t id, bool removed, struct grant *out)
{
	OWNED_QUERY q = { 0 };
	struct grant g;
	int err = sql_begin(&q, c->sql, GRANT_GET, SQL_BIND(SQL_NUMBER(id)));

	if (err == 0)
		err = sql_next(&q);
	if (err == 0)
		err = read_whole(&g, &q);
	if (err != 0)
		return err;
	if ((g.removed_ms != 0) != removed)
		return ERR_NOT_FOUND;
	*out = g;
	return 0;
}

int
catalogue_grant_get(struct catalogue *c, uint64_t id, struct grant *out)
{
	return get(c, id, false, out);
}

int
catalogue_grant_removed(struct catalogue *c, uint64_t id, struct grant *out)
{
	return get(c, id, true, out);
}

int
catalogue_grant_each(struct catalogue *c, const struct catalogue_grants *w,
    int (*each)(void *arg, const struct grant *g), void *arg)
{
	OWNED_QUERY q = { 0 };
	int err = sql_begin(&q, c->sql, GRANT_EACH,
	    SQL_BIND(SQL_NUMBER(w->after), SQL_TEXT(w->principal),
		SQL_NUMBER(w->removed)));

	if (err != 0)
		return err;
	while ((err = sql_next(&q)) == 0) {
		struct grant g;

		err = read_whole(&g, &q);
		if (err == 0)
			err = each(arg, &g);
		if (err != 0)
			return err;
	}
	return err == ERR_NOT_FOUND ? 0 : err;
}

int
catalogue_grant_list(struct catalogue *c, const char *principal,
    const char *model, struct grant **out, size_t *n)
{
	OWNED_QUERY q = { 0 };
	OWNED_MEM(struct grant) list = NULL;
	size_t count = 0, room = 0;
	int err = sql_begin(&q, c->sql, GRANT_LIST,
	    SQL_BIND(SQL_TEXT(principal), SQL_TEXT(model)));

	if (err != 0)
		return err;
	while ((err = sql_next(&q)) == 0) {
		if (count == room) {
			struct grant *more;

			room = room * 2 + 8;
			more = reallocarray(list, room, sizeof(*list));
			if (more == NULL)
				return ERR_NOMEM;
			list = more;
		}
		err = read_grant(&list[count++], &q);
		if (err != 0)
			return err;
	}
	if (err != ERR_NOT_FOUND)
		return err;
	*out = list;
	*n = count;
	list = NULL;
	return 0;
}

int
catalogue_grant_used(struct catalogue *c, uint64_t grant, int64_t until_ms,
    int (*each)(void *arg, const struct catalogue_use *u), void *arg)
{
	OWNED_QUERY q = { 0 };
	int err = sql_begin(&q, c->sql, SESSION_OF_GRANT,
	    SQL_BIND(SQL_NUMBER(grant), SQL_NUMBER(until_ms)));

	while (err == 0 && (err = sql_next(&q)) == 0) {
		const struct catalogue_use u = {
			.session = sql_count(&q, 0),
			.purpose = sql_number(&q, 1) == MSG_GET ? MSG_GET :
								  MSG_MOUNT,
			.host = sql_text(&q, 2),
			.opened_ms = sql_number(&q, 3),
			.version = sql_text(&q, 4),
			.bytes = sql_count(&q, 5),
			.fresh = sql_count(&q, 6),
			.last_ms = sql_number(&q, 7),
		};

		err = each(arg, &u);
		if (err != 0)
			return err;
	}
	return err == ERR_NOT_FOUND ? 0 : err;
}
