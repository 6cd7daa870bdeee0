/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/lookout.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "keys/lookout_state.h"
#include "vault/clock.h"
#include "vault/err.h"
#include "vault/log.h"
#include "vault/trail.h"

#define DAY_MS INT64_C(86400000)
#define PUBLISH_MS 200 /* how often it looks whether entries are published */

/* Where every entry has its time, and what begins behind it (FORMAT.md). */
#define TIME_AT 15
#define TIME_LENGTH 24
#define KIND_AT 41
#define STARTS_WITH(text)                                                      \
	{                                                                      \
		text, sizeof(text) - 1                                         \
	}

struct start {
	const char *text;
	size_t length;
};

static bool
is_one_of(const uint8_t *bytes, size_t n, const struct start *starts,
    size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (n > KIND_AT + starts[i].length &&
		    memcmp(bytes + KIND_AT, starts[i].text, starts[i].length) ==
			0)
			return true;
	return false;
}

/* Most of a trail by far: passed over without being parsed. */
static bool
is_old_read(const struct lookout *l, const uint8_t *bytes, size_t n)
{
	static const struct start reads[] = {
		STARTS_WITH("\"kind\":\"release\""),
		STARTS_WITH("\"kind\":\"extents\""),
	};

	return n > KIND_AT &&
	    memcmp(bytes + TIME_AT, l->cutoff, TIME_LENGTH) < 0 &&
	    is_one_of(bytes, n, reads, 2);
}

static bool
is_start_or_stop(const uint8_t *bytes, size_t n)
{
	static const struct start own[] = {
		STARTS_WITH("\"kind\":\"keyd."),
	};

	return is_one_of(bytes, n, own, 1);
}

/* --- the thread --- */

static bool
is_stopped(struct lookout *l)
{
	LOCKED(lock, &l->mutex);

	return l->stop;
}

static void
looked_at(struct lookout *l, uint64_t next)
{
	LOCKED(lock, &l->mutex);

	l->next = next;
	if (next >= l->how.from && l->raised_count == 0)
		l->seen = next;
	if (next == l->told)
		pthread_cond_broadcast(&l->changed);
}

static int
look_parsed(struct lookout *l, uint64_t index, const uint8_t *bytes, size_t n)
{
	struct watch_event event;
	struct entry_view v;
	int err;

	/* The broker has refused what cannot be parsed. */
	if (entry_parse(&v, bytes, n) != 0)
		return 0;
	if (index < l->how.from && v.kind == ENTRY_ALERT)
		lookout_was_raised(l, &v);
	watch_event_of(&event, index, &v);
	err = watch_feed(l->watch, &event, lookout_raise, l);
	entry_view_clear(&v);
	return err;
}

static void
take_rules(struct lookout *l, uint64_t index)
{
	LOCKED(lock, &l->mutex);

	if (index < l->others_from)
		return;
	l->rules = l->other_rules;
	atomic_store(&l->others, false);
}

static int
look(struct lookout *l, uint64_t index, const uint8_t *bytes, size_t n)
{
	struct watch_event event;
	char by[WATCH_SCAN_BY];

	l->at = index;
	if (atomic_load(&l->others))
		take_rules(l, index);
	if (is_old_read(l, bytes, n))
		return 0;
	return watch_scan(&event, index, bytes, n, by) ?
	    watch_feed(l->watch, &event, lookout_raise, l) :
	    look_parsed(l, index, bytes, n);
}

/* Of the trail's files. */
static int
look_back(void *arg, uint64_t index, const uint8_t *bytes, size_t n)
{
	struct lookout *l = arg;
	int err = is_stopped(l) ? ERR_UNREACHABLE : look(l, index, bytes, n);

	if (err == 0 && index + 1 == l->how.from)
		err = lookout_let_go(l);
	if (err == 0)
		looked_at(l, index + 1);
	return err;
}

static void
wait_a_little(struct lookout *l)
{
	const struct timespec until = clock_timespec(
	    clock_wall_ms() + PUBLISH_MS);
	LOCKED(lock, &l->mutex);

	if (!l->stop)
		pthread_cond_timedwait(&l->work, &l->mutex, &until);
}

/* What it was not told of, up to `to`, as far as it is published. */
static int
read_back(struct lookout *l, uint64_t to)
{
	OWNED(trail_reader) r = NULL;
	uint64_t before = l->next;
	int err;

	err = trail_reader_open(&r, l->how.vault->dir, &l->how.vault->key);
	if (err != 0)
		return err;
	err = trail_reader_stream(r, l->next, to, look_back, l);
	if (err == 0 && l->next == before)
		wait_a_little(l);
	return err;
}

/* What is next: an item, or entries up to *to in the trail's files.  False: it
 * is over. */
static bool
next_work(struct lookout *l, struct lookout_item **item, uint64_t *to)
{
	struct lookout_item *first;
	LOCKED(lock, &l->mutex);

	for (;; pthread_cond_wait(&l->work, &l->mutex)) {
		first = STAILQ_FIRST(&l->queue);
		if (l->stop)
			return false;
		if (!l->begun || l->next == l->told)
			continue;
		*item = NULL;
		*to = first != NULL ? first->index : l->told;
		if (first == NULL || first->index != l->next)
			return true;
		STAILQ_REMOVE_HEAD(&l->queue, entry);
		l->queued -= first->length;
		*item = first;
		return true;
	}
}

