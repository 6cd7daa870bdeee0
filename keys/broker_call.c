/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys/broker_state.h"
#include "vault/err.h"

int
broker_call_fail(struct broker_call *c, int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(c->sentence, sizeof(c->sentence), fmt, args);
	va_end(args);
	return err;
}

int
broker_call_malformed(struct broker_call *c)
{
	return broker_call_fail(c, ERR_FORMAT,
	    "%s: the message is not well-formed", c->request->name);
}

int
broker_call_unreadable(struct broker_call *c, int err)
{
	return broker_call_fail(c, err, "the catalogue cannot be read");
}

void
broker_call_entry(struct broker_call *c, struct entry *e, enum entry_kind kind)
{
	const struct entry_actor by = {
		.principal = c->from->principal,
		.uid = c->from->peer.uid,
	};

	entry_begin(e, kind, &by, broker_record_clock());
}

/* A request as people know it: the command that makes it. */
static const char *
words(const struct broker_call *c)
{
	static const struct {
		uint16_t type;
		const char *command;
	} commands[] = {
		{ MSG_ROLE_LS, "'weir role ls'" },
		{ MSG_ROLE_ADD, "'weir role add'" },
		{ MSG_ROLE_RM, "'weir role rm'" },
		{ MSG_GRANT_ADD, "'weir grant add'" },
		{ MSG_GRANT_RM, "'weir grant rm'" },
		{ MSG_BUDGET_RESET, "'weir grant reset'" },
		{ MSG_GRANT_EXPLAIN, "'weir grant explain' for somebody else" },
		{ MSG_GRANT_REVIEW, "'weir grant review'" },
		{ MSG_PUT_BEGIN, "'weir put'" },
		{ MSG_PUT_KEYS, "'weir put'" },
		{ MSG_PUT_COMMIT, "'weir put'" },
		{ MSG_CHECK_REPORT, "'weir check'" },
		{ MSG_STATEMENT_ADD,
		    "a new statement (a trust root takes an owner)" },
		{ MSG_STATEMENT_SIGN, "signing a statement" },
		{ MSG_STATEMENT_WITHDRAW, "withdrawing a statement" },
		{ MSG_STATEMENT_GET, "'weir promote show'" },
		{ MSG_STATEMENT_LS, "'weir promote ls'" },
		{ MSG_SIGN_OMS, "'weir sign --oms'" },
		{ MSG_ALERT_LS, "'weir alert ls'" },
		{ MSG_ALERT_ACK, "'weir alert ack'" },
		{ MSG_DECOY_ADD, "'weir decoy add'" },
		{ MSG_DECOY_RM, "'weir decoy rm'" },
		{ MSG_DECOY_LS, "'weir decoy ls'" },
		{ MSG_SECRET_LS, "'weir secret ls'" },
		{ MSG_SECRET_ADD, "'weir secret add'" },
		{ MSG_SECRET_RM, "'weir secret rm'" },
		{ MSG_LOCK, "'weir lock'" },
		{ MSG_UNLOCK, "'weir unlock'" },
		{ MSG_REKEY, "'weir rekey'" },
		{ MSG_VERSION_RM, "'weir rm'" },
		{ MSG_VERSION_UNDELETE, "'weir undelete'" },
		{ MSG_GC_BEGIN, "'weir gc'" },
		{ MSG_GC_SWEEP, "'weir gc'" },
		{ MSG_GC_END, "'weir gc'" },
		{ MSG_BACKUP, "'weir backup'" },
		{ MSG_SHRED_BEGIN, "'weir shred'" },
		{ MSG_SHRED_SWEEP, "'weir shred'" },
		{ MSG_SHRED_CERTIFICATE, "'weir shred'" },
	};

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (commands[i].type == c->request->type)
			return commands[i].command;
	return c->request->name;
}

/* What went wrong while recording; an entry too long is the caller's doing. */
static int
record_failed(struct broker_call *c, int err)
{
	if (err == ERR_LIMIT)
		return broker_call_fail(c, err,
		    "%s: that is more than one entry of the trail can hold",
		    words(c));
	if (err == ERR_NOMEM)
		return broker_call_fail(c, err, "weir-keyd is out of memory");
	if (err == ERR_CONFLICT)
		return broker_call_fail(c, err,
		    "weir-keyd has too much to record just now; try again");
	return broker_call_fail(c, ERR_IO,
	    "weir-keyd stops: it cannot record what it does: %s",
	    err_text(c->b->failed));
}

int
broker_call_record(struct broker_call *c, struct entry *e)
{
	int err = broker_record_wait(c->b, e);

	return err == 0 ? 0 : record_failed(c, err);
}

int
broker_call_record_later(struct broker_call *c, struct entry *e)
{
	int err = broker_record_later(c->b, e, &c->pending);

	return err == 0 ? 0 : record_failed(c, err);
}

