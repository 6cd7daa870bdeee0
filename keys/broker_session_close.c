/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "keys/broker_budget.h"
#include "keys/broker_state.h"
#include "vault/err.h"

/* Whether the caller may close what is or was a session: whoever holds or
 * opened it, whose it is, who governs. */
static int
may_close(struct broker_call *c, const struct session *s, bool *may)
{
	const char *who = c->from->principal;
	unsigned int held;
	int err;

	*may = s != NULL &&
	    (broker_session_of(c->from, s->id) != NULL ||
		strcmp(s->principal, who) == 0 || strcmp(s->by, who) == 0);
	if (*may)
		return 0;
	err = broker_call_roles(c, &held);
	if (err == 0)
		*may = role_may(held, ROLE_MANAGER);
	return err;
}

/* The same words whether there is such a session or not. */
static int
refuse_close(struct broker_call *c, uint64_t id)
{
	return broker_call_refuse(c, "not the session's principal",
	    "there is no session %ju of %s; one of somebody else its principal"
	    " or a manager may close: weir session close %ju",
	    (uintmax_t)id, c->from->principal, (uintmax_t)id);
}

/* It is not open: was it ever? */
static int
not_open(struct broker_call *c, uint64_t id)
{
	OWNED(session) s = NULL;
	bool may;
	int err = catalogue_session_get(c->b->how.catalogue, id, &s);
	int asked;

	if (err != 0 && err != ERR_NOT_FOUND)
		return broker_call_unreadable(c, err);
	asked = may_close(c, s, &may);
	if (asked != 0)
		return asked;
	if (!may)
		return refuse_close(c, id);
	if (err == 0)
		return broker_call_fail(c, ERR_CONFLICT,
		    "session %ju has ended already", (uintmax_t)id);
	return broker_call_fail(c, err,
	    "there is no session %ju; 'weir session ls' lists them",
	    (uintmax_t)id);
}

static int
close_one(struct broker_call *c, const struct msg_id_reason *m)
{
	struct broker_session *s = broker_session_find(c->b, m->id);
	char reason[BROKER_REASON_MAX];
	OWNED_ENTRY e = { 0 };
	bool may;
	int err;

	if (s == NULL)
		return not_open(c, m->id);
	err = may_close(c, s->s, &may);
	if (err != 0)
		return err;
	if (!may)
		return refuse_close(c, m->id);
	snprintf(reason, sizeof(reason), "%s", m->reason);
	broker_call_entry(c, &e, ENTRY_SESSION_CLOSE);
	entry_number(&e, "session", s->id);
	entry_text(&e, "reason", reason);
	entry_number(&e, "clock", broker_budget_clock(c->b));
	err = broker_call_record(c, &e);
	if (err == 0)
		broker_session_ended(c->b, s, c->from, reason);
	return err;
}

int
broker_session_close(struct broker_call *c)
{
	struct msg_id_reason m;
	int err;

	if (msg_id_reason_read(&m, &c->body) != 0)
		return broker_call_malformed(c);
	err = close_one(c, &m);
	msg_id_reason_clear(&m);
	return err;
}
