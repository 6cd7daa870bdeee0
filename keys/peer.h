/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_PEER_H
#define WEIR_PEER_H

#include <sys/types.h>

#include "vault/owned.h"
#include "vault/ref.h"

/* Who stands behind a user id, and behind a socket. */

#define PEER_SIZE (REF_PRINCIPAL_MAX + 1)

/*
 * The principal of a user id: user:<name>, or user:<number> where it has no
 * name or one that is not a principal's.  Returns buf.
 */
char *peer_principal(uid_t uid, char buf[static PEER_SIZE]);

/* The same where it is to last: fails, and says so, if it could not be found
 * out whether there is a name. */
int peer_look_up(uid_t uid, char buf[static PEER_SIZE]) MUST_USE;

/* What SO_PEERCRED says. */
struct peer {
	uid_t uid;
	pid_t pid; /* 0: of another pid namespace */
};
int peer_of(struct peer *out, int fd) MUST_USE;

#endif
