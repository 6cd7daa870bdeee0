/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/trail.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "vault/err.h"
#include "vault/log.h"
#include "vault/trail_parts.h"

#define INTEGRATE_SECONDS 1

/* Tell the waiters what has come to pass.  Called without the mutex: what they
 * do is their own affair. */
static void
tell_waiters(struct trail *t)
{
	struct trail_waiters ready = STAILQ_HEAD_INITIALIZER(ready);

	pthread_mutex_lock(&t->mutex);
	trail_waiter_pick(&t->waiters, t->durable, t->dead, &ready);
	trail_waiter_pick(&t->readers, t->published, t->dead, &ready);
	pthread_mutex_unlock(&t->mutex);
	trail_waiter_tell(&ready);
}

/* With the mutex held. */
static void
die(struct trail *t, int err)
{
	if (t->dead == 0)
		t->dead = err;
	pthread_cond_broadcast(&t->changed);
	pthread_cond_broadcast(&t->work);
	pthread_cond_broadcast(&t->integrate);
}

static int
commit(struct trail *t, struct trail_pending_list *batch, struct stat *st)
{
	struct trail_pending *p;
	int err = 0;

	STAILQ_FOREACH(p, batch, next) {
		uint64_t index;

		err = journal_append(t->journal, p->bytes, p->length, &index);
		if (err != 0)
			return err;
	}
	err = journal_sync(t->journal);
	return err != 0 ? err : journal_look(t->journal, st);
}

/* The committer's turn: all that waits becomes durable by one sync. */
static void
commit_batch(struct trail *t)
{
	struct trail_pending_list batch = STAILQ_HEAD_INITIALIZER(batch);
	uint64_t count = 0;
	struct trail_pending *p;
	struct stat st = { 0 };
	int err;

	STAILQ_CONCAT(&batch, &t->queue);
	STAILQ_FOREACH(p, &batch, next)
		count++;
	t->queued_bytes = 0;
	t->left.busy = true;
	pthread_mutex_unlock(&t->mutex);
	err = commit(t, &batch, &st);
	pthread_mutex_lock(&t->mutex);

	if (err != 0) {
		trail_pending_clear(&batch);
		die(t, err);
	} else {
		STAILQ_CONCAT(&t->durable_list, &batch);
		t->durable += count;
		pthread_cond_broadcast(&t->changed);
	}
	pthread_mutex_unlock(&t->mutex);
	tell_waiters(t);
	pthread_mutex_lock(&t->mutex);
	t->left.st = st;
	t->left.segment = journal_segment(t->journal);
	t->left.commits++;
}

/* Segments that the log holds go; the journal is the committer's, so they go
 * between commits.  One that stays does no harm, and the next call takes it.
 * Called and returns with the mutex held. */
static void
trim_journal(struct trail *t)
{
	uint64_t published = t->published;

	if (published == t->trimmed)
		return;
	t->trimmed = published;
	pthread_mutex_unlock(&t->mutex);
	if (journal_trim(t->journal, published) != 0)
		log_warn("old journal segments stay in '%s'",
		    t->journal_dir->name);
	pthread_mutex_lock(&t->mutex);
}

void *
trail_commit_loop(void *arg)
{
	struct trail *t = arg;

	pthread_mutex_lock(&t->mutex);
	while (t->dead == 0) {
		if (!STAILQ_EMPTY(&t->queue)) {
			commit_batch(t);
			trim_journal(t);
			t->left.busy = false;
		} else if (t->stopping)
			break;
		else
			pthread_cond_wait(&t->work, &t->mutex);
	}
	t->committer_done = true;
	pthread_cond_broadcast(&t->integrate);
	pthread_mutex_unlock(&t->mutex);
	tell_waiters(t);
	return NULL;
}

static int
integrate(struct trail *t, struct trail_pending_list *batch)
{
	struct trail_pending *p;
	int err = 0;

	STAILQ_FOREACH(p, batch, next) {
		err = trail_log_add(t->log, p->bytes, p->length);
		if (err != 0)
			return err;
	}
	return trail_log_publish(t->log);
}

