/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_STAND_H
#define WEIR_STAND_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <systemd/sd-event.h>

#include "fuse/control.h"
#include "fuse/keeper.h"
#include "fuse/mountpoint.h"
#include "fuse/programs.h"
#include "fuse/target.h"
#include "keys/unlock.h"

/*
 * A session, the worker that serves it and its mount: for the monitor, who has
 * one, and during a refresh two.  Nothing here knows of events.
 */
struct stand {
	void *monitor; /* whose it is */
	/* The monitor's; dropped with it. */
	sd_event_source *messages, *keyd, *child;
	struct keeper *keeper;
	int control;  /* to the worker; -1: none */
	pid_t worker; /* 0: it has ended */
	struct mountpoint_made mount;
	int apart;		  /* where it is mounted nowhere yet; else -1 */
	struct programs programs; /* that were asked for */
	bool prepared;		  /* so its worker said */
	bool ready;
	bool wrong;    /* its worker does not do as it should */
	bool ended;    /* keyd ended the session */
	bool hurry;    /* it was told to end, once more */
	bool relieved; /* another one stands in its place */
};

struct stand_how {
	const char *vault;
	struct unlock_source unlock;
	struct chain_how trust;
	char **refs;
	uint16_t count;
	uint32_t stall_ms;
	const struct target *target;
	const char *mountpoint;
};

/* With a session that is open, and nothing else. */
int stand_new(struct stand **out, const struct stand_how *how) MUST_USE;
/* Frees memory and descriptors: what has to end has ended. */
void stand_free(struct stand *s);
OWNED_TYPE(stand);

/* A worker, and what it needs to begin. */
int stand_start(struct stand *s, const struct stand_how *how) MUST_USE;

/* Mount at place, whose directory is closed, and have the worker serve it. */
int stand_mount(struct stand *s, struct mountpoint_place *place,
    const struct target *target) MUST_USE;
void stand_readahead(const struct stand *s);

/* The same in two steps, for root on a newer kernel: without a place, and then
 * in the place of another one's mount, with no moment between the two.  Of the
 * first ERR_DENIED, not logged: it cannot be done here. */
int stand_mount_apart(struct stand *s, const struct target *target) MUST_USE;
int stand_replace(struct stand *s, const struct stand *old) MUST_USE;

/* Whether both show the same versions, by the same names. */
bool stand_same(const struct stand *a, const struct stand *b);

/* Whether a worker may say this now: once that it is prepared, once after that
 * and the mount that it is ready. */
bool stand_in_order(struct stand *s, enum control_type type);

/* What a worker asks for.  A connection to keyd comes later: when keeper_event
 * can be read, stand_give_keyd gives it the one there is, or none. */
int stand_keyd_wanted(struct stand *s) MUST_USE;
int stand_give_keyd(struct stand *s) MUST_USE;
int stand_exe_wanted(struct stand *s, uint64_t pid) MUST_USE;

/*
 * The end of it: unmounted, the worker gone when it has told keyd what is left,
 * the session closed for this reason.  path is for messages.
 */
void stand_take_down(struct stand *s, const char *path, const char *reason);

#endif
