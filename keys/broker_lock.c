/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "keys/broker_lock.h"
#include "keys/broker_state.h"
#include "vault/err.h"

/*
 * Lock and unlock (PROTOCOL.md, "Lock").  Recorded first: a keyd that is killed
 * in between starts locked.
 */

static const char reason_locked[] = "the vault was locked";

/* On its way to being unlocked. */
struct broker_unlock {
	struct msg_unlock m;
	const struct file *vault; /* borrowed */
	struct keyring *open;
	int found;
};

void
broker_lock_free(struct broker_unlock *u)
{
	if (u == NULL)
		return;
	msg_unlock_clear(&u->m);
	keyring_free(u->open);
	free(u);
}

int
broker_lock_says(struct broker_call *c)
{
	return broker_call_fail(c, ERR_SECRET,
	    "the vault is locked: no keys are given out; an owner who has a"
	    " secret that opens it runs: weir unlock");
}

static int
reply(struct broker_call *c, bool again, uint64_t number)
{
	msg_lock_reply_write(&c->reply,
	    &(struct msg_lock_reply){ .again = again, .number = number });
	return 0;
}

/* --- lock --- */

/* All that could open something goes, and who has been given keys is told. */
static int
let_go(struct broker *b, uint64_t *sessions)
{
	int err;

	keyring_lock(b->how.keyring);
	broker_verify_stop(b);
	broker_check_interrupt(b);
	pages_clear(b->pages);
	err = broker_session_end_all(b, reason_locked, sessions);
	return err == 0 ? broker_record_drain(b) : err;
}

static int
record_lock(struct broker_call *c, const char *reason)
{
	OWNED_ENTRY e = { 0 };

	broker_call_entry(c, &e, ENTRY_LOCK);
	entry_text(&e, "reason", *reason != '\0' ? reason : NULL);
	return broker_call_record(c, &e);
}

int
broker_lock_lock(struct broker_call *c)
{
	OWNED_MEM(char) reason = NULL;
	uint64_t sessions = 0;
	int err;

	if (msg_string_read(&reason, &c->body) != 0)
		return broker_call_malformed(c);
	if (keyring_locked(c->b->how.keyring))
		return reply(c, true, 0);
	err = record_lock(c, reason);
	if (err != 0)
		return err;
	err = let_go(c->b, &sessions);
	if (err != 0)
		return broker_call_fail(c, err,
		    "the vault is locked, and the end of its sessions cannot be"
		    " recorded: %s",
		    err_text(err));
	return reply(c, false, sessions);
}

int
broker_lock_start(struct broker *b)
{
	uint64_t sessions = 0;
	int64_t since;
	int err = catalogue_secret_locked(b->how.catalogue, &since);

	return err == 0 && since != 0 ? let_go(b, &sessions) : err;
}

/* --- unlock --- */

void
broker_lock_look(struct broker_unlock *u)
{
	u->found = keyring_open(u->vault, &u->m.secret, &u->open);
}

int
broker_lock_unlock(struct broker_call *c)
{
	struct broker_unlock *u = calloc(1, sizeof(*u));
	struct broker_check *k = calloc(1, sizeof(*k));

	if (u == NULL || k == NULL) {
		free(u);
		free(k);
		return ERR_NOMEM;
	}
	k->unlock = u;
	u->vault = c->b->how.vault->dir;
	if (msg_unlock_read(&u->m, &c->body) != 0) {
		broker_check_free(k);
		return broker_call_malformed(c);
	}
	if (!keyring_locked(c->b->how.keyring)) {
		broker_check_free(k);
		return reply(c, true, 0);
	}
	return broker_check_secret(c, k, broker_secret_settled(c));
}

/* A wrong secret is told of, as in a change of them. */
static int
refuse(struct broker_call *c, int found)
{
	int err;

	if (found != ERR_SECRET)
		return broker_call_fail(c, found,
		    "the keyring cannot be opened: %s", err_text(found));
	err = broker_call_refuse(c, "a secret that does not open the vault",
	    "the secret given does not unlock this vault");
	return err == ERR_DENIED ? ERR_SECRET : err;
}

static int
open_again(struct broker_call *c, struct keyring *fresh)
{
	OWNED_ENTRY e = { 0 };
	int err;

	if (!keyring_same(c->b->how.keyring, fresh))
		return broker_call_fail(c, ERR_INTEGRITY,
		    "the keyring or the epoch is not the one that was locked:"
		    " bring it back from a backup, or start weir-keyd again");
	broker_call_entry(c, &e, ENTRY_UNLOCK);
	entry_number(&e, "secret", fresh->slot);
	err = broker_call_record(c, &e);
	if (err != 0)
		return err;
	keyring_unlock(c->b->how.keyring, fresh);
	broker_check_again(c->b);
	broker_verify_again(c->b);
	return reply(c, false, c->b->how.keyring->slot);
}

int
broker_lock_checked(struct broker_call *c, struct broker_check *k)
{
	struct broker_unlock *u = k->unlock;
	int err;

	c->b->secret_busy = false;
	if (c->b->failed != 0 || c->b->stopping)
		err = broker_call_fail(c, ERR_IO, "weir-keyd stops");
	else if (u->found != 0)
		err = refuse(c, u->found);
	else
		err = broker_call_need(c, ROLE_OWNER);
	if (err == 0)
		err = keyring_locked(c->b->how.keyring) ?
		    open_again(c, u->open) :
		    reply(c, true, 0);
	broker_check_free(k);
	return err;
}
