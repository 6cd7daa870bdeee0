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
#include "fuse/jobs.h"
#include "fuse/releases.h"
#include "vault/clock.h"
#include "vault/err.h"
#include "vault/log.h"

#define ROWS_MAX 72	 /* 1 MiB of chunks of 16 KiB, wherever it begins */
#define RETRY_MIN_MS 150 /* of a store that fails, and twice that, and ... */
#define RETRY_MAX_MS 2000
#define SILENT_MS 500	       /* to look whether keyd is back */
#define PAGE_LEAST 4096	       /* bytes that the kernel asks for at the least */
#define REFUSED_SHOWN_MS 60000 /* for people to see it in `weir status` */
#define CALM_MS 3000 /* without a failure, until a store has recovered */
#define job_of(w) ((struct job *)(w)) /* a waiter */

struct reads {
	struct reads_how how;
	struct releases *releases;
	struct jobs *jobs;
	pthread_t *threads;
	uint32_t running;
	pthread_t timer;
	bool timing;
	atomic_bool ended;
	atomic_bool stalled; /* keyd does not answer; it was said */
	atomic_bool silent;  /* for so long that held keys are not used */
	atomic_bool failing; /* so does the store */
	_Atomic int64_t failed_ms;
};

/* What a read fails with.  Whatever it is, the file is there and may be asked
 * for again. */
static int
errno_of(int err)
{
	return err == ERR_DENIED ? EACCES : EIO;
}

