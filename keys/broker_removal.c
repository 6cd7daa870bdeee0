/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys/broker_budget.h"
#include "keys/broker_removal.h"
#include "vault/err.h"

/* version.rm, version.undelete: versions that go, and come back. */

#define GRACE_MAX_MS (INT64_C(3650) * 24 * 60 * 60 * 1000)

int64_t
broker_removal_since(const struct broker *b)
{
	const struct broker_link *l, *next;
	const struct broker_upload *u;
	int64_t since = INT64_MAX;

	HASH_ITER(hh, b->links, l, next)
		LIST_FOREACH(u, &l->uploads, entry)
			if (u->began_ms < since)
				since = u->began_ms;
	return since;
}

/* What is named by a channel may be another version in a moment. */
static int
check_reference(struct broker_call *c, const struct broker_target *t)
{
	if (t->ref.digits[0] != '\0')
		return 0;
	return broker_call_fail(c, ERR_USAGE,
	    "%s is a channel's: name the version by its digits, %s@DIGITS;"
	    " 'weir ls %s' lists them",
	    t->shown, t->ref.name, t->ref.name);
}

static int
keep_channel(void *arg, const char *channel)
{
	char *out = arg;

	if (out[0] == '\0')
		snprintf(out, REF_NAME_MAX + 1, "%s", channel);
	return 0;
}

static int
keep_revoked(void *arg, const struct catalogue_statement *s)
{
	bool *revoked = arg;

	(void)s;
	*revoked = true;
	return 0;
}

/* A signed channel is somebody's promise; one that points to what was revoked
 * serves nobody. */
int
broker_removal_channels(struct broker_call *c, const struct broker_target *t)
{
	struct catalogue *catalogue = c->b->how.catalogue;
	char channel[REF_NAME_MAX + 1] = "";
	bool revoked = false;
	int err = catalogue_removal_channels(catalogue, t->ref.name,
	    &t->version, keep_channel, channel);

	if (err == 0 && channel[0] != '\0')
		err = catalogue_statement_in_force(catalogue,
		    STATEMENT_REVOCATION, t->ref.name, &t->version,
		    keep_revoked, &revoked);
	if (err != 0)
		return broker_call_unreadable(c, err);
	if (channel[0] == '\0' || revoked)
		return 0;
	return broker_call_fail(c, ERR_CONFLICT,
	    "%s:%s points to %s: promote another version (weir promote"
	    " %s@DIGITS %s --key KEY), or revoke this one (weir revoke %s)",
	    t->ref.name, channel, t->shown, t->ref.name, channel, t->shown);
}

int
broker_removal_sessions(struct broker_call *c, const struct broker_target *t)
{
	const struct broker_session *s = broker_session_reader(c->b,
	    t->ref.name, &t->version);

	if (s == NULL)
		return 0;
	return broker_call_fail(c, ERR_CONFLICT,
	    "session %ju of %s has %s open: wait for its end, or end it: weir"
	    " session close %ju",
	    (uintmax_t)s->id, s->s->principal, t->shown, (uintmax_t)s->id);
}

/* What a backup is to copy is what there was when it began. */
int
broker_removal_backups(struct broker_call *c, const char *command)
{
	const struct broker_link *l, *next;

	HASH_ITER(hh, c->b->links, l, next)
		if (l->backs_up)
			return broker_call_fail(c, ERR_CONFLICT,
			    "a backup is being made by %s: run 'weir %s' when"
			    " it has ended",
			    l->principal, command);
	return 0;
}

int
broker_removal_ask(struct broker_call *c,
    int (*act)(struct broker_call *c, const struct msg_removal *m))
{
	struct msg_removal m;
	int err;

	if (msg_removal_read(&m, &c->body) != 0)
		return broker_call_malformed(c);
	if (strlen(m.reason) > BROKER_REASON_MAX)
		err = broker_call_fail(c, ERR_USAGE,
		    "a reason has at most %d bytes", BROKER_REASON_MAX);
	else
		err = act(c, &m);
	msg_removal_clear(&m);
	return err;
}

