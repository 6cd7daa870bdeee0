/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_BROKER_H
#define WEIR_BROKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keys/catalogue.h"
#include "keys/frame.h"
#include "keys/keyring.h"
#include "keys/peer.h"
#include "keys/vaultdir.h"
#include "vault/owned.h"
#include "vault/store.h"
#include "vault/trail.h"

/*
 * The broker: requests in, decisions recorded, replies out (PROTOCOL.md).  It
 * owns no descriptor and no loop; whoever has the connections calls it,
 * always from one thread.  A reply leaves only when what it tells of is
 * durable in the trail; what can wait for that does so without blocking.
 */
struct broker;
struct broker_link; /* one connection */
struct courier;
struct lookout;
struct watch_rules;
struct verifier_job;
struct verifier_news;

struct broker_how {
	/* All borrowed until broker_free. */
	const struct vaultdir *vault;
	struct keyring *keyring; /* a shred gives it another epoch, a lock
				  * none */
	struct catalogue *catalogue;
	struct trail *trail;
	struct store *store;
	/* Shows the watch what is recorded; NULL: there is no watch. */
	struct lookout *lookout;
	/* Takes alerts elsewhere; NULL: nobody does. */
	struct courier *courier;
	/* Which rules the watch goes by, for keyd.start; NULL: not said. */
	const char *rules;
	const char *program; /* version of weir-keyd */
	bool service;
	uid_t own_uid; /* an embedded keyd serves this one only */
	/* A whole frame for a connection; the bytes are copied.  Never called
	 * after broker_detach of the link. */
	void (*send)(void *link_arg, const void *bytes, size_t n);
	/* Something became durable: have broker_durable called.  Called by any
	 * thread. */
	void (*wake)(void *arg);
	/* Have a version read back by a verifier: broker_verified hears of it.
	 * NULL: there is none. */
	int (*verify)(void *arg, const struct verifier_job *job);
	/* Break it off; may be NULL. */
	void (*verify_stop)(void *arg);
	/* An entry is in the trail and in the catalogue; may be NULL. */
	void (*recorded)(void *arg, uint64_t index, const struct entry_view *e);
	void *arg;
};

/*
 * Takes up the open sessions of the catalogue and records keyd.start.
 */
int broker_new(struct broker **out, const struct broker_how *how) MUST_USE;

/*
 * Records what a clean end has to: keyd.stop; embedded, the end of the
 * sessions whose clients have gone.  Waits until all is durable, and answers
 * what was under way.
 */
int broker_stop(struct broker *b) MUST_USE;

/* Waits until the trail has no word to give any more; before trail_free. */
void broker_free(struct broker *b);
OWNED_TYPE(broker);

/* A connection came (ERR_DENIED: it is not served) and went. */
int broker_attach(struct broker *b, const struct peer *peer, void *link_arg,
    struct broker_link **out) MUST_USE;
void broker_detach(struct broker_link *l);

/*
 * One request; its reply is sent now or later.  ERR_FORMAT: what came is no
 * request, and the connection is to be dropped.
 */
int broker_request(struct broker_link *l, const struct frame *f) MUST_USE;

/* Requests of this link that wait for the trail. */
size_t broker_waiting(const struct broker_link *l);

/* Nothing more is to be taken from this link before the next tick. */
bool broker_held_back(const struct broker_link *l);

/* Send what has become durable. */
void broker_durable(struct broker *b);

/* About once a second, with the time since broker_new: sessions that nobody
 * holds are closed after a minute, the catalogue goes to the disk. */
void broker_tick(struct broker *b, int64_t since_ms);

/*
 * What rules the watch goes by was asked anew: recorded as `config`, key
 * watch.ini, with this state.  From that entry on the watch goes by rules;
 * NULL: by those it had.
 */
int broker_watch_rules(struct broker *b, const char *state,
    const struct watch_rules *rules) MUST_USE;
/* Another courier in the place of the one there was; NULL: none.  It is given
 * what it has not had. */
int broker_watch_courier(struct broker *b, struct courier *c) MUST_USE;

/* What the verifier says. */
void broker_verified(struct broker *b, const struct verifier_news *n);

/* 0, or why the broker can do nothing more: the trail or the catalogue failed.
 * Every request fails from then on; the process is to stop. */
int broker_failed(const struct broker *b);

/* Whether what records gets on, for a watchdog: trail_moves. */
bool broker_moves(const struct broker *b);

/* For sd_notify's STATUS. */
size_t broker_sessions(const struct broker *b);

#endif
