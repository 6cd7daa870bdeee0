/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_DAEMON_H
#define WEIR_DAEMON_H

#include <sys/types.h>

#include "vault/owned.h"

/*
 * Let go of the terminal: a session of its own, / as directory, stdio on
 * /dev/null, log lines to the journal from here on.  null is a descriptor of
 * /dev/null for who may not open it, journal one of daemon_journal's for who
 * may make no socket; -1: none.
 */
void daemon_detach(int null, int journal);

/* A stream to the journal; -1: there is none. */
int daemon_journal(void);

/* In the parent of such a process: wait for the status byte that it writes to
 * the pipe fd, or for its end.  The exit status that stands for either. */
int daemon_await(int fd, pid_t pid);

/* Block those that a monitor waits for, and ignore those that are no reason to
 * stop. */
int daemon_signals(void) MUST_USE;

#endif