/* One that was removed before is told apart from one that never was. */
static int
not_there(struct broker_call *c, const struct broker_target *t)
{
	struct digest version;
	int err = catalogue_version_removed(c->b->how.catalogue, t->ref.name,
	    t->ref.digits, &version);

	if (err == 0)
		return broker_call_fail(c, ERR_CONFLICT,
		    "%s was removed already; 'weir ls %s --all' says until"
		    " when it can be brought back: weir undelete %s",
		    t->shown, t->ref.name, t->shown);
	if (err != ERR_NOT_FOUND && err != ERR_CONFLICT)
		return broker_call_unreadable(c, err);
	return broker_call_fail(c, ERR_NOT_FOUND,
	    "there is no %s; 'weir ls' lists what there is", t->shown);
}

static int
reply(struct broker_call *c, const struct broker_target *t, int64_t until)
{
	char when[ENTRY_TIME_SIZE];

	return broker_call_json(c,
	    json_pack("{s:s, s:s, s:s*}", "model", t->ref.name, "version",
		t->hex, "until",
		until != 0 ? entry_time_text(until, when) : NULL));
}

static int
rm(struct broker_call *c, const struct msg_removal *m)
{
	int64_t until;
	struct broker_target t;
	OWNED_ENTRY e = { 0 };
	int err;

	if (m->grace_ms > GRACE_MAX_MS)
		return broker_call_fail(c, ERR_USAGE,
		    "a version can be brought back for 3,650 days at most");
	until = broker_record_clock() + (int64_t)m->grace_ms;
	err = broker_model_resolve(c, m->reference, &t);
	if (err == 0)
		err = check_reference(c, &t);
	if (err == 0 && !t.found)
		err = not_there(c, &t);
	if (err == 0)
		err = broker_removal_channels(c, &t);
	if (err == 0)
		err = broker_removal_sessions(c, &t);
	if (err != 0)
		return err;
	broker_call_entry(c, &e, ENTRY_VERSION_RM);
	entry_text(&e, "model", t.ref.name);
	entry_digest(&e, "version", &t.version);
	entry_time(&e, "until", until);
	entry_text(&e, "reason", m->reason);
	err = broker_call_record(c, &e);
	if (err != 0)
		return err;
	broker_budget_forget(c->b, t.ref.name);
	broker_verify_forget(c->b, t.ref.name, &t.version);
	return reply(c, &t, until);
}

int
broker_removal_rm(struct broker_call *c)
{
	return broker_removal_ask(c, rm);
}

static int
find_removed(struct broker_call *c, struct broker_target *t)
{
	int err;

	if (t->found)
		return broker_call_fail(c, ERR_CONFLICT, "%s was not removed",
		    t->shown);
	err = catalogue_version_removed(c->b->how.catalogue, t->ref.name,
	    t->ref.digits, &t->version);
	if (err == ERR_CONFLICT)
		return broker_call_fail(c, err,
		    "several removed versions of %s begin with %s: give more"
		    " digits",
		    t->ref.name, t->ref.digits);
	if (err == ERR_NOT_FOUND)
		return broker_call_fail(c, err,
		    "there is no removed %s; 'weir ls --all' lists those that"
		    " can be brought back",
		    t->shown);
	if (err != 0)
		return broker_call_unreadable(c, err);
	digest_hex(&t->version, t->hex);
	return 0;
}

static int
undelete(struct broker_call *c, const struct msg_removal *m)
{
	struct broker_target t;
	OWNED_ENTRY e = { 0 };
	int err = broker_model_resolve(c, m->reference, &t);

	if (err == 0)
		err = check_reference(c, &t);
	if (err == 0)
		err = find_removed(c, &t);
	if (err != 0)
		return err;
	broker_call_entry(c, &e, ENTRY_VERSION_UNDELETE);
	entry_text(&e, "model", t.ref.name);
	entry_digest(&e, "version", &t.version);
	entry_text(&e, "reason", m->reason);
	err = broker_call_record(c, &e);
	if (err != 0)
		return err;
	broker_budget_forget(c->b, t.ref.name);
	c->b->look_verify = c->b->how.service;
	return reply(c, &t, 0);
}

int
broker_removal_undelete(struct broker_call *c)
{
	return broker_removal_ask(c, undelete);
}