static void
journal_left(void *arg, struct trail_watch_journal *out)
{
	struct trail *t = arg;
	LOCKED(lock, &t->mutex);

	*out = t->left;
}

/* Whether the files are still what was written.  Out of memory is no verdict:
 * there is a next time.  Called and returns with the mutex held. */
static void
look(struct trail *t)
{
	int err;

	pthread_mutex_unlock(&t->mutex);
	err = trail_watch_look(t->watch, trail_log_checkpoint(t->log),
	    trail_log_note(t->log), journal_left, t);
	pthread_mutex_lock(&t->mutex);
	if (err != 0 && err != ERR_NOMEM)
		die(t, err);
}

/* Called and returns with the mutex held. */
void
trail_integrate_batch(struct trail *t)
{
	struct trail_pending_list batch = STAILQ_HEAD_INITIALIZER(batch);
	char *note = NULL;
	int err;

	STAILQ_CONCAT(&batch, &t->durable_list);
	pthread_mutex_unlock(&t->mutex);
	err = integrate(t, &batch);
	trail_pending_clear(&batch);
	if (err == 0 && (note = strdup(trail_log_note(t->log))) == NULL)
		err = ERR_NOMEM;
	pthread_mutex_lock(&t->mutex);

	if (err != 0) {
		free(note);
		die(t, err);
		return;
	}
	free(t->note);
	t->note = note;
	t->checkpoint = *trail_log_checkpoint(t->log);
	t->published = t->checkpoint.size;
	pthread_cond_broadcast(&t->changed);
}

/* Sleep for a second, or until somebody wants a checkpoint or the end. */
static void
integrator_rest(struct trail *t)
{
	struct timespec until;
	int r = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += INTEGRATE_SECONDS;
	t->resting = true;
	while (r != ETIMEDOUT && t->dead == 0 && !t->committer_done &&
	    t->wanted <= t->published)
		r = pthread_cond_timedwait(&t->integrate, &t->mutex, &until);
	t->resting = false;
}

void *
trail_integrate_loop(void *arg)
{
	struct trail *t = arg;

	pthread_mutex_lock(&t->mutex);
	while (t->dead == 0) {
		look(t);
		if (t->dead != 0)
			break;
		if (t->published < t->durable) {
			trail_integrate_batch(t);
			pthread_mutex_unlock(&t->mutex);
			tell_waiters(t);
			pthread_mutex_lock(&t->mutex);
		} else if (t->committer_done)
			break;
		t->looks++;
		if (t->wanted <= t->published)
			integrator_rest(t);
	}
	pthread_mutex_unlock(&t->mutex);
	tell_waiters(t);
	return NULL;
}

static void
stop_threads(struct trail *t)
{
	pthread_mutex_lock(&t->mutex);
	t->stopping = true;
	if (!t->committing)
		t->committer_done = true;
	pthread_cond_broadcast(&t->work);
	pthread_cond_broadcast(&t->integrate);
	pthread_mutex_unlock(&t->mutex);
	if (t->committing)
		pthread_join(t->committer, NULL);
	if (t->integrating)
		pthread_join(t->integrator, NULL);
}

void
trail_free(struct trail *t)
{
	if (t == NULL)
		return;
	stop_threads(t);
	trail_pending_clear(&t->queue);
	trail_pending_clear(&t->durable_list);
	journal_free(t->journal);
	trail_watch_free(t->watch);
	trail_log_free(t->log);
	file_free(t->journal_dir);
	file_free(t->dir);
	free(t->note);
	pthread_cond_destroy(&t->work);
	pthread_cond_destroy(&t->integrate);
	pthread_cond_destroy(&t->changed);
	pthread_mutex_destroy(&t->mutex);
	free(t);
}

