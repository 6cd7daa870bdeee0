/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_LAUNCH_H
#define WEIR_LAUNCH_H

#include <sys/resource.h>
#include <sys/types.h>

#include "vault/owned.h"

/* The processes that a monitor starts. */

/* The descriptor of the control socket in a worker. */
#define LAUNCH_CONTROL_FD 3
/* What makes this program a worker. */
#define LAUNCH_WORKER "--worker"

/* This program again, as a worker, with one end of a control socket. */
int launch_worker(pid_t *out, int control) MUST_USE;

struct launch_command {
	char **argv;
	const char *mountpoint; /* WEIR_MOUNTPOINT */
	/* Who it runs as, with an environment that says so and does not say
	 * where our secrets are; NULL: as we are. */
	const char *user;
	uid_t uid;
	gid_t gid;
	struct rlimit core; /* as it was before ours was set to 0 */
};

/* A command, with signals as at login.  What cannot be run exits with 127, or
 * 126 when it is there. */
int launch_command(pid_t *out, const struct launch_command *c) MUST_USE;

/*
 * The mount has gone while a command ran: what it reads fails from now on.  It
 * gets SIGTERM, what signals come meanwhile, and SIGKILL after ten seconds.
 * *status becomes its status unless it is not 0 already.
 */
void launch_end(pid_t command, int *status);

/* A command was stopped by this signal.  Where it came from our terminal we
 * stop, too, as the job that its shell knows; what a worker does goes on. */
void launch_stopped(pid_t command, int number);

/* The exit status that stands for a wait status: 128 + signal for a death. */
int launch_status(int status);

#endif
