/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/tiles_ahead.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

#include "vault/err.h"
#include "vault/log.h"

#define AHEAD 8 /* bundles that wait at most */
#define FEW 4	/* that are not worth a thread */

struct ahead {
	struct tiles_view *view; /* the thread's */
	uint64_t first, end;	 /* bundles */
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	struct tiles_bundle ring[AHEAD];
	unsigned int next, count; /* the first that waits, and how many */
	bool stop;		  /* nobody wants any more */
	bool over;		  /* there are no more, */
	int err;		  /* or this was why */
};

/* Whether it was taken. */
static bool
hand_over(struct ahead *a, struct tiles_bundle *b)
{
	bool taken;

	pthread_mutex_lock(&a->mutex);
	while (a->count == AHEAD && !a->stop)
		pthread_cond_wait(&a->changed, &a->mutex);
	taken = !a->stop;
	if (taken) {
		a->ring[(a->next + a->count++) % AHEAD] = *b;
		*b = (struct tiles_bundle){ 0 };
		pthread_cond_signal(&a->changed);
	}
	pthread_mutex_unlock(&a->mutex);
	return taken;
}

static void *
read_ahead(void *arg)
{
	struct ahead *a = arg;
	bool taken = true;
	int err = 0;

	for (uint64_t n = a->first; err == 0 && taken && n < a->end; n++) {
		OWNED_BUNDLE b = { 0 };

		err = tiles_view_bundle(a->view, n, &b);
		taken = err == 0 && hand_over(a, &b);
	}
	pthread_mutex_lock(&a->mutex);
	a->err = err;
	a->over = true;
	pthread_cond_signal(&a->changed);
	pthread_mutex_unlock(&a->mutex);
	return NULL;
}

/* The next one; false: there is none. */
static bool
take(struct ahead *a, struct tiles_bundle *out)
{
	bool any;

	pthread_mutex_lock(&a->mutex);
	while (a->count == 0 && !a->over)
		pthread_cond_wait(&a->changed, &a->mutex);
	any = a->count > 0;
	if (any) {
		*out = a->ring[a->next];
		a->ring[a->next] = (struct tiles_bundle){ 0 };
		a->next = (a->next + 1) % AHEAD;
		a->count--;
		pthread_cond_signal(&a->changed);
	}
	pthread_mutex_unlock(&a->mutex);
	return any;
}

static int
consume(struct ahead *a, uint64_t from, uint64_t to,
    int (*each)(void *arg, uint64_t index, const uint8_t *entry, size_t n),
    void *arg)
{
	int err = 0;

	while (err == 0 && from < to) {
		OWNED_BUNDLE b = { 0 };

		if (!take(a, &b))
			return a->err;
		for (unsigned int i = from % TILES_WIDTH;
		     err == 0 && i < b.width && from < to; i++, from++)
			err = each(arg, from, b.entry[i].at, b.entry[i].length);
	}
	return err;
}

/* Signals are for the threads that wait for them. */
static int
start(struct ahead *a)
{
	sigset_t all, old;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&a->thread, NULL, read_ahead, a);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return r == 0 ? 0 : log_err(ERR_NOMEM, "no thread to read the trail");
}

static void
finish(struct ahead *a)
{
	pthread_mutex_lock(&a->mutex);
	a->stop = true;
	pthread_cond_signal(&a->changed);
	pthread_mutex_unlock(&a->mutex);
	pthread_join(a->thread, NULL);
	for (unsigned int i = 0; i < AHEAD; i++)
		tiles_bundle_clear(&a->ring[i]);
}

int
tiles_ahead_each(struct tiles_view *v, uint64_t from, uint64_t to,
    int (*each)(void *arg, uint64_t index, const uint8_t *entry, size_t n),
    void *arg)
{
	OWNED_MEM(struct ahead) a = NULL;
	int err;

	if (to > tiles_view_size(v))
		to = tiles_view_size(v);
	if (from >= to || to - from <= FEW * TILES_WIDTH)
		return tiles_view_each(v, from, to, each, arg);
	a = calloc(1, sizeof(*a));
	err = a != NULL ? tiles_view_many(v) : ERR_NOMEM;
	if (err != 0)
		return err;
	a->view = v;
	a->first = from / TILES_WIDTH;
	a->end = (to - 1) / TILES_WIDTH + 1;
	pthread_mutex_init(&a->mutex, NULL);
	pthread_cond_init(&a->changed, NULL);
	err = start(a);
	if (err == 0) {
		err = consume(a, from, to, each, arg);
		finish(a);
	}
	pthread_cond_destroy(&a->changed);
	pthread_mutex_destroy(&a->mutex);
	return err;
}
