/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_LOOKOUT_STATE_H
#define WEIR_LOOKOUT_STATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "keys/lookout.h"
#include "keys/watch_rules.h"
#include "vault/entry.h"

/* What the parts of the lookout share: for lookout*.c alone. */

struct lookout_item {
	STAILQ_ENTRY(lookout_item) entry;
	uint64_t index;
	size_t length;
	uint8_t bytes[];
};

/* Something raised, with what it borrows. */
struct lookout_alert {
	TAILQ_ENTRY(lookout_alert) entry;
	struct watch_alert a;
	struct digest version;
	char *principal;
	char *model;
};
TAILQ_HEAD(lookout_alerts, lookout_alert);

#define LOOKOUT_RAISED_MAX 256 /* then the watch waits */

struct lookout {
	struct lookout_how how;
	char cutoff[ENTRY_TIME_SIZE]; /* releases before are passed over */
	pthread_t thread;
	bool running;

	/* The thread's own. */
	struct watch *watch;
	struct watch_rules rules;   /* what it goes by */
	struct lookout_alerts held; /* raised over what was there at start */
	uint64_t at;		    /* the entry in hand */

	pthread_mutex_t mutex;
	pthread_cond_t work;	/* for the thread */
	pthread_cond_t changed; /* for who waits for it */
	STAILQ_HEAD(, lookout_item) queue;
	size_t queued; /* bytes */
	uint64_t told; /* the index behind the last entry told of */
	uint64_t next; /* the first entry not looked at */
	uint64_t seen;
	struct lookout_alerts raised;
	size_t raised_count;
	bool begun;
	bool stop;
	/* Others, from this entry on; read under the mutex once it is set. */
	atomic_bool others;
	struct watch_rules other_rules;
	uint64_t others_from;
};

/* --- lookout_raise.c --- */

void lookout_alert_free(struct lookout_alert *a);
void lookout_alert_free_all(struct lookout_alerts *list);

/* For watch_feed. */
int lookout_raise(void *lookout, const struct watch_alert *a) MUST_USE;
/* An `alert` entry of the trail: what says the same is held no more. */
void lookout_was_raised(struct lookout *l, const struct entry_view *v);
/* Everything that was there at start was looked at. */
int lookout_let_go(struct lookout *l) MUST_USE;

#endif