/* Callback of releases: keys came, or will not. */
static void
settled(void *arg, struct releases_waiters *waiters, int err)
{
	struct reads *r = arg;
	struct releases_waiter *w, *next;

	for (w = TAILQ_FIRST(waiters); w != NULL; w = next) {
		next = TAILQ_NEXT(w, link);
		jobs_unpark(r->jobs);
		if (err != 0)
			jobs_fail(job_of(w), errno_of(err));
		else
			jobs_ready(r->jobs, job_of(w));
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
	int err;

	if (r == NULL)
		return ERR_NOMEM;
	r->how = *how;
	r->threads = calloc(how->threads, sizeof(*r->threads));
	if (r->threads == NULL)
		return ERR_NOMEM;
	err = jobs_new(&r->jobs);
	if (err == 0)
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

/* What an hour may mend, whatever the host calls it; as against bytes that are
 * not the ones vouched for, and those that are not for us. */
static bool
may_pass(int err)
{
	return !is_fault(err) && err != ERR_FORMAT && err != ERR_USAGE &&
	    err != ERR_DENIED;
}

static void
store_failed(struct reads *r, const char *how)
{
	atomic_store(&r->failed_ms, clock_ms());
	if (!atomic_exchange(&r->failing, true))
		log_error("the store %s: reads wait for it for %u s, and then "
			  "fail",
		    how, r->how.stall_ms / 1000);
}

static void
store_answered(struct reads *r)
{
	if (atomic_load(&r->failing) &&
	    clock_ms() - atomic_load(&r->failed_ms) >= CALM_MS &&
	    atomic_exchange(&r->failing, false))
		log_info("the store answers again");
}

static int64_t
retry_ms(struct job *j)
{
	int64_t ms = RETRY_MIN_MS;

	for (unsigned int i = 0; i < j->tries && ms < RETRY_MAX_MS; i++)
		ms *= 2;
	j->tries++;
	return ms < RETRY_MAX_MS ? ms : RETRY_MAX_MS;
}

/* Look at a job again in a while. */
static void
keep(struct reads *r, struct job *j, int64_t ms)
{
	jobs_later(r->jobs, j, ms);
	/* The session may have ended since it was looked at. */
	if (atomic_load(&r->ended))
		jobs_fail_all(r->jobs);
}

/* The store came to err.  The job is gone. */
static void
job_trouble(struct reads *r, struct job *j, int err)
{
	if (!jobs_claim(r->jobs, j))
		return;
	if (may_pass(err)) {
		store_failed(r, "fails");
		if (clock_ms() < j->deadline) {
			keep(r, j, retry_ms(j));
			return;
		}
	}
	jobs_fail(j, EIO);
}

/* Fail all that waits, whatever it waits for. */
static void
fail_all(struct reads *r)
{
	struct releases_waiters waiters = TAILQ_HEAD_INITIALIZER(waiters);
	struct releases_waiter *w;

	releases_abandon(r->releases, &waiters);
	while ((w = TAILQ_FIRST(&waiters)) != NULL) {
		TAILQ_REMOVE(&waiters, w, link);
		jobs_unpark(r->jobs);
		jobs_fail(job_of(w), EIO);
	}
	jobs_fail_all(r->jobs);
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

/* A job that has waited long enough fails; it is gone then. */
static bool
in_time(struct reads *r, struct job *j)
{
	if (clock_ms() < j->deadline)
		return true;
	if (jobs_claim(r->jobs, j))
		jobs_fail(j, EIO);
	return false;
}

/* Keys that are held serve for as long as the session does, and a keyd that is
 * away cannot say that it has ended. */
static bool
is_silent(struct reads *r)
{
	bool silent = link_silent_ms(r->how.link) >= r->how.stall_ms;

	if (atomic_load(&r->silent) == silent ||
	    atomic_exchange(&r->silent, silent) == silent)
		return silent;
	if (silent)
		log_error("nothing was heard of keyd for %u s: reads wait for "
			  "it, and then fail",
		    r->how.stall_ms / 1000);
	else
		log_info("keyd is heard of again: reads go on");
	return silent;
}

/* Whether the kernel reads ahead, into weights that nobody asked for. */
static bool
reaches_ahead(struct reads *r, const struct job *j,
    const struct version_row *rows, size_t count)
{
	const struct handle_file *h = handle_file(j->q.handle);

	if (h->window > 1 || j->q.asked || j->q.size <= PAGE_LEAST)
		return false;
	for (size_t i = 0; i < count; i++) {
		const struct manifest_row *row = &rows[i].row;

		if (manifest_row_weighs(h->file, row) &&
		    !keyslots_has(r->how.keys, h->version, rows[i].number))
			return true;
	}
	return false;
}

/* True when the keys of all rows are there.  Otherwise the job is parked or
 * has failed: it is gone. */
static bool
see_to_keys(struct reads *r, struct job *j, const struct version_row *rows,
    size_t count)
{
	int err = 0;

	bool held = all_held(r, j, rows, count);

	if (held && !is_silent(r))
		return true;
	if (!in_time(r, j) || !jobs_claim(r->jobs, j))
		return false;
	if (!held && reaches_ahead(r, j, rows, count)) {
		j->q.asked = handle_again(j->q.handle, j->q.offset, j->q.size);
		if (!j->q.asked) {
			jobs_fail(j, EIO);
			return false;
		}
	}
	if (held) {
		keep(r, j, SILENT_MS);
		return false;
	}
	jobs_park(r->jobs);
	switch (releases_need(r->releases, j->q.handle, rows, count, &j->waiter,
	    &err)) {
	case RELEASES_PARKED:
		/* The session may have ended since it was looked at. */
		if (atomic_load(&r->ended))
			fail_all(r);
		return false;
	case RELEASES_REFUSED:
		jobs_unpark(r->jobs);
		jobs_fail(j, errno_of(err));
		return false;
	case RELEASES_HELD:
		break;
	}
	jobs_unpark(r->jobs);
	jobs_resume(r->jobs, j);
	return true;
}

/* How far a job has come: bytes in the buffer. */
struct progress {
	struct job *job;
	uint8_t *buf;
	size_t done;
};

/* The end of a chunk was read. */
static void
see_to_spent(struct reads *r, const struct job *j, const struct digest *object)
{
	if (r->how.spent != NULL && j->kind != PATTERN_RANDOM &&
	    handle_file(j->q.handle)->window > 1)
		spent_add(r->how.spent, object);
}

enum step { STEP_DONE, STEP_LET_GO, STEP_GONE };

/* The part of one chunk that the job wants next.  STEP_LET_GO: its key was let
 * go meanwhile; STEP_GONE: the job is gone. */
static enum step
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
		return STEP_LET_GO;
	err = version_read(r->how.versions[number], row, key, from,
	    p->buf + p->done, n);
	if (is_fault(err))
		tell_fault(r, p->job, err, &row->row.object);
	if (err != 0) {
		job_trouble(r, p->job, err);
		return STEP_GONE;
	}
	store_answered(r);
	if (from + n == row->row.length)
		see_to_spent(r, p->job, &row->row.object);
	p->done += n;
	return STEP_DONE;
}

/* The next rows of a job. */
static enum step
read_rows(struct reads *r, struct progress *p)
{
	struct job *j = p->job;
	const struct handle_file *h = handle_file(j->q.handle);
	struct version *v = r->how.versions[h->version];
	struct version_row rows[ROWS_MAX];
	uint64_t offset = j->q.offset + p->done;
	enum step step = STEP_DONE;
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
		return STEP_GONE;
	}
	if (!j->noted)
		j->kind = handle_note(j->q.handle, rows[0].number,
		    (uint32_t)count);
	j->noted = true;
	if (!see_to_keys(r, j, rows, count))
		return STEP_GONE;
	releases_ahead(r->releases, j->q.handle, rows[count - 1].number);
	for (size_t i = 0; i < count && step == STEP_DONE; i++)
		step = read_row(r, p, &rows[i]);
	return step;
}

static void
job_run(struct reads *r, struct job *j, uint8_t *buf)
{
	struct progress p = { .job = j, .buf = buf };
	const struct extent read = { .offset = j->q.offset,
		.length = j->q.size,
		.uid = j->uid,
		.pid = j->pid };

	while (p.done < j->q.size && !atomic_load(&r->ended)) {
		enum step step = read_rows(r, &p);

		/* From here on again, but not for ever. */
		if (step == STEP_GONE ||
		    (step == STEP_LET_GO && !in_time(r, j)))
			return;
	}
	if (!jobs_claim(r->jobs, j))
		return;
	if (atomic_load(&r->ended)) {
		jobs_fail(j, EIO);
		return;
	}
	report_read(r->how.report, j->q.handle, &read);
	fuse_reply_buf(j->q.req, (const char *)buf, j->q.size);
	jobs_done(j);
}

/* Nothing has been read for a while: no plain byte stays, and what is spent
 * goes. */
static void
tidy(struct reads *r, uint8_t *buf)
{
	secret_wipe(buf, READS_MAX);
	if (r->how.opened != NULL)
		opened_wipe(r->how.opened);
	if (r->how.spent != NULL)
		spent_flush(r->how.spent);
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
		struct job *j = jobs_take(r->jobs, &stop);

		if (j != NULL)
			job_run(r, j, buf);
		else if (dirty)
			tidy(r, buf);
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
		jobs_unpark(r->jobs);
		if (late && !atomic_exchange(&r->stalled, true))
			log_error("no keys from keyd for %u s: reads of new "
				  "parts fail until it is back",
			    r->how.stall_ms / 1000);
		jobs_fail(j, late ? EIO : EINTR);
	}
}

