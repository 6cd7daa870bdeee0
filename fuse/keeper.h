/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_KEEPER_H
#define WEIR_KEEPER_H

#include <stdbool.h>
#include <stdint.h>

#include "keys/chain.h"
#include "keys/client.h"
#include "keys/msg.h"
#include "keys/unlock.h"
#include "vault/owned.h"

/*
 * A monitor's side of its session with keyd: opened once, kept over restarts
 * of keyd, closed with a reason.  keyd may hang, and starting one takes time:
 * after the opening, what waits for it runs on a thread of the keeper's own,
 * and the monitor does not.
 */
struct keeper;

struct keeper_how {
	const char *vault;
	struct unlock_source unlock;
	struct chain_how trust;
};

/* Open a session of what this host accepts.  The errors of client_open and
 * chain_session_open, logged. */
int keeper_new(struct keeper **out, const struct keeper_how *how,
    const struct msg_session_open *open) MUST_USE;
void keeper_free(struct keeper *k);
OWNED_TYPE(keeper);

const struct msg_session *keeper_session(const struct keeper *k);
/* What was accepted, in the session's order; and how. */
const struct chain_version *keeper_versions(const struct keeper *k);
enum chain_trust keeper_trust(const struct keeper *k);

/* Another connection that has said hello, for a worker; within 5 s. */
int keeper_connect(struct keeper *k, int *out) MUST_USE;

/*
 * keyd was lost: take the session up again here, and get another connection
 * for the worker.  Begins that; when the descriptor of keeper_event can be
 * read, keeper_take has what came of it.  What goes wrong is said the first
 * time only; to be called until it works.  ERR_CONFLICT while it goes on.
 */
int keeper_again(struct keeper *k) MUST_USE;
int keeper_event(const struct keeper *k);
/* A connection, which is the caller's; -1: none could be had. */
int keeper_take(struct keeper *k);

/*
 * Tell keyd that the session is over, if it can be told within 5 s.  Gives up
 * when hurry, called now and then, is true.
 */
void keeper_close(struct keeper *k, const char *reason,
    bool (*hurry)(void *arg), void *arg);

/*
 * Instead of that, where keyd ended the session: see whether it shows
 * a revocation of what was read, for this host to remember; in the
 * same time, and silent.
 */
void keeper_learn(struct keeper *k, bool (*hurry)(void *arg), void *arg);

#endif
