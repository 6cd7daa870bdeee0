/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_ANNOUNCE_H
#define WEIR_ANNOUNCE_H

#include <stdbool.h>

#include "keys/chain.h"
#include "vault/owned.h"

/* That a mount stands: a line for people on stderr, one object for programs on
 * stdout. */
struct announce_how {
	const char *mountpoint;
	const struct msg_session *session;
	const struct chain_version *versions; /* session->count */
	enum chain_trust trust;
	bool json;
	bool quiet;
};

/* ERR_NOMEM, ERR_IO. */
int announce_mount(const struct announce_how *how) MUST_USE;

#endif
