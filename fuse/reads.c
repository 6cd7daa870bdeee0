/* SPDX-License-Identifier: Apache-2.0 */
#include "fuse/reads.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "fuse/buffer.h"
#include "fuse/clock.h"
#include "fuse/releases.h"
#include "vault/err.h"
#include "vault/log.h"

#define ROWS_MAX 72 /* 1 MiB of chunks of 16 KiB, wherever it begins */
#define TICK_MS 100
#define IDLE_MS 1000 /* after which a buffer's plaintext is wiped */
#define TRIES 5	     /* of a store that fails, in about 4 s */
#define RETRY_MS 150
#define job_of(w) ((struct job *)(w)) /* a waiter */

struct job {
	struct releases_waiter waiter; /* first: a waiter is its job */
	TAILQ_ENTRY(job) link;
	struct reads_request q; /* its handle is held */
	int64_t deadline;	/* for what it may wait for */
	int64_t not_before;
	unsigned int tries;
};
TAILQ_HEAD(job_list, job);
struct reads {
	struct reads_how how;
	struct releases *releases;
	pthread_t *threads;
	uint32_t running;
	pthread_t timer;
	bool timing;
	atomic_bool ended;
	atomic_bool stalled;   /* it was said */
	pthread_mutex_t mutex; /* of what follows */
	pthread_cond_t work;
	pthread_cond_t tick;
	struct job_list ready;
	struct job_list later;
	size_t parked; /* in releases */
	bool stop;
};

static bool
wait_ms(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t ms)
{
	const struct timespec end = clock_timespec(clock_ms() + ms);

	return pthread_cond_timedwait(cond, mutex, &end) == 0;
}

/* What a read fails with.  Whatever it is, the file is there and may be asked
 * for again. */
static int
errno_of(int err)
{
	return err == ERR_DENIED ? EACCES : EIO;
}

static void
job_done(struct job *j)
{
	handle_free(j->q.handle);
	free(j);
}

static void
job_fail(struct job *j, int errnum)
{
	fuse_reply_err(j->q.req, errnum);
	job_done(j);
}

static void
make_ready(struct reads *r, struct job *j)
{
	LOCKED(lock, &r->mutex);

	TAILQ_INSERT_TAIL(&r->ready, j, link);
	pthread_cond_signal(&r->work);
}

/* Callback of releases: keys came, or will not. */
static void
settled(void *arg, struct releases_waiters *waiters, int err)
{
	struct reads *r = arg;
	struct releases_waiter *w, *next;

	for (w = TAILQ_FIRST(waiters); w != NULL; w = next) {
		next = TAILQ_NEXT(w, link);
		{
			LOCKED(lock, &r->mutex);

			r->parked--;
		}
		if (err != 0)
			job_fail(job_of(w), errno_of(err));
		else
			make_ready(r, job_of(w));
	}
	if (err == 0 && atomic_exchange(&r->stalled, false))
		log_info("keyd answers again: reads go on");
}

int
reads_new(struct reads **out, const struct reads_how *how)
{
	OWNED(reads) r = calloc(1, sizeof(*r));
	const struct releases_how releases = { .keys = how->keys,
		.link = how->link,
		.session = how->session,
		.versions = how->count,
		.settled = settled,
		.arg = r };
	pthread_condattr_t attr;
	int err;

	if (r == NULL)
		return ERR_NOMEM;
	r->how = *how;
	TAILQ_INIT(&r->ready);
	TAILQ_INIT(&r->later);
	pthread_mutex_init(&r->mutex, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&r->work, &attr);
	pthread_cond_init(&r->tick, &attr);
	pthread_condattr_destroy(&attr);
	r->threads = calloc(how->threads, sizeof(*r->threads));
	if (r->threads == NULL)
		return ERR_NOMEM;
	err = releases_new(&r->releases, &releases);
	if (err != 0)
		return err;
	*out = r;
	r = NULL;
	return 0;
}

