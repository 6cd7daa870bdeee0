/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_RELEASES_H
#define WEIR_RELEASES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "fuse/handle.h"
#include "fuse/keyslots.h"
#include "fuse/link.h"
#include "vault/owned.h"
#include "vault/version.h"

/*
 * Asking keyd for keys.  A row is asked for once at a time, in windows; what
 * needs it waits here, parked, without a thread.  Keys reach the keyslots only
 * out of keyd's reply, and keyd replies when the release is durable: this is
 * where recorded-before-read is kept.  Thread-safe.
 */
struct releases;

/* Something that waits, part of a larger thing. */
struct releases_waiter {
	TAILQ_ENTRY(releases_waiter) link;
};
TAILQ_HEAD(releases_waiters, releases_waiter);

struct releases_how {
	struct keyslots *keys; /* borrowed */
	struct link *link;     /* borrowed */
	uint64_t session;
	uint16_t versions;
	/* What the waiters of a release waited for has come to err; they are
	 * the callee's again. */
	void (*settled)(void *arg, struct releases_waiters *waiters, int err);
	void *arg;
};

int releases_new(struct releases **out, const struct releases_how *how)
    MUST_USE;
void releases_free(struct releases *r); /* after the link's */
OWNED_TYPE(releases);

enum releases_state {
	RELEASES_HELD,	  /* every key is there, or was just now */
	RELEASES_PARKED,  /* not: settled gives the waiter back */
	RELEASES_REFUSED, /* keyd refused a moment ago; *err says why.  What
			     it refused of weights does not stop the rest */
};

/*
 * See to the keys of some rows of h's file, ascending: ask for those that are
 * neither held nor asked for, and park w until one of them came.
 */
enum releases_state releases_need(struct releases *r, struct handle *h,
    const struct version_row *rows, size_t count, struct releases_waiter *w,
    int *err);

/* A row was read: ask ahead where its reader is likely to go on. */
void releases_ahead(struct releases *r, struct handle *h, uint64_t row);

/*
 * Let go of the waiters for which overdue is true (it is called with a lock
 * held), into *out; send again what keyd could not do a moment ago.  To be
 * called every 100 ms or so while anything waits.
 */
void releases_tick(struct releases *r,
    bool (*overdue)(void *arg, struct releases_waiter *w), void *arg,
    struct releases_waiters *out);

/* Whether keyd refused something in the last ms milliseconds. */
bool releases_refused(struct releases *r, int64_t ms);

/* Let go of all waiters. */
void releases_abandon(struct releases *r, struct releases_waiters *out);

#endif
