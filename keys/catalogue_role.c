/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "keys/catalogue_tables.h"
#include "vault/err.h"

int
catalogue_role_held(struct catalogue *c, const char *principal,
    unsigned int *held)
{
	OWNED_QUERY q = { 0 };
	unsigned int bits = 0;
	int err = sql_begin(&q, c->sql, ROLE_HELD,
	    SQL_BIND(SQL_TEXT(principal)));

	if (err != 0)
		return err;
	while ((err = sql_next(&q)) == 0)
		bits |= (unsigned int)sql_count(&q, 0) & ROLE_ANY;
	if (err != ERR_NOT_FOUND)
		return err;
	*held = bits;
	return 0;
}

int
catalogue_role_has(struct catalogue *c, const struct catalogue_role *r,
    bool *has)
{
	OWNED_QUERY q = { 0 };
	int err = sql_begin(&q, c->sql, ROLE_HAS,
	    SQL_BIND(SQL_TEXT(r->to), SQL_NUMBER(r->role),
		SQL_TEXT(r->family)));

	if (err == 0)
		err = sql_next(&q);
	if (err != 0 && err != ERR_NOT_FOUND)
		return err;
	*has = err == 0;
	return 0;
}

int
catalogue_role_owners(struct catalogue *c, uint64_t *count)
{
	OWNED_QUERY q = { 0 };
	int err = sql_begin(&q, c->sql, ROLE_OWNERS,
	    SQL_BIND(SQL_NUMBER(ROLE_OWNER)));

	if (err == 0)
		err = sql_next(&q);
	if (err == 0)
		*count = sql_count(&q, 0);
	return err;
}

int
catalogue_role_each(struct catalogue *c, const struct catalogue_role *after,
    int (*each)(void *arg, const struct catalogue_role *r), void *arg)
{
	static const struct catalogue_role start;
	const struct catalogue_role *a = after != NULL ? after : &start;
	OWNED_QUERY q = { 0 };
	int err = sql_begin(&q, c->sql, ROLE_ALL,
	    SQL_BIND(SQL_NUMBER(a->role), SQL_TEXT(a->family),
		SQL_TEXT(a->to)));

	if (err != 0)
		return err;
	while ((err = sql_next(&q)) == 0) {
		struct catalogue_role r = {
			.role = (enum role)sql_number(&q, 1),
		};

		snprintf(r.to, sizeof(r.to), "%s", sql_text(&q, 0));
		snprintf(r.family, sizeof(r.family), "%s", sql_text(&q, 2));
		err = each(arg, &r);
		if (err != 0)
			return err;
	}
	return err == ERR_NOT_FOUND ? 0 : err;
}
