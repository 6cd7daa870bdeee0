/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CONFINE_H
#define WEIR_CONFINE_H

#include <stdbool.h>
#include <sys/types.h>

#include "vault/owned.h"

/* What a worker gives up before it serves anything. */
struct confine_how {
	int store; /* its directory */
	int last;  /* descriptors above this one are closed */
	uid_t uid; /* whom the mount is for, with this group */
	gid_t gid;
	/* Whether the store can be read as we are just now. */
	bool (*readable)(void *arg);
	void *arg;
};

/*
 * Give up, for good and before there is any thread, what a worker does not
 * need: capabilities, groups, the way back to any of them, core dumps, being
 * traced, descriptors; where the kernel has Landlock, every file but those
 * beneath the store; and (seccomp) every system call but those that serve a
 * mount.  Limits on locked memory are lifted before, as far as they may be.
 *
 * A root's worker goes on as the user whom the mount is for; where that is root
 * or cannot read the store, as the account that the kernel has for nobody;
 * each with the store's group, too, where that is what it takes and the user is
 * in it.  The store's owner is the vault's, who may read its keys: a worker is
 * never that one, but for a root that mounts its own vault for itself.
 * ERR_DENIED, with a line, where none of these can read the store.
 */
int confine_worker(const struct confine_how *how) MUST_USE;

#endif
