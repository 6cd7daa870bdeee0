/* SPDX-License-Identifier: Apache-2.0 */
#include "fuse/keeper.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "vault/clock.h"
#include "vault/err.h"
#include "vault/log.h"

#define PROGRAM "weir-mount"
#define CONNECT_MS 2000
#define CALL_MS 5000  /* a session is taken up, or closed */
#define CLOSE_MS 5000 /* in all */
#define STEP_MS 50
#define REASON_SIZE 256

struct keeper {
	struct keeper_how how;
	struct chain_session chain;
	int event; /* eventfd: the thread has come to its end */
	pthread_t thread;
	bool working; /* what follows is the thread's */

	struct client *client; /* NULL: keyd was lost */
	bool said;	       /* that keyd cannot be had */
	int fd;		       /* for the worker, or -1 */
	char reason[REASON_SIZE];
};

static int
connect_keyd(struct keeper *k, uint32_t timeout_ms, struct client **out)
{
	const struct client_how how = { .vault = k->how.vault,
		.unlock = &k->how.unlock,
		.program = PROGRAM,
		.timeout_ms = timeout_ms };

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
	k->fd = -1;
	k->how = *how;
	k->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (k->event < 0)
		return log_sys("eventfd");
	/* With nobody to ask for a passphrase there is nobody to wait, but a
	 * monitor that has other things to see to. */
	err = connect_keyd(k, how->unlock.no_prompt ? CALL_MS : 0, &k->client);
	if (err == 0)
		err = chain_session_open(&k->chain, k->client, &how->trust,
		    open);
	if (err == 0)
		err = client_patience(k->client, CALL_MS);
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
	/* A thread that hangs keeps what it uses, until the process ends. */
	if (k->working) {
		(void)pthread_detach(k->thread);
		return;
	}
	if (k->fd >= 0)
		close(k->fd);
	if (k->event >= 0)
		close(k->event);
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
	int err = connect_keyd(k, CALL_MS, &c);

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
	err = connect_keyd(k, CONNECT_MS, &k->client);
	if (err != 0) {
		k->client = NULL;
		return err;
	}
	memcpy(m.token, k->chain.session.token, sizeof(m.token));
	err = client_patience(k->client, CALL_MS);
	if (err == 0)
		err = client_session_resume(k->client, &m, &again);
	msg_session_resume_clear(&m);
	if (err == 0)
		msg_session_clear(&again);
	return is_verdict(err) ? 0 : err;
}

static void
finish(struct keeper *k)
{
	const uint64_t one = 1;

	(void)!write(k->event, &one, sizeof(one));
}

static void *
again(void *arg)
{
	struct keeper *k = arg;
	int err;

	log_hush(k->said);
	err = resume(k);
	if (err == 0)
		err = keeper_connect(k, &k->fd);
	k->said = err != 0;
	finish(k);
	return NULL;
}

static void *
close_session(void *arg)
{
	struct keeper *k = arg;
	int err = ERR_UNREACHABLE;

	log_hush(true);
	if (k->client != NULL)
		err = client_session_close(k->client, k->chain.session.session,
		    k->reason);
	log_hush(false);
	/* keyd may have gone, and perhaps come back. */
	if (err == ERR_UNREACHABLE && resume(k) == 0)
		(void)!client_session_close(k->client, k->chain.session.session,
		    k->reason);
	finish(k);
	return NULL;
}

/* What is refused is noted by that, and what was revoked remembered. */
static void
look_again(struct keeper *k)
{
	OWNED(chain) c = NULL;

	if (chain_open(&c, k->client, &k->how.trust) != 0)
		return;
	for (uint16_t i = 0; i < k->chain.session.count; i++) {
		const struct chain_version *was = &k->chain.versions[i];
		struct chain_version now = { 0 };
		char ref[sizeof(was->full)], hex[DIGEST_HEX_SIZE];

		/* The channel may have gone on from it. */
		snprintf(ref, sizeof(ref), "%s@%s", was->ref.name,
		    digest_hex(&was->version, hex));
		if (chain_accept(c, ref, &now) == 0)
			chain_version_clear(&now);
	}
}

static void *
learn(void *arg)
{
	struct keeper *k = arg;

	log_hush(true);
	if (k->client != NULL || connect_keyd(k, CONNECT_MS, &k->client) == 0)
		look_again(k);
	finish(k);
	return NULL;
}

static int
begin(struct keeper *k, void *(*work)(void *arg))
{
	int errnum;

	if (k->working)
		return ERR_CONFLICT;
	errnum = pthread_create(&k->thread, NULL, work, k);
	if (errnum != 0)
		return log_err(ERR_NOMEM, "no thread: %s",
		    strerrordesc_np(errnum));
	k->working = true;
	return 0;
}

static void
end(struct keeper *k)
{
	uint64_t count;

	(void)!read(k->event, &count, sizeof(count));
	(void)pthread_join(k->thread, NULL);
	k->working = false;
}

int
keeper_again(struct keeper *k)
{
	return begin(k, again);
}

int
keeper_event(const struct keeper *k)
{
	return k->event;
}

int
keeper_take(struct keeper *k)
{
	int fd;

	if (k->working)
		end(k);
	fd = k->fd;
	k->fd = -1;
	return fd;
}

/* False: it is still at work. */
static bool
wait_until(struct keeper *k, int64_t until, bool (*hurry)(void *arg), void *arg)
{
	struct pollfd p = { .fd = k->event, .events = POLLIN };

	while (k->working && clock_ms() < until && !hurry(arg))
		if (poll(&p, 1, STEP_MS) > 0)
			end(k);
	return !k->working;
}

void
keeper_close(struct keeper *k, const char *reason, bool (*hurry)(void *arg),
    void *arg)
{
	int64_t until = clock_ms() + CLOSE_MS;

	/* A connection may be on its way. */
	if (!wait_until(k, until, hurry, arg))
		return;
	snprintf(k->reason, sizeof(k->reason), "%s", reason);
	if (begin(k, close_session) == 0 && !wait_until(k, until, hurry, arg))
		log_warn("keyd does not answer: it was not told that the "
			 "session has ended");
}

void
keeper_learn(struct keeper *k, bool (*hurry)(void *arg), void *arg)
{
	int64_t until = clock_ms() + CLOSE_MS;

	if (wait_until(k, until, hurry, arg) && begin(k, learn) == 0)
		(void)wait_until(k, until, hurry, arg);
}
