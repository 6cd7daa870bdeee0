/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TARGET_H
#define WEIR_TARGET_H

#include <sys/types.h>

#include "keys/peer.h"
#include "vault/owned.h"

/* Whom a mount is for. */
struct target {
	char principal[PEER_SIZE]; /* empty: the caller */
	char *name;		   /* of the account; NULL: the caller's */
	uid_t uid;
	gid_t gid;
};

/* user: NAME or user:NAME; NULL: the caller.  ERR_NOT_FOUND (no such account),
 * ERR_DENIED (only root mounts for others). */
int target_find(struct target *out, const char *user) MUST_USE;
void target_clear(struct target *t);

#endif