int
broker_call_refuse(struct broker_call *c, const char *reason, const char *fmt,
    ...)
{
	char cut[BROKER_REASON_MAX];
	OWNED_ENTRY e = { 0 };
	va_list args;
	int err;

	snprintf(cut, sizeof(cut), "%s", reason);
	broker_call_entry(c, &e, ENTRY_REFUSED);
	entry_text(&e, "request", c->request->name);
	entry_text(&e, "reason", cut);
	if (c->session != NULL) {
		entry_text(&e, "for", c->session->s->principal);
		entry_number(&e, "session", c->session->id);
	}
	entry_text(&e, "model", c->model);
	err = broker_guard_refusal(c, &e, cut);
	if (err != 0)
		return err;
	va_start(args, fmt);
	vsnprintf(c->sentence, sizeof(c->sentence), fmt, args);
	va_end(args);
	return ERR_DENIED;
}

int
broker_call_roles(struct broker_call *c, unsigned int *held)
{
	int err = catalogue_role_held(c->b->how.catalogue, c->from->principal,
	    held);

	if (err != 0)
		return broker_call_unreadable(c, err);
	return 0;
}

/* "manager or reviewer": who but an owner may. */
static void
name_roles(char *out, size_t size, unsigned int wanted)
{
	size_t n = 0;

	*out = '\0';
	if ((wanted & ~(unsigned int)ROLE_OWNER) != 0)
		wanted &= ~(unsigned int)ROLE_OWNER;
	for (unsigned int bit = 1; bit <= ROLE_ANY && n < size; bit <<= 1)
		if ((wanted & bit) != 0)
			n += (size_t)snprintf(out + n, size - n, "%s%s",
			    n > 0 ? " or " : "", role_name((enum role)bit));
}

/* The one of them that may least: a reviewer changes nothing. */
static const char *
least_role(unsigned int wanted)
{
	if ((wanted & ROLE_REVIEWER) != 0)
		return role_name(ROLE_REVIEWER);
	if ((wanted & ~(unsigned int)ROLE_OWNER) != 0)
		wanted &= ~(unsigned int)ROLE_OWNER;
	return role_name((enum role)(wanted & -wanted));
}

int
broker_call_need(struct broker_call *c, unsigned int wanted)
{
	return broker_call_need_for(c, wanted, words(c));
}

int
broker_call_need_for(struct broker_call *c, unsigned int wanted,
    const char *what)
{
	char roles[64], reason[128];
	unsigned int held;
	int err = broker_call_roles(c, &held);

	if (err != 0 || role_may(held, wanted))
		return err;
	name_roles(roles, sizeof(roles), wanted);
	snprintf(reason, sizeof(reason), "not %s", roles);
	return broker_call_refuse(c, reason,
	    "%s needs the role of %s, which %s has not; an owner may give it:"
	    " weir role add %s --to %s",
	    what, roles, c->from->principal, least_role(wanted),
	    c->from->principal);
}

int
broker_call_json(struct broker_call *c, void *root)
{
	OWNED_MEM(char) text = NULL;

	text = root != NULL ? json_dumps(root, JSON_COMPACT) : NULL;
	json_decref(root);
	if (text == NULL)
		return broker_call_fail(c, ERR_NOMEM,
		    "weir-keyd is out of memory");
	if (strlen(text) > MSG_JSON_MAX)
		return broker_call_fail(c, ERR_LIMIT,
		    "%s: the answer is longer than %u KiB; ask for less of it",
		    words(c), MSG_JSON_MAX >> 10);
	msg_text_write(&c->reply, text);
	return 0;
}

int
broker_call_list(struct broker_call *c, unsigned int fields,
    struct msg_list *out)
{
	struct msg_list m;

	if (msg_list_read(&m, &c->body) != 0)
		return broker_call_malformed(c);
	if ((m.model[0] != '\0' && (fields & BROKER_LIST_MODEL) == 0) ||
	    (m.id != 0 && (fields & BROKER_LIST_ID) == 0) ||
	    (m.ended && (fields & BROKER_LIST_ENDED) == 0)) {
		msg_list_clear(&m);
		return broker_call_malformed(c);
	}
	*out = m;
	return 0;
}

int
broker_call_listing(struct broker_call *c, int err, const char *name,
    void *items, const struct listing *l)
{
	if (err != 0 && err != LISTING_FULL) {
		json_decref(items);
		return broker_call_fail(c, err,
		    err == ERR_LIMIT ?
			"one item is more than a reply can hold" :
			"the catalogue cannot be read");
	}
	return broker_call_json(c,
	    json_pack("{s:o, s:s*}", name, items, "next",
		err == LISTING_FULL ? l->next : NULL));
}

int
broker_call_lost(struct broker_call *c)
{
	return broker_call_fail(c, ERR_USAGE,
	    "that is not where a list goes on");
}
