/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TRAIL_PARTS_H
#define WEIR_TRAIL_PARTS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/trail.h"
#include "vault/trail_log.h"
#include "vault/trail_pending.h"
#include "vault/trail_waiter.h"
#include "vault/trail_watch.h"

/* What a trail is made of, for trail.c and trail_open.c. */

/*
 * Two threads: the committer owns the journal, the integrator the log.  The
 * mutex guards the lists and numbers and is never held over I/O.
 */
struct trail {
	struct file *dir;
	struct file *journal_dir;
	struct journal *journal;
	struct trail_log *log;
	struct trail_watch *watch;
	struct trail_watch_journal left; /* as the committer left the journal */

	pthread_mutex_t mutex;
	pthread_cond_t work;	  /* for the committer */
	pthread_cond_t integrate; /* for the integrator */
	pthread_cond_t changed;	  /* durable, published or dead moved */
	struct trail_pending_list queue;
	struct trail_pending_list durable_list;
	struct trail_waiters waiters; /* for an entry to be durable, */
	struct trail_waiters readers; /* and to be published */
	size_t queued_bytes;
	uint64_t next;
	uint64_t durable;
	uint64_t published;
	uint64_t trimmed; /* up to here the journal's segments have gone */
	uint64_t wanted;  /* publish at least up to here, now */
	struct note_checkpoint checkpoint;
	char *note;
	uint64_t looks; /* the integrator's rounds */
	bool resting;	/* it sleeps */
	struct {
		uint64_t commits, looks;
	} moved; /* as of the last trail_moves */
	int dead;
	bool stopping;
	bool committer_done;
	pthread_t committer;
	pthread_t integrator;
	bool committing, integrating;
};

/* Publish what is durable.  Called and returns with the mutex held. */
void trail_integrate_batch(struct trail *t);

/* The two threads; the argument is the trail. */
void *trail_commit_loop(void *arg);
void *trail_integrate_loop(void *arg);

#endif
