/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/courier.h"

#include <curl/curl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "keys/courier_state.h"
#include "vault/clock.h"
#include "vault/err.h"
#include "vault/log.h"

#define PAUSE_MAX 300 /* seconds between two tries */

static void
condition_init(pthread_cond_t *c)
{
	pthread_condattr_t a;

	pthread_condattr_init(&a);
	pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
	pthread_cond_init(c, &a);
	pthread_condattr_destroy(&a);
}

/* --- the thread --- */

/* 1, 2, 4, ... seconds. */
static int64_t
pause_ms(const struct courier_line *line)
{
	unsigned int n = line->failures > 9 ? 9 : line->failures;
	int64_t s = INT64_C(1) << (n - 1);
	int64_t unit = line->how->pause_ms > 0 ? line->how->pause_ms : 1000;

	return (s < PAUSE_MAX ? s : PAUSE_MAX) * unit;
}

/* The first letter that is not on the disk; under the mutex. */
static struct courier_letter *
first_unstored(struct courier_line *line)
{
	struct courier_letter *l;

	TAILQ_FOREACH(l, &line->letters, entry)
		if (!l->stored && l->number > line->kept)
			return l;
	return NULL;
}

/* Those that were posted of late go to the disk, which takes a while: the mutex
 * is not held.  Only this thread removes letters. */
static void
store_all(struct courier_line *line)
{
	struct courier_letter *l;

	while ((l = first_unstored(line)) != NULL) {
		int err;

		pthread_mutex_unlock(&line->mutex);
		err = courier_queue_store(line, l);
		pthread_mutex_lock(&line->mutex);
		l->stored = err == 0;
		line->kept = l->number;
		if (err != 0)
			log_warn("alert %ju waits for its delivery in memory"
				 " alone: %s",
			    (uintmax_t)l->number, err_text(err));
	}
}

/* Under the mutex, as far as the queue is concerned. */
static void
drop_first(struct courier_line *line)
{
	struct courier_letter *l = TAILQ_FIRST(&line->letters);

	TAILQ_REMOVE(&line->letters, l, entry);
	line->count--;
	line->failures = line->refused = 0;
	pthread_mutex_unlock(&line->mutex);
	courier_queue_remove(line, l);
	pthread_mutex_lock(&line->mutex);
}

static void
drop_oldest(struct courier_line *line)
{
	while (line->count > line->how->rules.keep) {
		log_warn("more than %u alerts wait for the %s: alert %ju, the"
			 " oldest, is left out; the trail has it",
		    line->how->rules.keep, line->kind->name,
		    (uintmax_t)TAILQ_FIRST(&line->letters)->number);
		drop_first(line);
	}
}

static void
take_result(struct courier_line *line, enum courier_result result,
    const char *why)
{
	const struct courier_letter *l = TAILQ_FIRST(&line->letters);

	if (result == COURIER_DONE && line->failed)
		log_info("the %s takes alerts again", line->kind->name);
	line->failed = result != COURIER_DONE;
	line->refused += result == COURIER_NO;
	line->failures++;
	if (result == COURIER_DONE) {
		drop_first(line);
		return;
	}
	if (line->failures == 1)
		log_warn("the %s did not take alert %ju: %s; it is tried again",
		    line->kind->name, (uintmax_t)l->number, why);
	if (line->refused >= COURIER_REFUSED) {
		log_error("the %s refused alert %ju %u times (%s): it is left"
			  " out; the trail has it",
		    line->kind->name, (uintmax_t)l->number, line->refused, why);
		drop_first(line);
	}
}

static void
deliver_first(struct courier_line *line)
{
	const struct courier_letter *l = TAILQ_FIRST(&line->letters);
	enum courier_result result;
	char why[COURIER_WHY] = "";

	line->out = true;
	pthread_mutex_unlock(&line->mutex);
	result = line->kind->deliver(line, l, why);
	pthread_mutex_lock(&line->mutex);
	line->out = false;
	if (result != COURIER_ENDED)
		take_result(line, result, why);
	pthread_cond_broadcast(&line->changed);
}

static void *
loop(void *arg)
{
	struct courier_line *line = arg;
	int64_t due_ms = 0; /* not before */

	pthread_mutex_lock(&line->mutex);
	while (!line->stop) {
		store_all(line);
		drop_oldest(line);
		if (TAILQ_EMPTY(&line->letters)) {
			pthread_cond_wait(&line->work, &line->mutex);
			due_ms = 0;
		} else if (line->failures > 0 && clock_ms() < due_ms) {
			struct timespec due = clock_timespec(due_ms);

			pthread_cond_timedwait(&line->work, &line->mutex, &due);
		} else {
			deliver_first(line);
			if (line->failures > 0)
				due_ms = clock_ms() + pause_ms(line);
		}
	}
	pthread_mutex_unlock(&line->mutex);
	return NULL;
}

