/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_JOBS_H
#define WEIR_JOBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "fuse/reads.h"
#include "fuse/releases.h"
#include "vault/owned.h"

/*
 * READ requests on their way through a worker: a job waits for a thread, is
 * with one, or waits until something comes.  Each is answered once.  One whose
 * time is up fails with EIO wherever it is, also when the threads hang in a
 * store that does not answer.  Thread-safe.
 */
struct jobs;

struct job {
	struct releases_waiter waiter; /* first: a waiter is its job */
	TAILQ_ENTRY(job) link;
	struct reads_request q; /* its handle is held */
	uint32_t uid;		/* of who reads */
	uint32_t pid;
	int64_t deadline;   /* for all that it waits for */
	int64_t due;	    /* not to be tried before */
	int64_t began;	    /* when its thread took it */
	unsigned int tries; /* of a store that failed */
	bool noted;	    /* its rows were, in its handle's pattern */
	enum pattern_kind kind;
	bool answered; /* while its thread hung */
};

int jobs_new(struct jobs **out) MUST_USE;
void jobs_free(struct jobs *s); /* nothing may be left in it */
OWNED_TYPE(jobs);

/* A new job, for the next thread.  ERR_NOMEM. */
int jobs_submit(struct jobs *s, const struct reads_request *q, int64_t deadline)
    MUST_USE;

/* The next job, which is with this thread from here on; NULL when there was
 * none for a second, or at the end. */
struct job *jobs_take(struct jobs *s, bool *stop);

/*
 * Take a job back from its thread, to answer it, to keep it for later or to
 * park it.  False: it took so long that it was answered, and is gone.
 */
bool jobs_claim(struct jobs *s, struct job *j) MUST_USE;
/* One that was claimed goes on with its thread after all. */
void jobs_resume(struct jobs *s, struct job *j);

/* Of jobs that were claimed: for the next thread; for one in a while. */
void jobs_ready(struct jobs *s, struct job *j);
void jobs_later(struct jobs *s, struct job *j, int64_t ms);
/* It fails; it was answered. */
void jobs_fail(struct job *j, int errnum);
void jobs_done(struct job *j);

/* So many jobs more (less) are parked elsewhere. */
void jobs_park(struct jobs *s);
void jobs_unpark(struct jobs *s);

/* Wait for 100 ms while any job waits, else for a second.  False at the end. */
bool jobs_tick(struct jobs *s);

/* See to jobs whose time has come or is up, and to those that nobody waits for
 * any more.  How many failed because no thread came back for them. */
size_t jobs_look(struct jobs *s, int64_t now);

/* Fail all that are here, with EIO. */
void jobs_fail_all(struct jobs *s);

/* Let the threads come to their end. */
void jobs_stop(struct jobs *s);

#endif
