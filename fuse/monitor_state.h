/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_MONITOR_STATE_H
#define WEIR_MONITOR_STATE_H

#include <stdbool.h>
#include <sys/types.h>

#include <systemd/sd-event.h>

#include "fuse/keeper.h"
#include "fuse/monitor.h"
#include "fuse/mountpoint.h"
#include "fuse/target.h"

#define MONITOR_REASON 256

/* For the files of the monitor only. */
struct monitor {
	const struct monitor_how *how;
	struct target target; /* whom it is for */
	struct mountpoint_place place;
	struct mountpoint_made mount;
	bool ready;
	bool serving; /* and there is no command */
	bool ended;   /* keyd ended the session */
	bool hurry;   /* it was told to end, once more */
	struct keeper *keeper;
	sd_event *event;
	int control;
	pid_t worker; /* 0: it has ended */
	pid_t command;
	int parent; /* a pipe to who waits for the mount, or -1 */
	int status; /* to exit with */
	char reason[MONITOR_REASON]; /* for which the session is closed */
};

/* The worker has lost keyd: get another connection for it. */
int monitor_want_keyd(struct monitor *m) MUST_USE;
/* Give it the connection that could be had, or none. */
int monitor_give_keyd(struct monitor *m) MUST_USE;

/* Unmount, end the worker, the session and the command, and free it all. */
void monitor_end(struct monitor *m);

#endif
