/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_KEEPER_H
#define WEIR_KEEPER_H

#include <stdint.h>

#include "keys/chain.h"
#include "keys/client.h"
#include "keys/msg.h"
#include "keys/unlock.h"
#include "vault/owned.h"

/*
 * A monitor's side of its session with keyd: opened once, kept over restarts
 * of keyd, closed with a reason.
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

/* Another connection that has said hello, for a worker. */
int keeper_connect(struct keeper *k, int *out) MUST_USE;

/*
 * keyd was lost: take the session up again here, and get another connection
 * for the worker.  What goes wrong is said the first time only; to be called
 * until it works.
 */
int keeper_again(struct keeper *k, int *out) MUST_USE;

/* Tell keyd that the session is over, if it can be told. */
void keeper_close(struct keeper *k, const char *reason);

#endif