/* The object that makes the rows from offset unreadable: a manifest page. */
static struct digest
bad_page(struct version *v, const struct manifest_file *f, uint64_t offset)
{
	const struct manifest *m = version_manifest(v);
	uint32_t page = manifest_page_of(m, f, offset);
	struct version_row row;
	size_t count;

	/* Rows may go on in the next page. */
	if (version_rows(v, f, offset, 1, &row, 1, &count) == 0 &&
	    page + 1 < m->page_count)
		page++;
	return m->pages[page].object;
}

static bool
is_fault(int err)
{
	return err == ERR_INTEGRITY || err == ERR_NOT_FOUND;
}

static void
tell_fault(struct reads *r, const struct job *j, int err,
    const struct digest *object)
{
	const struct report_fault f = {
		.version = handle_file(j->q.handle)->version,
		.file = handle_index(j->q.handle),
		.object = *object,
		.reason = err == ERR_NOT_FOUND ? "missing from the store" :
						 "not what was vouched for",
	};

	report_fault(r->how.report, &f);
}

/* A store that fails may do better in a moment. */
static void
try_later(struct reads *r, struct job *j)
{
	LOCKED(lock, &r->mutex);

	j->not_before = clock_ms() + ((int64_t)RETRY_MS << j->tries++);
	TAILQ_INSERT_TAIL(&r->later, j, link);
	pthread_cond_signal(&r->tick);
}

static void
job_trouble(struct reads *r, struct job *j, int err)
{
	if ((err == ERR_IO || err == ERR_NOMEM) && j->tries < TRIES)
		try_later(r, j);
	else
		job_fail(j, errno_of(err));
}

/* Fail all that waits, whatever it waits for. */
static void
fail_all(struct reads *r)
{
	struct releases_waiters waiters = TAILQ_HEAD_INITIALIZER(waiters);
	struct releases_waiter *w;
	struct job_list jobs = TAILQ_HEAD_INITIALIZER(jobs);
	struct job *j;

	releases_abandon(r->releases, &waiters);
	{
		LOCKED(lock, &r->mutex);

		TAILQ_FOREACH(w, &waiters, link)
			r->parked--;
		TAILQ_CONCAT(&jobs, &r->ready, link);
		TAILQ_CONCAT(&jobs, &r->later, link);
	}
	while ((w = TAILQ_FIRST(&waiters)) != NULL) {
		TAILQ_REMOVE(&waiters, w, link);
		job_fail(job_of(w), EIO);
	}
	while ((j = TAILQ_FIRST(&jobs)) != NULL) {
		TAILQ_REMOVE(&jobs, j, link);
		job_fail(j, EIO);
	}
}

static bool
all_held(struct reads *r, const struct job *j, const struct version_row *rows,
    size_t count)
{
	uint16_t version = handle_file(j->q.handle)->version;

	for (size_t i = 0; i < count; i++)
		if (!keyslots_has(r->how.keys, version, rows[i].number))
			return false;
	return true;
}

/* True when the keys of all rows are there.  Otherwise the job is parked or
 * has failed: it is gone. */
static bool
see_to_keys(struct reads *r, struct job *j, const struct version_row *rows,
    size_t count)
{
	int err = 0;

	if (all_held(r, j, rows, count))
		return true;
	if (clock_ms() >= j->deadline) {
		job_fail(j, EIO);
		return false;
	}
	{
		LOCKED(lock, &r->mutex);

		r->parked++;
		pthread_cond_signal(&r->tick);
	}
	enum releases_state state = releases_need(r->releases, j->q.handle,
	    rows, count, &j->waiter, &err);

	if (state == RELEASES_PARKED) {
		/* The session may have ended since it was looked at. */
		if (atomic_load(&r->ended))
			fail_all(r);
		return false;
	}
	{
		LOCKED(lock, &r->mutex);

		r->parked--;
	}
	if (state == RELEASES_REFUSED)
		job_fail(j, errno_of(err));
	return state == RELEASES_HELD;
}

/* How far a job has come: bytes in the buffer. */
struct progress {
	struct job *job;
	uint8_t *buf;
	size_t done;
};

/* The part of one chunk that the job wants next.  ERR_CONFLICT: its key was
 * let go meanwhile. */