/* --- lines --- */

/* Signals are for the thread that waits for them. */
static int
start(struct courier_line *line)
{
	sigset_t all, old;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&line->thread, NULL, loop, line);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r != 0)
		return log_err(ERR_NOMEM, "no thread for the %s",
		    line->kind->name);
	line->running = true;
	return 0;
}

static int
line_new(struct courier *c, const struct courier_kind *kind)
{
	struct courier_line *line = &c->lines[c->count++];
	int err;

	line->kind = kind;
	line->how = &c->how;
	TAILQ_INIT(&line->letters);
	pthread_mutex_init(&line->mutex, NULL);
	condition_init(&line->work);
	condition_init(&line->changed);
	line->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (line->stop_fd < 0)
		return log_sys("eventfd");
	err = courier_queue_open(line);
	return err == 0 ? start(line) : err;
}

static void
line_clear(struct courier_line *line)
{
	const uint64_t one = 1;
	struct courier_letter *l;

	if (line->running) {
		pthread_mutex_lock(&line->mutex);
		line->stop = true;
		if (write(line->stop_fd, &one, sizeof(one)) < 0)
			log_warn("the %s is waited for", line->kind->name);
		pthread_cond_broadcast(&line->work);
		pthread_mutex_unlock(&line->mutex);
		pthread_join(line->thread, NULL);
	}
	while ((l = TAILQ_FIRST(&line->letters)) != NULL) {
		TAILQ_REMOVE(&line->letters, l, entry);
		courier_letter_free(l);
	}
	if (line->stop_fd >= 0)
		close(line->stop_fd);
	file_free(line->dir);
	pthread_cond_destroy(&line->work);
	pthread_cond_destroy(&line->changed);
	pthread_mutex_destroy(&line->mutex);
}

int
courier_new(struct courier **out, const struct courier_how *how)
{
	OWNED(courier) c = calloc(1, sizeof(*c));
	int err = 0;

	if (c == NULL)
		return ERR_NOMEM;
	c->how = *how;
	if (how->rules.hook[0] != '\0')
		err = line_new(c, &courier_hook);
	if (err == 0 && how->rules.webhook[0] != '\0') {
		curl_global_init(CURL_GLOBAL_DEFAULT);
		err = line_new(c, &courier_webhook);
	}
	if (err != 0)
		return err;
	*out = c;
	c = NULL;
	return 0;
}

void
courier_free(struct courier *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->count; i++)
		line_clear(&c->lines[i]);
	free(c);
}

/* --- what the broker asks --- */

uint64_t
courier_next(const struct courier *c)
{
	uint64_t least = UINT64_MAX;

	for (size_t i = 0; i < c->count; i++)
		if (c->lines[i].posted < least)
			least = c->lines[i].posted;
	return least == UINT64_MAX ? least : least + 1;
}

static void
post(struct courier_line *line, uint64_t number, const char *json)
{
	struct courier_letter *l = calloc(1, sizeof(*l));
	char *copy = strdup(json);
	LOCKED(lock, &line->mutex);

	if (l == NULL || copy == NULL || number <= line->posted) {
		/* Out of memory: the next start posts it. */
		free(l);
		free(copy);
		return;
	}
	l->number = number;
	l->json = copy;
	line->posted = number;
	TAILQ_INSERT_TAIL(&line->letters, l, entry);
	line->count++;
	pthread_cond_broadcast(&line->work);
}

void
courier_post(struct courier *c, uint64_t number, enum watch_severity severity,
    const char *json)
{
	if (severity < c->how.rules.severity || strlen(json) > COURIER_JSON_MAX)
		return;
	for (size_t i = 0; i < c->count; i++)
		post(&c->lines[i], number, json);
}

size_t
courier_waiting(struct courier *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->count; i++) {
		LOCKED(lock, &c->lines[i].mutex);

		n += c->lines[i].count;
	}
	return n;
}

static void
settle(struct courier_line *line, const struct timespec *until)
{
	int r = 0;
	LOCKED(lock, &line->mutex);

	while (r == 0 && line->count > 0 && line->failures == 0)
		r = pthread_cond_timedwait(&line->changed, &line->mutex, until);
}

void
courier_settle(struct courier *c, unsigned int ms)
{
	const struct timespec until = clock_timespec(clock_ms() + ms);

	for (size_t i = 0; i < c->count; i++)
		settle(&c->lines[i], &until);
}
