/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_FRONT_STATE_H
#define WEIR_FRONT_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "keys/broker.h"
#include "keys/front.h"
#include "vault/file.h"
#include "vault/writer.h"

/* What the parts of the front share: for front*.c alone. */

/* A connection. */
struct front_link {
	TAILQ_ENTRY(front_link) entry;
	TAILQ_ENTRY(front_link) touched;
	TAILQ_ENTRY(front_link) queued;
	struct front *front;
	int fd;
	uid_t uid;
	sd_event_source *source;
	struct broker_link *broker;
	struct writer in;
	struct writer out;
	size_t sent; /* of out */
	bool dead;   /* to be dropped when the stack has unwound */
	bool is_touched;
	bool is_queued;
	bool more; /* in may hold a whole frame */
};

struct front {
	sd_event *loop;
	struct broker *broker; /* borrowed, while it runs */
	char *vault;
	struct file *run; /* the directory of the socket; NULL: not there */
	int listener;
	bool handed;	   /* it is the service manager's, and stays */
	struct stat bound; /* else: the socket's name when it was new */
	int wake;	   /* eventfd */
	int turn; /* another, always readable: listened to while links have
		   * requests left, it comes up in turn with the sockets */
	struct verifier *verifier;
	sd_event_source *listening, *waking, *ticking, *turning;
	TAILQ_HEAD(front_links, front_link) links;
	TAILQ_HEAD(front_touched, front_link)
	touched; /* to be looked at by settle */
	TAILQ_HEAD(front_queue, front_link)
	queue; /* those with frames left, in turn */
	size_t link_count;
	bool leave;
	bool watched; /* a watchdog wants to hear of us */
	bool full; /* accept failed for want of descriptors or memory; said */
	int64_t started_ms;
	void (*reload)(void *arg); /* NULL: SIGHUP does nothing */
	void *reload_arg;
};

/* The loop failed with a negative errno: say so, and return the error. */
int front_failed(int code, const char *what);

/*
 * After anything that may have changed connections: watch what is left of
 * them, and see whether it is time to go.
 */
void front_settle(struct front *f);

/* --- front_listen.c: the socket --- */

/* Let in one who waits; whether there was one. */
bool front_listen_accept(struct front *f);

/* Listen no more; a socket of our own is gone then, name and all. */
void front_listen_end(struct front *f);

/* --- front_link.c: connections --- */

/* Serve a socket, which is taken over whatever becomes of it. */
int front_link_new(struct front *f, int fd) MUST_USE;

/* Look at those that something happened to, and drop the dead ones. */
void front_link_settle(struct front *f);

/* How the broker sends: a whole frame for the link. */
void front_link_send(void *link, const void *bytes, size_t n);

/* Of the eventfd: a link with requests left gets its turn. */
int front_link_turn(sd_event_source *source, int fd, uint32_t events,
    void *front);

/* Send what can be sent at once, and drop all. */
void front_link_drop_all(struct front *f);

#endif