static void *
keep_time(void *arg)
{
	struct reads *r = arg;

	while (jobs_tick(r->jobs)) {
		struct releases_waiters late = TAILQ_HEAD_INITIALIZER(late);
		int64_t now = clock_ms();

		releases_tick(r->releases, overdue, &now, &late);
		give_up(r, &late, now);
		if (jobs_look(r->jobs, now) > 0)
			store_failed(r, "does not answer");
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
	assert(q->size > 0 && q->size <= READS_MAX);
	if (atomic_load(&r->ended) ||
	    jobs_submit(r->jobs, q, clock_ms() + r->how.stall_ms) != 0)
		fuse_reply_err(q->req, EIO);
}

void
reads_end(struct reads *r)
{
	atomic_store(&r->ended, true);
	fail_all(r);
	keyslots_wipe(r->how.keys);
	if (r->how.opened != NULL)
		opened_close(r->how.opened);
}

bool
reads_ended(const struct reads *r)
{
	return atomic_load(&r->ended);
}

uint8_t
reads_trouble(const struct reads *r)
{
	uint8_t what = 0;

	if (atomic_load(&r->failing))
		what |= MSG_TROUBLE_STORE;
	if (atomic_load(&r->stalled) || atomic_load(&r->silent))
		what |= MSG_TROUBLE_KEYS;
	if (releases_refused(r->releases, REFUSED_SHOWN_MS))
		what |= MSG_TROUBLE_REFUSED;
	return what;
}

void
reads_stop(struct reads *r)
{
	jobs_stop(r->jobs);
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
	jobs_free(r->jobs);
	free(r->threads);
	free(r);
}
