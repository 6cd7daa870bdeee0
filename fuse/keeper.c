/* SPDX-License-Identifier: Apache-2.0 */
#include "fuse/keeper.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "vault/err.h"
#include "vault/log.h"

#define PROGRAM "weir-mount"
#define LEVEL_SILENT (-1)
#define LEVEL_USUAL 2

struct keeper {
	struct keeper_how how;
	struct client *client; /* NULL: keyd was lost */
	struct chain_session chain;
	bool said; /* that keyd cannot be had */
};

static int
connect_keyd(struct keeper *k, struct client **out)
{
	const struct client_how how = { .vault = k->how.vault,
		.unlock = &k->how.unlock,
		.program = PROGRAM };

	return client_open(out, &how);
}

int
keeper_new(struct keeper **out, const struct keeper_how *how,
    const struct msg_session_open *open)
{
	OWNED(keeper) k = calloc(1, sizeof(*k));
	int err;

	if (k == NULL)
		return ERR_NOMEM;
	k->how = *how;
	err = connect_keyd(k, &k->client);
	if (err == 0)
		err = chain_session_open(&k->chain, k->client, &how->trust,
		    open);
	if (err != 0)
		return err;
	/* From here on there is nobody to ask for a passphrase. */
	k->how.unlock.no_prompt = true;
	*out = k;
	k = NULL;
	return 0;
}

void
keeper_free(struct keeper *k)
{
	if (k == NULL)
		return;
	client_free(k->client);
	chain_session_clear(&k->chain);
	free(k);
}

const struct msg_session *
keeper_session(const struct keeper *k)
{
	return &k->chain.session;
}

const struct chain_version *
keeper_versions(const struct keeper *k)
{
	return k->chain.versions;
}

enum chain_trust
keeper_trust(const struct keeper *k)
{
	return k->chain.trust;
}

int
keeper_connect(struct keeper *k, int *out)
{
	OWNED(client) c = NULL;
	int err = connect_keyd(k, &c);

	if (err == 0)
		*out = client_take_fd(c);
	return err;
}

/* Whether keyd answers, and said what it makes of the session. */
static bool
is_verdict(int err)
{
	return err == 0 || err == ERR_DENIED || err == ERR_NOT_FOUND;
}

/* A session that keyd has ended is the worker's to find out: it is given a
 * connection all the same. */
static int
resume(struct keeper *k)
{
	struct msg_session_resume m = { .session = k->chain.session.session };
	struct msg_session again = { 0 };
	int err;

	client_free(k->client);
	k->client = NULL;
	err = connect_keyd(k, &k->client);
	if (err != 0) {
		k->client = NULL;
		return err;
	}
	memcpy(m.token, k->chain.session.token, sizeof(m.token));
	err = client_session_resume(k->client, &m, &again);
	msg_session_resume_clear(&m);
	if (err == 0)
		msg_session_clear(&again);
	return is_verdict(err) ? 0 : err;
}

int
keeper_again(struct keeper *k, int *out)
{
	int err;

	log_level(k->said ? LEVEL_SILENT : LEVEL_USUAL);
	err = resume(k);
	if (err == 0)
		err = keeper_connect(k, out);
	log_level(LEVEL_USUAL);
	k->said = err != 0;
	return err;
}

void
keeper_close(struct keeper *k, const char *reason)
{
	int err = ERR_UNREACHABLE;

	log_level(LEVEL_SILENT);
	if (k->client != NULL)
		err = client_session_close(k->client, k->chain.session.session,
		    reason);
	log_level(LEVEL_USUAL);
	/* keyd may have gone, and perhaps come back. */
	if (err == ERR_UNREACHABLE && resume(k) == 0)
		(void)!client_session_close(k->client, k->chain.session.session,
		    reason);
}
