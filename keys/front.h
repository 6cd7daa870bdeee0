/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_FRONT_H
#define WEIR_FRONT_H

#include <stdbool.h>

#include "keys/broker.h"
#include "vault/file.h"
#include "vault/owned.h"

/*
 * The loop of weir-keyd: one thread, sd-event.  It has the listening socket and
 * the connections; frames go to the broker, its replies to the peers.
 */
struct front;

#define FRONT_LINKS_MAX 1000
#define FRONT_LINKS_OF_UID 250
#define FRONT_LINKS_KEPT 16 /* of all: for root and keyd's own user */

/* An event loop without a broker yet.  SIGTERM and SIGINT are blocked from
 * here on, and end the loop; SIGHUP is, too: see front_on_reload. */
int front_new(struct front **out, const char *vault_path) MUST_USE;
void front_free(struct front *f);
OWNED_TYPE(front);

/* How the broker reaches the front: sets send, wake, recorded and arg. */
void front_connect(struct front *f, struct broker_how *how);

/* What SIGHUP is for; without one it does nothing. */
void front_on_reload(struct front *f, void (*reload)(void *arg), void *arg);

struct lookout_how;
/* The same for the lookout: sets now_ms, wake and arg. */
void front_lookout(struct front *f, struct lookout_how *how);

/* Who may come in, and by which socket. */
struct front_door {
	bool service; /* everybody, not the own uid alone */
	int handed;   /* listens already: the service manager's; or -1 */
};

/*
 * Listen at run/keyd.sock beneath the vault.  A socket that a killed keyd left
 * is replaced: the caller holds keyd.lock.  One that is handed over is taken
 * over whatever becomes of it, and has to be the one at that place: ERR_USAGE,
 * said in a log line.
 */
int front_listen(struct front *f, const struct file *vault,
    const struct front_door *door) MUST_USE;

/* Serve a connected socket, which is taken over. */
int front_adopt(struct front *f, struct broker *b, int fd) MUST_USE;

/*
 * Serve until SIGTERM or SIGINT, until the broker fails (its error is
 * returned), or, with leave, until the last connection has gone.  It listens no
 * more when this returns, and the socket is gone, unless it was handed over:
 * whoever comes meanwhile waits there for the next keyd.  Connections are
 * still there for the broker's last replies, until front_close.
 */
int front_run(struct front *f, struct broker *b, bool leave) MUST_USE;

/* Send what can be sent at once, and drop all connections. */
void front_close(struct front *f);

#endif
