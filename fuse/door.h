/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_DOOR_H
#define WEIR_DOOR_H

#include <stdbool.h>

#include "vault/owned.h"

/*
 * Where a monitor can be asked for something while its mount stands: a Unix
 * socket in the state directory of whoever mounted, named after the mountpoint.
 * Only that user and root get in.  One request is there: "refresh".
 */
struct door;

/* For the mount at this path, which is absolute and without links. */
int door_open(struct door **out, const char *mountpoint) MUST_USE;
void door_free(struct door *d);
OWNED_TYPE(door);

/* To be polled; then let in whoever knocks.  ERR_CONFLICT, not
 * logged: nobody who asks for something; the next one may.  *out is
 * answered with door_answer. */
int door_fd(const struct door *d);
int door_admit(struct door *d, int *out) MUST_USE;

/* Tell what came of it, and close: an exit status, and a line. */
void door_answer(int fd, int status, bool changed, const char *line);

/* The other side: ask for a refresh, and wait.  The status is the monitor's;
 * line has DOOR_LINE bytes.  ERR_NOT_FOUND, not logged: no monitor is there. */
#define DOOR_LINE 2048
struct door_reply {
	int status;
	bool changed;
	char line[DOOR_LINE];
};
int door_ask(struct door_reply *out, const char *mountpoint) MUST_USE;

#endif
