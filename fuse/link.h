/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_LINK_H
#define WEIR_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "keys/msg.h"
#include "vault/owned.h"
#include "vault/reader.h"
#include "vault/writer.h"

/*
 * A session's connection to keyd, for a worker: many requests under way at
 * once, and none lost when keyd restarts.  A connection that breaks is asked
 * for again until there is one; the session is resumed on it (PROTOCOL.md,
 * session.resume) and what was not answered is sent again.  Thread-safe; all
 * callbacks run on the link's own thread and must not wait.
 */
struct link;

struct link_how {
	uint64_t session;
	uint8_t token[32];
	/* Get a connection; answered by link_attach. */
	void (*want)(void *arg);
	/* The session is over, for this reason.  Called once. */
	void (*ended)(void *arg, const char *reason);
	void *arg;
};

int link_new(struct link **out, const struct link_how *how) MUST_USE;

/* Start its thread. */
int link_start(struct link *l) MUST_USE;

/* Stop, also if it is stopped: no callback runs, and none will before
 * link_free.  To be called before what the callbacks use goes. */
void link_stop(struct link *l);

/* Stop, and answer what was not answered, with ERR_UNREACHABLE. */
void link_free(struct link *l);
OWNED_TYPE(link);

/* A connection that has said hello, taken over; -1: none could be had just
 * now. */
void link_attach(struct link *l, int fd);

struct link_answer {
	int err;
	const char *sentence;  /* keyd's, with an error; or NULL */
	struct reader *fields; /* without one: behind the status */
};
typedef void link_answered(void *arg, const struct link_answer *answer);

/*
 * Send a request; body is copied.  answered is called once, unless this
 * returns an error.  ERR_NOMEM, ERR_LIMIT (the body is too large).
 */
int link_call(struct link *l, enum msg_type type, const struct writer *body,
    link_answered *answered, void *arg) MUST_USE;

/* For how long, in ms, keyd has been away, or has not answered what it was
 * asked first.  0: neither. */
int64_t link_silent_ms(struct link *l);

/* Wait until everything is answered; false if that takes longer. */
bool link_drain(struct link *l, uint32_t timeout_ms);

#endif
