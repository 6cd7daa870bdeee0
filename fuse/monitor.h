/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_MONITOR_H
#define WEIR_MONITOR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>

#include "keys/chain.h"
#include "keys/unlock.h"

/*
 * The monitor of a mount: checks what keyd shows, opens the session,
 * mounts, starts the worker and outlives it, so that whatever happens the
 * mount goes and the session is closed with a reason.  It holds no keys of
 * chunks, and serves nothing.
 */
#define MONITOR_TRUST_MAX 32

struct monitor_how {
	const char *vault;	     /* absolute */
	struct unlock_source unlock; /* absolute */
	struct chain_how trust;	     /* how the versions are checked */
	const char *trust_files[MONITOR_TRUST_MAX]; /* what trust names */
	const char *user; /* NULL: the caller mounts for itself */
	char **refs;
	uint16_t count;
	const char *mountpoint;
	uint32_t stall_ms;
	bool foreground;
	bool json;
	bool quiet;
	char **command;	    /* NULL: none */
	struct rlimit core; /* for the command */
};

/*
 * Mount.  Returns the exit status: at once when the mount stands (in the
 * parent of the process that stays), or when it is gone.
 */
int monitor_run(const struct monitor_how *how);

#endif
