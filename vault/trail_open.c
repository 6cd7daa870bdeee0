/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>

#include "vault/err.h"
#include "vault/log.h"
#include "vault/trail_parts.h"

/* What journal_open replays: checked against the log below the checkpoint,
 * kept for integration above it. */
struct replay {
	struct trail *t;
	uint64_t size; /* the checkpoint's */
};

static int
replay_record(void *arg, uint64_t index, const uint8_t *bytes, size_t n)
{
	struct replay *r = arg;
	struct trail_pending *p;

	if (index < r->size)
		return trail_log_compare(r->t->log, index, bytes, n);
	p = trail_pending_new(index, bytes, n);
	if (p == NULL)
		return ERR_NOMEM;
	STAILQ_INSERT_TAIL(&r->t->durable_list, p, next);
	return 0;
}

static int
replay_to_caller(struct trail *t, const struct trail_open *how, uint64_t size)
{
	struct trail_pending *p;
	int err = 0;

	if (how->each == NULL)
		return 0;
	if (how->from < size)
		err = trail_log_each(t->log, how->from, how->each, how->arg);
	STAILQ_FOREACH(p, &t->durable_list, next) {
		if (err == 0 && p->index >= how->from)
			err = how->each(how->arg, p->index, p->bytes,
			    p->length);
	}
	return err;
}

static int
open_files(struct trail *t, const struct trail_open *how)
{
	struct trail_log_how log = { .key = how->key, .seed = how->seed };
	struct replay replay = { .t = t };
	struct journal_open journal = { .id = how->id,
		.each = replay_record,
		.arg = &replay };
	int err;

	err = file_open(&t->dir, how->vault, "trail", O_RDONLY | O_DIRECTORY,
	    0);
	if (err == 0)
		err = file_open(&t->journal_dir, t->dir, "journal",
		    O_RDONLY | O_DIRECTORY, 0);
	if (err == ERR_NOT_FOUND)
		return log_err(ERR_INTEGRITY,
		    "the trail was removed: '%s/trail' is missing; restore "
		    "the vault from a backup",
		    how->vault->name);
	log.dir = t->dir;
	if (err == 0)
		err = trail_log_open(&t->log, &log);
	if (err != 0)
		return err;

	replay.size = trail_log_checkpoint(t->log)->size;
	journal.dir = t->journal_dir;
	journal.below = replay.size;
	err = journal_open(&t->journal, &journal);
	if (err == 0)
		err = trail_log_check_end(t->log, journal_next(t->journal));
	return err;
}

static int
open_trail(struct trail *t, const struct trail_open *how)
{
	uint64_t size;
	int err = open_files(t, how);

	if (err != 0)
		return err;
	size = trail_log_checkpoint(t->log)->size;
	t->next = t->durable = journal_next(t->journal);
	if (t->next < how->from)
		return log_err(ERR_INTEGRITY,
		    "the trail was cut: it ends at entry %llu, and the "
		    "catalogue knows more; restore the vault from a backup",
		    (unsigned long long)t->next);
	err = replay_to_caller(t, how, size);
	if (err == 0)
		err = trail_log_begin(t->log);
	if (err == 0)
		trail_integrate_batch(t);
	if (err == 0)
		err = t->dead;
	t->trimmed = t->published;
	t->left.segment = journal_segment(t->journal);
	if (err == 0)
		err = journal_trim(t->journal, t->published);
	if (err == 0)
		err = journal_look(t->journal, &t->left.st);
	return err != 0 ?
	    err :
	    trail_watch_new(&t->watch, t->dir, t->journal_dir, &how->id);
}

static int
start(pthread_t *thread, bool *started, void *(*loop)(void *arg),
    struct trail *t)
{
	sigset_t all, old;
	int r;

	/* Signals are for the thread that waits for them. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(thread, NULL, loop, t);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r != 0)
		return log_err(ERR_NOMEM, "no thread for the trail");
	*started = true;
	return 0;
}

static int
start_threads(struct trail *t)
{
	int err = start(&t->committer, &t->committing, trail_commit_loop, t);

	if (err == 0)
		err = start(&t->integrator, &t->integrating,
		    trail_integrate_loop, t);
	return err;
}

int
trail_open(struct trail **out, const struct trail_open *how)
{
	OWNED(trail) t = calloc(1, sizeof(*t));
	pthread_condattr_t attr;
	int err;

	if (t == NULL)
		return ERR_NOMEM;
	STAILQ_INIT(&t->queue);
	STAILQ_INIT(&t->durable_list);
	STAILQ_INIT(&t->waiters);
	STAILQ_INIT(&t->readers);
	pthread_mutex_init(&t->mutex, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&t->work, NULL);
	pthread_cond_init(&t->integrate, &attr);
	pthread_cond_init(&t->changed, NULL);
	pthread_condattr_destroy(&attr);

	pthread_mutex_lock(&t->mutex);
	err = open_trail(t, how);
	pthread_mutex_unlock(&t->mutex);
	if (err == 0)
		err = start_threads(t);
	if (err != 0)
		return err;
	*out = t;
	t = NULL;
	return 0;
}
