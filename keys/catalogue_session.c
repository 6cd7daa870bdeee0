/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys/catalogue_tables.h"
#include "vault/err.h"
#include "vault/log.h"

static int
read_text(char **out, const struct sql_query *q, int column)
{
	*out = strdup(sql_text(q, column));
	return *out != NULL ? 0 : ERR_NOMEM;
}

static int
read_session(struct session **out, const struct sql_query *q)
{
	OWNED(session) s = calloc(1, sizeof(*s));
	int err;

	if (s == NULL)
		return ERR_NOMEM;
	s->id = sql_count(q, 0);
	s->purpose = sql_number(q, 3) == MSG_GET ? MSG_GET : MSG_MOUNT;
	s->pid = (uint32_t)sql_count(q, 5);
	s->opened_ms = sql_number(q, 7);
	s->closed_ms = sql_number(q, 8);
	s->releases = sql_count(q, 9);
	s->released_bytes = sql_count(q, 10);
	s->faults = sql_count(q, 11);
	err = read_text(&s->principal, q, 1);
	if (err == 0)
		err = read_text(&s->by, q, 2);
	if (err == 0)
		err = read_text(&s->host, q, 4);
	if (err == 0)
		err = read_text(&s->mountpoint, q, 6);
	if (err != 0)
		return err;
	*out = s;
	s = NULL;
	return 0;
}

static int
read_session_version(struct session_version *v, const struct sql_query *q)
{
	*v = (struct session_version){
		.grant = sql_count(q, 3),
		.type = sql_number(q, 4) == MSG_GRANT_LOAD ? MSG_GRANT_LOAD :
							     MSG_GRANT_BROWSE,
	};
	snprintf(v->model, sizeof(v->model), "%s", sql_text(q, 0));
	snprintf(v->channel, sizeof(v->channel), "%s", sql_text(q, 1));
	if (digest_parse(&v->version, sql_text(q, 2)) != 0)
		return log_err(ERR_INTEGRITY,
		    "catalogue: a digest is not well-formed");
	return 0;
}

/* Room for one more. */
static bool
grow(struct session *s)
{
	struct session_version *more;

	if ((s->count & (s->count - 1)) != 0)
		return true; /* room was made up to the next power of two */
	more = reallocarray(s->versions, s->count > 0 ? 2U * s->count : 1,
	    sizeof(*more));
	if (more == NULL)
		return false;
	s->versions = more;
	return true;
}

static int
read_versions(struct catalogue *c, struct session *s)
{
	OWNED_QUERY q = { 0 };
	int err = sql_begin(&q, c->sql, SESSION_VERSIONS,
	    SQL_BIND(SQL_NUMBER(s->id)));

	if (err != 0)
		return err;
	while ((err = sql_next(&q)) == 0) {
		if (s->count == MSG_VERSIONS_MAX)
			return log_err(ERR_INTEGRITY,
			    "catalogue: session %ju has too many versions",
			    (uintmax_t)s->id);
		if (!grow(s))
			return ERR_NOMEM;
		err = read_session_version(&s->versions[s->count], &q);
		if (err != 0)
			return err;
		s->count++;
	}
	return err == ERR_NOT_FOUND ? 0 : err;
}

int
catalogue_session_get(struct catalogue *c, uint64_t id, struct session **out)
{
	OWNED_QUERY q = { 0 };
	OWNED(session) s = NULL;
	int err = sql_begin(&q, c->sql, SESSION_GET, SQL_BIND(SQL_NUMBER(id)));

	if (err == 0)
		err = sql_next(&q);
	if (err == 0)
		err = read_session(&s, &q);
	if (err == 0)
		err = read_versions(c, s);
	if (err != 0)
		return err;
	*out = s;
	s = NULL;
	return 0;
}

int
catalogue_session_each(struct catalogue *c, uint64_t after,
    int (*each)(void *arg, struct session *s), void *arg)
{
	OWNED_QUERY q = { 0 };
	int err = sql_begin(&q, c->sql, SESSION_OPEN_LIST,
	    SQL_BIND(SQL_NUMBER(after)));

	if (err != 0)
		return err;
	while ((err = sql_next(&q)) == 0) {
		OWNED(session) s = NULL;

		err = read_session(&s, &q);
		if (err == 0)
			err = read_versions(c, s);
		if (err != 0)
			return err;
		err = each(arg, s);
		s = NULL; /* it was handed over */
		if (err != 0)
			return err;
	}
	return err == ERR_NOT_FOUND ? 0 : err;
}

int
catalogue_session_count(struct catalogue *c, uint64_t *count)
{
	OWNED_QUERY q = { 0 };
	int err = sql_begin(&q, c->sql, SESSION_COUNT, SQL_NONE);

	if (err == 0)
		err = sql_next(&q);
	if (err == 0)
		*count = sql_count(&q, 0);
	return err;
}
