/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CLIENT_START_H
#define WEIR_CLIENT_START_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "keys/unlock.h"
#include "keys/vaultdir.h"
#include "vault/owned.h"

/*
 * Finding a vault's keyd, or starting an embedded one (PROTOCOL.md, "Finding
 * and starting keyd").  For client.c.
 */
struct client_start {
	const struct vaultdir *vault;
	const struct unlock_source *source;
	struct unlock secret; /* loaded when a keyd must be started */
	uint32_t timeout_ms;
	int64_t deadline_ms; /* CLOCK_MONOTONIC */
	pid_t child;	     /* the keyd started last, not waited for; 0 */
};

/* timeout_ms: until it is given up; 0: 30 s. */
struct client_start client_start_of(const struct vaultdir *v,
    const struct unlock_source *source, uint32_t timeout_ms);
void client_start_clear(struct client_start *s);
#define OWNED_START __attribute__((cleanup(client_start_clear)))

/*
 * A connection on which hello can be said.  *started: to a keyd of our own,
 * which may take its time to get ready, or lose the election.
 */
int client_start_connect(struct client_start *s, int *fd, bool *started)
    MUST_USE;

/*
 * The connection was cut off before hello was answered.  0: connect again.
 * Otherwise why there is no keyd to talk to; it was logged.
 */
int client_start_again(struct client_start *s) MUST_USE;

#endif
