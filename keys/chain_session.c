/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "keys/chain_parts.h"
#include "vault/err.h"
#include "vault/log.h"

#define TRIES 2 /* a channel may move between proof and session */

static void
clear_versions(struct chain_version *versions, uint16_t count)
{
	for (uint16_t i = 0; versions != NULL && i < count; i++)
		chain_version_clear(&versions[i]);
	free(versions);
}

void
chain_session_clear(struct chain_session *s)
{
	clear_versions(s->versions, s->session.count);
	msg_session_clear(&s->session);
	*s = (struct chain_session){ 0 };
}

/* One try. */
struct trying {
	struct chain *c;
	const struct msg_session_open *open; /* as it was asked for */
	struct chain_version *versions;	     /* open->count */
	char **refs;			     /* borrowed from versions */
	struct msg_session session;
	bool differs; /* keyd opened something else */
};

static void
trying_clear(struct trying *t)
{
	clear_versions(t->versions, t->open->count);
	free(t->refs);
	msg_session_clear(&t->session);
	chain_free(t->c);
}

static int
accept_all(struct trying *t)
{
	int err = 0;

	for (uint16_t i = 0; err == 0 && i < t->open->count; i++) {
		err = chain_accept(t->c, t->open->refs[i], &t->versions[i]);
		t->refs[i] = t->versions[i].full;
	}
	return err;
}

static bool
agree(const struct trying *t)
{
	if (t->session.count != t->open->count)
		return false;
	for (uint16_t i = 0; i < t->session.count; i++) {
		const struct msg_version *got = &t->session.versions[i];
		const struct chain_version *want = &t->versions[i];

		if (strcmp(got->model, want->ref.name) != 0 ||
		    strcmp(got->channel, want->ref.channel) != 0 ||
		    !digest_equal(&got->version, &want->version))
			return false;
	}
	return true;
}

static void
give_up(struct trying *t, const char *reason)
{
	(void)!client_session_close(t->c->client, t->session.session, reason);
	msg_session_clear(&t->session);
}

/*
 * keyd does not show what was asked for.  It is asked for the session all the
 * same: its refusal says why, and is recorded as one.
 */
static int
be_refused(struct trying *t, int err)
{
	struct msg_session_open m = *t->open;
	int answer;

	m.trust = t->c->how->allow_unsigned ? MSG_UNSIGNED : MSG_PINNED;
	answer = client_session_open(t->c->client, &m, &t->session);
	if (answer != 0)
		return answer;
	give_up(t, "opened without a proof");
	return log_err(err,
	    "keyd opened a session for what it does not show a proof of; it "
	    "was closed");
}

static int
open_accepted(struct trying *t)
{
	struct msg_session_open m = *t->open;
	int err;

	m.refs = t->refs;
	m.trust = (enum msg_trust)chain_trust(t->c);
	err = client_session_open(t->c->client, &m, &t->session);
	if (err != 0)
		return err;
	if (!agree(t)) {
		give_up(t, "not what this host has accepted");
		t->differs = true;
		return ERR_CONFLICT;
	}
	err = chain_commit(t->c);
	if (err != 0)
		give_up(t, "cannot be remembered");
	return err;
}

static int
try_once(struct trying *t, struct client *client, const struct chain_how *how)
{
	int err = chain_open(&t->c, client, how);

	if (err != 0)
		return err;
	t->versions = calloc(t->open->count, sizeof(*t->versions));
	t->refs = calloc(t->open->count, sizeof(*t->refs));
	if (t->versions == NULL || t->refs == NULL)
		return ERR_NOMEM;
	err = accept_all(t);
	if (err != 0 && t->c->hidden)
		return be_refused(t, err);
	return err == 0 ? open_accepted(t) : err;
}

/* Whether something moved while it was looked at. */
static bool
moved(const struct trying *t)
{
	return t->differs || (t->c != NULL && t->c->outdated);
}

static int
still_moves(struct trying *t)
{
	if (!t->differs)
		return log_err(ERR_CONFLICT,
		    "the trust root changes all the time: try again");
	return chain_refuse(t->c, t->open->refs[0],
	    "keyd opens something else than what it shows the proof of");
}

int
chain_session_open(struct chain_session *out, struct client *client,
    const struct chain_how *how, const struct msg_session_open *open)
{
	bool again = true;
	int err = 0;

	for (int i = 1; again; i++) {
		struct trying t = { .open = open };

		err = try_once(&t, client, how);
		again = err != 0 && moved(&t) && i < TRIES;
		if (err != 0 && moved(&t) && !again)
			err = still_moves(&t);
		if (err == 0) {
			out->session = t.session;
			out->versions = t.versions;
			out->trust = chain_trust(t.c);
			t.session = (struct msg_session){ 0 };
			t.versions = NULL;
		}
		trying_clear(&t);
	}
	return err;
}