static int
read_row(struct reads *r, struct progress *p, const struct version_row *row)
{
	const struct reads_request *q = &p->job->q;
	uint16_t number = handle_file(q->handle)->version;
	uint32_t from = (uint32_t)(q->offset + p->done - row->row.offset);
	size_t n = row->row.length - from, left = q->size - p->done;
	SECRET(uint8_t, key, 32);
	int err;

	if (n > left)
		n = left;
	if (!keyslots_get(r->how.keys, number, row->number, key))
		return ERR_CONFLICT;
	err = version_read(r->how.versions[number], row, key, from,
	    p->buf + p->done, n);
	if (is_fault(err))
		tell_fault(r, p->job, err, &row->row.object);
	if (err == 0)
		p->done += n;
	return err;
}

/* The next rows of a job.  True when they were read; otherwise the job is
 * gone. */
static bool
read_rows(struct reads *r, struct progress *p)
{
	struct job *j = p->job;
	const struct handle_file *h = handle_file(j->q.handle);
	struct version *v = r->how.versions[h->version];
	struct version_row rows[ROWS_MAX];
	uint64_t offset = j->q.offset + p->done;
	size_t count;
	int err;

	err = version_rows(v, h->file, offset, j->q.size - p->done, rows,
	    ROWS_MAX, &count);
	if (is_fault(err)) {
		struct digest page = bad_page(v, h->file, offset);

		tell_fault(r, j, err, &page);
	}
	if (err != 0) {
		job_trouble(r, j, err);
		return false;
	}
	if (!see_to_keys(r, j, rows, count))
		return false;
	releases_ahead(r->releases, j->q.handle, rows[count - 1].number);
	for (size_t i = 0; i < count; i++) {
		err = read_row(r, p, &rows[i]);
		if (err == ERR_CONFLICT)
			return true; /* from here on again */
		if (err != 0) {
			job_trouble(r, j, err);
			return false;
		}
	}
	return true;
}

static void
job_run(struct reads *r, struct job *j, uint8_t *buf)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(j->q.req);
	struct progress p = { .job = j, .buf = buf };

	while (p.done < j->q.size && !atomic_load(&r->ended))
		if (!read_rows(r, &p))
			return;
	if (atomic_load(&r->ended)) {
		job_fail(j, EIO);
		return;
	}

	const struct extent read = { .offset = j->q.offset,
		.length = j->q.size,
		.uid = ctx->uid,
		.pid = (uint32_t)ctx->pid };

	report_read(r->how.report, j->q.handle, &read);
	fuse_reply_buf(j->q.req, (const char *)buf, j->q.size);
	job_done(j);
}

/* The next job; NULL when there was none for a while, or at the end. */
static struct job *
next_job(struct reads *r, bool *stop)
{
	LOCKED(lock, &r->mutex);
	struct job *j;

	while (TAILQ_EMPTY(&r->ready) && !r->stop)
		if (!wait_ms(&r->work, &r->mutex, IDLE_MS))
			break;
	*stop = r->stop;
	j = r->stop ? NULL : TAILQ_FIRST(&r->ready);
	if (j != NULL)
		TAILQ_REMOVE(&r->ready, j, link);
	return j;
}

static void *
work(void *arg)
{
	struct reads *r = arg;
	uint8_t *buf = buffer_new(READS_MAX);
	bool stop = false, dirty = false;

	if (buf == NULL) {
		log_error("out of memory: a thread less to read with");
		return NULL;
	}
	while (!stop) {
		struct job *j = next_job(r, &stop);

		if (j != NULL)
			job_run(r, j, buf);
		else if (dirty)
			secret_wipe(buf, READS_MAX);
		dirty = j != NULL;
	}
	buffer_free(buf, READS_MAX);
	return NULL;
}

/* Whether a parked job has waited long enough, or nobody waits for it. */
static bool
overdue(void *arg, struct releases_waiter *w)
{
	const int64_t *now = arg;
	struct job *j = job_of(w);

	return j->deadline <= *now || fuse_req_interrupted(j->q.req);
}

