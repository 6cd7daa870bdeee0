/* SPDX-License-Identifier: Apache-2.0 */
#include "fuse/jobs.h"

#include <errno.h>
#include <stdlib.h>

#include "vault/clock.h"
#include "vault/err.h"

#define TICK_MS 100
#define IDLE_MS 1000
#define HUNG_MS 2000 /* a thread that is not back by then hangs */

TAILQ_HEAD(job_list, job);

struct jobs {
	pthread_mutex_t mutex; /* of all the rest */
	pthread_cond_t work;
	pthread_cond_t tick;
	struct job_list ready;
	struct job_list running;
	struct job_list later;
	size_t parked; /* in releases */
	int64_t moved; /* when a thread last took or gave back a job */
	bool stop;
};

int
jobs_new(struct jobs **out)
{
	struct jobs *s = calloc(1, sizeof(*s));
	pthread_condattr_t attr;

	if (s == NULL)
		return ERR_NOMEM;
	TAILQ_INIT(&s->ready);
	TAILQ_INIT(&s->running);
	TAILQ_INIT(&s->later);
	pthread_mutex_init(&s->mutex, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->work, &attr);
	pthread_cond_init(&s->tick, &attr);
	pthread_condattr_destroy(&attr);
	*out = s;
	return 0;
}

void
jobs_free(struct jobs *s)
{
	if (s == NULL)
		return;
	pthread_cond_destroy(&s->tick);
	pthread_cond_destroy(&s->work);
	pthread_mutex_destroy(&s->mutex);
	free(s);
}

static bool
wait_ms(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t ms)
{
	const struct timespec end = clock_timespec(clock_ms() + ms);

	return pthread_cond_timedwait(cond, mutex, &end) == 0;
}

void
jobs_done(struct job *j)
{
	handle_free(j->q.handle);
	free(j);
}

void
jobs_fail(struct job *j, int errnum)
{
	fuse_reply_err(j->q.req, errnum);
	jobs_done(j);
}

int
jobs_submit(struct jobs *s, const struct reads_request *q, int64_t deadline)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(q->req);
	struct job *j = calloc(1, sizeof(*j));

	if (j == NULL)
		return ERR_NOMEM;
	j->q = *q;
	j->uid = ctx->uid;
	j->pid = (uint32_t)ctx->pid;
	j->deadline = deadline;
	handle_hold(j->q.handle);
	jobs_ready(s, j);
	return 0;
}

/* The mutex is held, as in those below. */
static void
begin(struct jobs *s, struct job *j)
{
	j->began = s->moved = clock_ms();
	TAILQ_INSERT_TAIL(&s->running, j, link);
}

struct job *
jobs_take(struct jobs *s, bool *stop)
{
	LOCKED(lock, &s->mutex);
	struct job *j;

	while (TAILQ_EMPTY(&s->ready) && !s->stop)
		if (!wait_ms(&s->work, &s->mutex, IDLE_MS))
			break;
	*stop = s->stop;
	j = s->stop ? NULL : TAILQ_FIRST(&s->ready);
	if (j != NULL) {
		TAILQ_REMOVE(&s->ready, j, link);
		begin(s, j);
	}
	return j;
}

bool
jobs_claim(struct jobs *s, struct job *j)
{
	{
		LOCKED(lock, &s->mutex);

		s->moved = clock_ms();
		if (!j->answered) {
			TAILQ_REMOVE(&s->running, j, link);
			return true;
		}
	}
	jobs_done(j);
	return false;
}

void
jobs_resume(struct jobs *s, struct job *j)
{
	LOCKED(lock, &s->mutex);

	begin(s, j);
}

static void
make_ready(struct jobs *s, struct job *j)
{
	TAILQ_INSERT_TAIL(&s->ready, j, link);
	pthread_cond_signal(&s->work);
}

void
jobs_ready(struct jobs *s, struct job *j)
{
	LOCKED(lock, &s->mutex);

	make_ready(s, j);
}

void
jobs_later(struct jobs *s, struct job *j, int64_t ms)
{
	LOCKED(lock, &s->mutex);

	j->due = clock_ms() + ms;
	if (j->due > j->deadline)
		j->due = j->deadline;
	TAILQ_INSERT_TAIL(&s->later, j, link);
	pthread_cond_signal(&s->tick);
}