int
trail_append(struct trail *t, const void *entry, size_t n, uint64_t *index)
{
	LOCKED(lock, &t->mutex);
	struct trail_pending *p;

	if (t->dead != 0)
		return t->dead;
	if (n == 0 || n > JOURNAL_PAYLOAD_MAX ||
	    t->queued_bytes + n > TRAIL_QUEUE_MAX)
		return ERR_LIMIT;
	p = trail_pending_new(t->next, entry, n);
	if (p == NULL)
		return ERR_NOMEM;
	t->queued_bytes += n;
	*index = t->next++;
	STAILQ_INSERT_TAIL(&t->queue, p, next);
	pthread_cond_signal(&t->work);
	return 0;
}

int
trail_wait(struct trail *t, uint64_t index)
{
	LOCKED(lock, &t->mutex);

	if (index >= t->next)
		return ERR_USAGE;
	while (t->durable <= index && t->dead == 0)
		pthread_cond_wait(&t->changed, &t->mutex);
	return t->durable > index ? 0 : t->dead;
}

/*
 * Have done called when `now` has come to size: by the thread that brings it
 * there, or at once, without the mutex, which is held at the call.
 */
static void
tell_when(struct trail *t, struct trail_waiters *list, uint64_t now,
    const struct trail_waiter *w)
{
	int result = now < w->size ? t->dead : 0;
	bool waits = false;

	if (now < w->size && result == 0) {
		result = trail_waiter_add(list, w->size, w->done, w->arg);
		waits = result == 0;
	}
	pthread_mutex_unlock(&t->mutex);
	if (!waits)
		w->done(w->arg, result);
}

void
trail_notify(struct trail *t, uint64_t index,
    void (*done)(void *arg, int result), void *arg)
{
	const struct trail_waiter w = {
		.size = index + 1,
		.done = done,
		.arg = arg,
	};

	pthread_mutex_lock(&t->mutex);
	if (index < t->next) {
		tell_when(t, &t->waiters, t->durable, &w);
		return;
	}
	pthread_mutex_unlock(&t->mutex);
	done(arg, ERR_USAGE);
}

uint64_t
trail_size(struct trail *t)
{
	LOCKED(lock, &t->mutex);

	return t->durable;
}

int
trail_failed(struct trail *t)
{
	LOCKED(lock, &t->mutex);

	return t->dead;
}

bool
trail_moves(struct trail *t)
{
	LOCKED(lock, &t->mutex);
	bool committer = (STAILQ_EMPTY(&t->queue) && !t->left.busy) ||
	    t->left.commits != t->moved.commits;
	bool integrator = t->resting || t->looks != t->moved.looks;

	t->moved.commits = t->left.commits;
	t->moved.looks = t->looks;
	return committer && integrator && t->dead == 0;
}

/* With the mutex held: have the integrator publish all that is durable. */
static uint64_t
want_all(struct trail *t)
{
	if (t->wanted < t->durable)
		t->wanted = t->durable;
	pthread_cond_broadcast(&t->integrate);
	return t->durable;
}

static int
published(const struct trail *t, struct note_checkpoint *out, char **note)
{
	if (note != NULL && (*note = strdup(t->note)) == NULL)
		return ERR_NOMEM;
	*out = t->checkpoint;
	return 0;
}

int
trail_publish(struct trail *t, struct note_checkpoint *out, char **note)
{
	LOCKED(lock, &t->mutex);
	uint64_t want = want_all(t);

	while (t->published < want && t->dead == 0)
		pthread_cond_wait(&t->changed, &t->mutex);
	return t->published < want ? t->dead : published(t, out, note);
}

void
trail_publish_notify(struct trail *t, void (*done)(void *arg, int result),
    void *arg)
{
	struct trail_waiter w = { .done = done, .arg = arg };

	pthread_mutex_lock(&t->mutex);
	w.size = want_all(t);
	tell_when(t, &t->readers, t->published, &w);
}

int
trail_published(struct trail *t, struct note_checkpoint *out, char **note)
{
	LOCKED(lock, &t->mutex);

	return published(t, out, note);
}