static void *
loop(void *arg)
{
	struct lookout *l = arg;
	struct lookout_item *item;
	uint64_t to;
	int err = 0;

	while (err == 0 && next_work(l, &item, &to)) {
		if (item == NULL) {
			err = read_back(l, to);
			continue;
		}
		err = look(l, item->index, item->bytes, item->length);
		if (err == 0)
			looked_at(l, item->index + 1);
		free(item);
	}
	if (err != 0 && !is_stopped(l))
		log_error("the watch looks at nothing more until weir-keyd is "
			  "started again: %s",
		    err_text(err));
	pthread_mutex_lock(&l->mutex);
	l->stop = true;
	pthread_cond_broadcast(&l->changed);
	pthread_mutex_unlock(&l->mutex);
	return NULL;
}

/* Signals are for the thread that waits for them. */
static int
start(struct lookout *l)
{
	sigset_t all, old;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&l->thread, NULL, loop, l);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r != 0)
		return log_err(ERR_NOMEM, "no thread for the watch");
	l->running = true;
	return 0;
}

int
lookout_new(struct lookout **out, const struct lookout_how *how)
{
	OWNED(lookout) l = calloc(1, sizeof(*l));
	int err;

	if (l == NULL)
		return ERR_NOMEM;
	l->how = *how;
	l->begun = !how->lazy;
	l->told = how->from;
	l->seen = how->seen;
	STAILQ_INIT(&l->queue);
	TAILQ_INIT(&l->held);
	TAILQ_INIT(&l->raised);
	pthread_mutex_init(&l->mutex, NULL);
	pthread_cond_init(&l->work, NULL);
	pthread_cond_init(&l->changed, NULL);
	entry_time_text(how->now_ms - LOOKOUT_DAYS * DAY_MS, l->cutoff);
	l->rules = *how->rules;
	err = watch_new(&l->watch, &l->rules);
	if (err == 0)
		err = start(l);
	if (err != 0)
		return err;
	*out = l;
	l = NULL;
	return 0;
}

static void
clear_queue(struct lookout *l)
{
	struct lookout_item *i;

	while ((i = STAILQ_FIRST(&l->queue)) != NULL) {
		STAILQ_REMOVE_HEAD(&l->queue, entry);
		free(i);
	}
	l->queued = 0;
}

void
lookout_free(struct lookout *l)
{
	if (l == NULL)
		return;
	if (l->running) {
		pthread_mutex_lock(&l->mutex);
		l->stop = true;
		pthread_cond_broadcast(&l->work);
		pthread_mutex_unlock(&l->mutex);
		pthread_join(l->thread, NULL);
	}
	clear_queue(l);
	lookout_alert_free_all(&l->held);
	lookout_alert_free_all(&l->raised);
	watch_free(l->watch);
	pthread_cond_destroy(&l->work);
	pthread_cond_destroy(&l->changed);
	pthread_mutex_destroy(&l->mutex);
	free(l);
}

/* --- the broker's side --- */

void
lookout_see(struct lookout *l, uint64_t index, const void *bytes, size_t n)
{
	struct lookout_item *i = malloc(sizeof(*i) + n);
	LOCKED(lock, &l->mutex);

	l->told = index + 1;
	l->begun = l->begun || !is_start_or_stop(bytes, n);
	/* What is not in the queue is in the trail. */
	if (i == NULL || l->stop || l->queued + n > LOOKOUT_QUEUE_MAX) {
		free(i);
		clear_queue(l);
	} else {
		i->index = index;
		i->length = n;
		memcpy(i->bytes, bytes, n);
		l->queued += n;
		STAILQ_INSERT_TAIL(&l->queue, i, entry);
	}
	pthread_cond_broadcast(&l->work);
}

void
lookout_rules(struct lookout *l, const struct watch_rules *rules, uint64_t from)
{
	LOCKED(lock, &l->mutex);

	l->other_rules = *rules;
	l->others_from = from;
	atomic_store(&l->others, true);
}

const struct watch_alert *
lookout_raised(struct lookout *l)
{
	const struct lookout_alert *a;
	LOCKED(lock, &l->mutex);

	a = TAILQ_FIRST(&l->raised);
	return a != NULL ? &a->a : NULL;
}

void
lookout_drop(struct lookout *l)
{
	struct lookout_alert *a;
	LOCKED(lock, &l->mutex);

	a = TAILQ_FIRST(&l->raised);
	if (a == NULL)
		return;
	TAILQ_REMOVE(&l->raised, a, entry);
	lookout_alert_free(a);
	l->raised_count--;
	if (l->raised_count == 0 && l->next >= l->how.from)
		l->seen = l->next;
	pthread_cond_broadcast(&l->work);
}

uint64_t
lookout_seen(struct lookout *l)
{
	LOCKED(lock, &l->mutex);

	return l->seen;
}

bool
lookout_settle(struct lookout *l, unsigned int ms)
{
	const struct timespec until = clock_timespec(clock_wall_ms() + ms);
	int r = 0;
	LOCKED(lock, &l->mutex);

	while (r == 0 && !l->stop && l->begun && l->next != l->told &&
	    l->raised_count == 0)
		r = pthread_cond_timedwait(&l->changed, &l->mutex, &until);
	return l->stop || !l->begun ||
	    (l->next == l->told && l->raised_count == 0);
}

bool
lookout_is_behind(struct lookout *l)
{
	LOCKED(lock, &l->mutex);

	return !l->stop && l->begun && l->next < l->how.from;
}