void
jobs_park(struct jobs *s)
{
	LOCKED(lock, &s->mutex);

	s->parked++;
	pthread_cond_signal(&s->tick);
}

void
jobs_unpark(struct jobs *s)
{
	LOCKED(lock, &s->mutex);

	s->parked--;
}

bool
jobs_tick(struct jobs *s)
{
	LOCKED(lock, &s->mutex);

	/* Jobs that no thread takes are found by looking now and then. */
	if (s->parked == 0 && TAILQ_EMPTY(&s->later) && !s->stop)
		(void)wait_ms(&s->tick, &s->mutex, IDLE_MS);
	if (!s->stop)
		(void)wait_ms(&s->tick, &s->mutex, TICK_MS);
	return !s->stop;
}

static bool
unwanted(const struct job *j)
{
	return fuse_req_interrupted(j->q.req) != 0;
}

/* Jobs that no thread has come for: into *late. */
static void
see_to_ready(struct jobs *s, int64_t now, struct job_list *late)
{
	bool hung = now - s->moved >= HUNG_MS;
	struct job *j, *next;

	for (j = TAILQ_FIRST(&s->ready); j != NULL && hung; j = next) {
		next = TAILQ_NEXT(j, link);
		if (j->deadline > now && !unwanted(j))
			continue;
		TAILQ_REMOVE(&s->ready, j, link);
		TAILQ_INSERT_TAIL(late, j, link);
	}
}

/* Jobs whose threads hang are answered for them. */
static size_t
see_to_running(struct jobs *s, int64_t now)
{
	struct job *j, *next;
	size_t n = 0;

	for (j = TAILQ_FIRST(&s->running); j != NULL; j = next) {
		bool late = j->deadline <= now;

		next = TAILQ_NEXT(j, link);
		if (now - j->began < HUNG_MS || (!late && !unwanted(j)))
			continue;
		TAILQ_REMOVE(&s->running, j, link);
		j->answered = true;
		fuse_reply_err(j->q.req, late ? EIO : EINTR);
		n += late;
	}
	return n;
}

/* Those that are due get a thread; those that nobody waits for, into *late. */
static void
see_to_later(struct jobs *s, int64_t now, struct job_list *late)
{
	struct job *j, *next;

	for (j = TAILQ_FIRST(&s->later); j != NULL; j = next) {
		bool gone = unwanted(j);

		next = TAILQ_NEXT(j, link);
		if (j->due > now && !gone)
			continue;
		TAILQ_REMOVE(&s->later, j, link);
		if (gone)
			TAILQ_INSERT_TAIL(late, j, link);
		else
			make_ready(s, j);
	}
}

size_t
jobs_look(struct jobs *s, int64_t now)
{
	struct job_list late = TAILQ_HEAD_INITIALIZER(late);
	struct job *j;
	size_t n;

	{
		LOCKED(lock, &s->mutex);

		see_to_ready(s, now, &late);
		n = see_to_running(s, now);
		see_to_later(s, now, &late);
	}
	while ((j = TAILQ_FIRST(&late)) != NULL) {
		bool over = j->deadline <= now;

		TAILQ_REMOVE(&late, j, link);
		n += over;
		jobs_fail(j, over ? EIO : EINTR);
	}
	return n;
}

void
jobs_fail_all(struct jobs *s)
{
	struct job_list all = TAILQ_HEAD_INITIALIZER(all);
	struct job *j;

	{
		LOCKED(lock, &s->mutex);

		TAILQ_CONCAT(&all, &s->ready, link);
		TAILQ_CONCAT(&all, &s->later, link);
		while ((j = TAILQ_FIRST(&s->running)) != NULL) {
			TAILQ_REMOVE(&s->running, j, link);
			j->answered = true;
			fuse_reply_err(j->q.req, EIO);
		}
	}
	while ((j = TAILQ_FIRST(&all)) != NULL) {
		TAILQ_REMOVE(&all, j, link);
		jobs_fail(j, EIO);
	}
}

void
jobs_stop(struct jobs *s)
{
	LOCKED(lock, &s->mutex);

	s->stop = true;
	pthread_cond_broadcast(&s->work);
	pthread_cond_broadcast(&s->tick);
}
