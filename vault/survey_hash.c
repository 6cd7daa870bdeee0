/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "vault/clock.h"
#include "vault/cores.h"
#include "vault/err.h"
#include "vault/log.h"
#include "vault/survey.h"

#define BUFFER (1U << 20) /* of each thread */
#define THREADS_MAX 32
#define TICK_MS 100

struct hashing {
	struct survey *s;
	const struct survey_hash *how;
	pthread_mutex_t mutex; /* for all below */
	pthread_cond_t ended;
	size_t next;
	unsigned int running;
	uint64_t done, total;
	int err;
};

static struct survey_item *
next_item(struct hashing *h)
{
	LOCKED(l, &h->mutex);

	while (h->err == 0 && h->next < h->s->count) {
		struct survey_item *i = &h->s->items[h->next++];

		if (i->wanted)
			return i;
	}
	return NULL;
}

static bool
went_on(struct hashing *h, uint64_t n)
{
	LOCKED(l, &h->mutex);

	h->done += n;
	if (h->err == 0 && h->how->stop != NULL && *h->how->stop)
		h->err = ERR_CONFLICT;
	return h->err == 0;
}

static void
failed(struct hashing *h, int err)
{
	LOCKED(l, &h->mutex);

	if (h->err == 0)
		h->err = err;
}

static int
changed(const struct file *f)
{
	return log_err(ERR_CONFLICT,
	    "'%s' changed while it was read: try again when nobody writes"
	    " there",
	    f->name);
}

static int
open_item(struct file **out, const struct survey *s,
    const struct survey_item *i)
{
	OWNED(file) f = NULL;
	struct stat st;
	int err = file_open(&f, s->dir, i->path, O_RDONLY | O_NONBLOCK, 0);

	if (err == ERR_NOT_FOUND) {
		char shown[256];

		return log_err(ERR_CONFLICT, "'%s' was taken away meanwhile",
		    log_name(shown, sizeof(shown), i->path, strlen(i->path)));
	}
	if (err != 0)
		return err;
	if (fstat(f->fd, &st) != 0)
		return log_sys("stat '%s'", f->name);
	if (!S_ISREG(st.st_mode))
		return changed(f);
	*out = f;
	f = NULL;
	return 0;
}

static int
hash_item(struct hashing *h, struct survey_item *i, struct digester *d,
    uint8_t *buf)
{
	OWNED(file) f = NULL;
	uint64_t at = 0;
	size_t got;
	int err = open_item(&f, h->s, i);

	if (err != 0)
		return err;
	do {
		err = file_read_some(f, buf, BUFFER, at, &got);
		if (err != 0)
			return err;
		digester_add(d, buf, got);
		at += got;
		if (!went_on(h, got))
			return ERR_CONFLICT;
	} while (got == BUFFER);
	i->digest = digester_end(d);
	return at == i->size ? 0 : changed(f);
}

static void *
hash_some(void *arg)
{
	struct hashing *h = arg;
	OWNED_MEM(uint8_t) buf = malloc(BUFFER);
	OWNED(digester) d = NULL;
	struct survey_item *i;
	int err = buf == NULL || digester_new(&d) != 0 ?
	    log_err(ERR_NOMEM, "out of memory to read files") :
	    0;

	while (err == 0 && (i = next_item(h)) != NULL)
		err = hash_item(h, i, d, buf);
	if (err != 0)
		failed(h, err);
	{
		LOCKED(l, &h->mutex);
		h->running--;
		pthread_cond_signal(&h->ended);
	}
	return NULL;
}

/* Until all threads are done, telling how far they are. */
static void
watch(struct hashing *h)
{
	pthread_mutex_lock(&h->mutex);
	while (h->running > 0) {
		uint64_t done = h->done;
		struct timespec until;

		if (h->how->progress != NULL) {
			pthread_mutex_unlock(&h->mutex);
			h->how->progress(h->how->arg, done, h->total);
			pthread_mutex_lock(&h->mutex);
		}
		until = clock_timespec(clock_wall_ms() + TICK_MS);
		if (h->running > 0)
			pthread_cond_timedwait(&h->ended, &h->mutex, &until);
	}
	pthread_mutex_unlock(&h->mutex);
}

static unsigned int
threads_for(const struct survey_hash *how, size_t wanted)
{
	unsigned int n = how->threads != 0 ? how->threads : cores_count();

	if (n > THREADS_MAX)
		n = THREADS_MAX;
	if (n > wanted)
		n = (unsigned int)wanted;
	return n > 0 ? n : 1;
}

int
survey_hash(struct survey *s, const struct survey_hash *how)
{
	struct hashing h = { .s = s, .how = how };
	pthread_t threads[THREADS_MAX];
	unsigned int n, started = 0;
	size_t wanted = 0;

	for (size_t i = 0; i < s->count; i++) {
		if (!s->items[i].wanted)
			continue;
		wanted++;
		h.total += s->items[i].size;
	}
	pthread_mutex_init(&h.mutex, NULL);
	pthread_cond_init(&h.ended, NULL);
	n = threads_for(how, wanted);
	h.running = n;
	while (started < n &&
	    pthread_create(&threads[started], NULL, hash_some, &h) == 0)
		started++;
	{
		LOCKED(l, &h.mutex);
		h.running -= n - started;
	}
	if (started == 0)
		failed(&h, log_err(ERR_NOMEM, "no thread to read files with"));
	watch(&h);
	for (unsigned int i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	pthread_cond_destroy(&h.ended);
	pthread_mutex_destroy(&h.mutex);
	return h.err;
}
