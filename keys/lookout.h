/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_LOOKOUT_H
#define WEIR_LOOKOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keys/vaultdir.h"
#include "keys/watch.h"
#include "vault/owned.h"

/*
 * The lookout: a thread of keyd's that shows the trail's entries to the watch,
 * those that were there at start first, and keeps what it raises until it is
 * taken.  No request waits for it.
 *
 * What is looked at: everything but releases and extents of more than
 * LOOKOUT_DAYS ago.  What the watch raises over entries below `seen` is
 * in the trail already.  Over those from there to `from` it is raised
 * unless an `alert` entry behind them says the same: a keyd that was
 * killed had no time to.
 */
struct lookout;

#define LOOKOUT_DAYS 30
#define LOOKOUT_QUEUE_MAX                                                      \
	(32U << 20) /* bytes of entries that wait; with more
				       * of them it reads the trail's files */

struct lookout_how {
	const struct vaultdir *vault;	 /* borrowed */
	const struct watch_rules *rules; /* copied */
	uint64_t seen;			 /* see lookout_seen, of the last run */
	uint64_t from; /* the first entry that it is told of */
	int64_t now_ms;
	bool lazy; /* not before something happens but starts and stops */
	/* Something was raised; called by the lookout's thread. */
	void (*wake)(void *arg);
	void *arg;
};
int lookout_new(struct lookout **out, const struct lookout_how *how) MUST_USE;
/* Breaks off, wherever it is. */
void lookout_free(struct lookout *l);
OWNED_TYPE(lookout);

/* A durable entry, in order; copied.  Never waits. */
void lookout_see(struct lookout *l, uint64_t index, const void *bytes,
    size_t n);

/* Other rules, for entries from this number on; copied.  What the watch
 * remembers it keeps. */
void lookout_rules(struct lookout *l, const struct watch_rules *rules,
    uint64_t from);

/* What was raised first and has not been dropped; NULL: nothing.  Borrowed
 * until lookout_drop.  For one thread. */
const struct watch_alert *lookout_raised(struct lookout *l);
void lookout_drop(struct lookout *l);

/* Everything below was looked at, and all that was raised over it dropped. */
uint64_t lookout_seen(struct lookout *l);

/* Wait until everything was looked at, or something was raised, but no longer
 * than ms.  Whether everything was, or nothing is to be. */
bool lookout_settle(struct lookout *l, unsigned int ms);
/* Whether it is not done yet with what was recorded before this start. */
bool lookout_is_behind(struct lookout *l);

#endif
