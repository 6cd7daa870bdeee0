/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_MOUNTED_H
#define WEIR_MOUNTED_H

#include <stdbool.h>

#include "keys/chain.h"
#include "vault/owned.h"

/* That a mount stands: a line for people on stderr, one object for programs on
 * stdout. */
struct mounted_how {
	const char *mountpoint;
	const struct msg_session *session;
	const struct chain_version *versions; /* session->count */
	enum chain_trust trust;
	bool json;
	bool quiet;
};

/* ERR_NOMEM, ERR_IO. */
int mounted_say(const struct mounted_how *how) MUST_USE;

#endif