static void
give_up(struct reads *r, struct releases_waiters *waiters, int64_t now)
{
	struct releases_waiter *w, *next;

	for (w = TAILQ_FIRST(waiters); w != NULL; w = next) {
		struct job *j = job_of(w);
		bool late = j->deadline <= now;

		next = TAILQ_NEXT(w, link);
		{
			LOCKED(lock, &r->mutex);

			r->parked--;
		}
		if (late && !atomic_exchange(&r->stalled, true))
			log_error("no keys from keyd for %u s: reads of new "
				  "parts fail until it is back",
			    r->how.stall_ms / 1000);
		job_fail(j, late ? EIO : EINTR);
	}
}

/* What is due among those that try again later. */
static void
take_up(struct reads *r, int64_t now)
{
	LOCKED(lock, &r->mutex);
	struct job *j, *next;

	for (j = TAILQ_FIRST(&r->later); j != NULL; j = next) {
		next = TAILQ_NEXT(j, link);
		if (j->not_before > now)
			continue;
		TAILQ_REMOVE(&r->later, j, link);
		TAILQ_INSERT_TAIL(&r->ready, j, link);
		pthread_cond_signal(&r->work);
	}
}

static bool
wait_tick(struct reads *r)
{
	LOCKED(lock, &r->mutex);

	while (r->parked == 0 && TAILQ_EMPTY(&r->later) && !r->stop)
		pthread_cond_wait(&r->tick, &r->mutex);
	if (!r->stop)
		(void)wait_ms(&r->tick, &r->mutex, TICK_MS);
	return !r->stop;
}

static void *
keep_time(void *arg)
{
	struct reads *r = arg;

	while (wait_tick(r)) {
		struct releases_waiters late = TAILQ_HEAD_INITIALIZER(late);
		int64_t now = clock_ms();

		releases_tick(r->releases, overdue, &now, &late);
		give_up(r, &late, now);
		take_up(r, now);
	}
	return NULL;
}

int
reads_start(struct reads *r)
{
	int errnum = pthread_create(&r->timer, NULL, keep_time, r);

	r->timing = errnum == 0;
	while (errnum == 0 && r->running < r->how.threads) {
		errnum = pthread_create(&r->threads[r->running], NULL, work, r);
		r->running += errnum == 0;
	}
	if (errnum != 0)
		return log_err(ERR_NOMEM, "no thread: %s",
		    strerrordesc_np(errnum));
	return 0;
}

void
reads_submit(struct reads *r, const struct reads_request *q)
{
	struct job *j;

	assert(q->size > 0 && q->size <= READS_MAX);
	if (atomic_load(&r->ended)) {
		fuse_reply_err(q->req, EIO);
		return;
	}
	j = calloc(1, sizeof(*j));
	if (j == NULL) {
		fuse_reply_err(q->req, EIO);
		return;
	}
	j->q = *q;
	handle_hold(j->q.handle);
	j->deadline = clock_ms() + r->how.stall_ms;
	make_ready(r, j);
}

void
reads_end(struct reads *r)
{
	atomic_store(&r->ended, true);
	fail_all(r);
	keyslots_wipe(r->how.keys);
}

bool
reads_ended(const struct reads *r)
{
	return atomic_load(&r->ended);
}

void
reads_stop(struct reads *r)
{
	{
		LOCKED(lock, &r->mutex);

		r->stop = true;
		pthread_cond_broadcast(&r->work);
		pthread_cond_broadcast(&r->tick);
	}
	while (r->running > 0)
		pthread_join(r->threads[--r->running], NULL);
	if (r->timing)
		pthread_join(r->timer, NULL);
	r->timing = false;
	atomic_store(&r->ended, true);
	fail_all(r);
}

void
reads_free(struct reads *r)
{
	if (r == NULL)
		return;
	if (r->releases != NULL) {
		reads_stop(r);
		releases_free(r->releases);
	}
	pthread_cond_destroy(&r->tick);
	pthread_cond_destroy(&r->work);
	pthread_mutex_destroy(&r->mutex);
	free(r->threads);
	free(r);
}
