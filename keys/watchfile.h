/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_WATCHFILE_H
#define WEIR_WATCHFILE_H

#include "keys/deliver.h"
#include "keys/vaultdir.h"
#include "keys/watch_rules.h"
#include "vault/owned.h"

/* watch.ini in a vault's directory: rules, and where alerts are taken to
 * (docs/watch.md). */

#define WATCHFILE "watch.ini"
#define WATCHFILE_STATE 400
#define WATCHFILE_REFUSED "refused: "

struct watchfile {
	struct watch_rules rules;
	struct deliver deliver;
	/* What keyd.start and config say of it: "default" when there is none,
	 * its SHA-256, or "refused: why". */
	char state[WATCHFILE_STATE];
};

/*
 * Read it.  One that is wrong, or that others than its owner and root may
 * write, is as none, and ERR_FORMAT, which is not logged: everything in *out is
 * as by default, and its state says why.
 */
int watchfile_load(struct watchfile *out, const struct vaultdir *v) MUST_USE;
/* Only the why of a state. */
const char *watchfile_why(const struct watchfile *w);

#endif
