/* SPDX-License-Identifier: Apache-2.0 */
#include "fuse/releases.h"

#include <pthread.h>
#include <stdlib.h>

#include "vault/clock.h"
#include "vault/err.h"
#include "vault/log.h"

#define RETRY_MS 500
#define REFUSED_MS 1000
#define NARROW_MS 1000

/* A release that keyd was asked for. */
struct pending {
	TAILQ_ENTRY(pending) link;
	struct releases *releases;
	uint16_t version;
	uint64_t first;
	uint32_t count;
	bool weighs; /* budgets count what was asked for */
	struct releases_waiters waiters;
	int64_t retry_at; /* 0: on its way */
};

struct refusal {
	int err;
	int64_t until;
};

/* What keyd made of a version. */
struct verdict {
	/* The last ones.  A budget that is used up stops rows that weigh: what
	 * stops one that does not stops them all. */
	struct refusal all, weights;
	int64_t narrow_until; /* one row at a time until then */
};

struct releases {
	struct releases_how how;
	pthread_mutex_t mutex; /* of what follows */
	TAILQ_HEAD(, pending) pending;
	struct verdict *verdicts; /* by version */
	bool trouble;		  /* keyd answers, and cannot; it was said */
	int64_t refused_ms;	  /* the last refusal; 0: none */
};

int
releases_new(struct releases **out, const struct releases_how *how)
{
	struct releases *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return ERR_NOMEM;
	r->verdicts = calloc(how->versions, sizeof(*r->verdicts));
	if (r->verdicts == NULL) {
		free(r);
		return ERR_NOMEM;
	}
	r->how = *how;
	TAILQ_INIT(&r->pending);
	pthread_mutex_init(&r->mutex, NULL);
	*out = r;
	return 0;
}

static void
drop_pending(struct releases *r, struct pending *p)
{
	TAILQ_REMOVE(&r->pending, p, link);
	free(p);
}

void
releases_free(struct releases *r)
{
	if (r == NULL)
		return;
	while (!TAILQ_EMPTY(&r->pending))
		drop_pending(r, TAILQ_FIRST(&r->pending));
	free(r->verdicts);
	pthread_mutex_destroy(&r->mutex);
	free(r);
}

/* What an hour may mend, as against what keyd has decided. */
static bool
is_passing(int err)
{
	return err == ERR_IO || err == ERR_SPACE || err == ERR_NOMEM ||
	    err == ERR_UNREACHABLE || err == ERR_SECRET || err == ERR_CONFLICT;
}

/* keyd could not do it: ask again soon.  False when it would not. */
static bool
try_later(struct pending *p, int err, const char *sentence)
{
	struct releases *r = p->releases;
	LOCKED(lock, &r->mutex);

	if (!is_passing(err))
		return false;
	p->retry_at = clock_ms() + RETRY_MS;
	if (!r->trouble && sentence != NULL)
		log_warn("keyd releases nothing just now: %s", sentence);
	r->trouble = r->trouble || sentence != NULL;
	return true;
}

/* keyd has decided against what was asked for, which it will again. */
static void
remember(struct releases *r, const struct pending *p, int err,
    const char *sentence)
{
	struct verdict *v = &r->verdicts[p->version];
	struct refusal *f = p->weighs ? &v->weights : &v->all;
	bool said = v->weights.until != 0 || v->all.until != 0;

	r->refused_ms = clock_ms();
	*f = (struct refusal){ err, r->refused_ms + REFUSED_MS };
	if (!said && sentence != NULL)
		log_warn("keyd refused a release: %s", sentence);
}

/* The release came to err: its waiters go on. */
static void
settle(struct pending *p, int err, const char *sentence)
{
	struct releases *r = p->releases;
	struct releases_waiters waiters = TAILQ_HEAD_INITIALIZER(waiters);

	{
		LOCKED(lock, &r->mutex);

		TAILQ_CONCAT(&waiters, &p->waiters, link);
		if (err == ERR_DENIED) {
			remember(r, p, err, sentence);
		} else if (err == 0) {
			if (r->trouble)
				log_info("keyd releases keys again");
			r->trouble = false;
		}
		drop_pending(r, p);
	}
	r->how.settled(r->how.arg, &waiters, err);
}

static int
take_keys(const struct pending *p, struct reader *fields)
{
	struct msg_release_reply keys;
	int err;

	err = msg_release_reply_read(&keys, fields);
	if (err != 0)
		return err;
	err = keys.count == p->count ?
	    keyslots_put(p->releases->how.keys, p->version, p->first, &keys) :
	    ERR_FORMAT;
	msg_release_reply_clear(&keys);
	return err;
}

/* A page of the version is damaged, or a budget nearly used up, and the window
 * may reach further than the reader does: its rows are asked for one by one.
 * False: it was one. */
static bool
narrow(struct pending *p)
{
	struct releases *r = p->releases;
	LOCKED(lock, &r->mutex);

	if (p->count == 1)
		return false;
	r->verdicts[p->version].narrow_until = clock_ms() + NARROW_MS;
	return true;
}

static void
answered(void *arg, const struct link_answer *a)
{
	struct pending *p = arg;
	int err = a->err != 0 ? a->err : take_keys(p, a->fields);

	if ((err == ERR_INTEGRITY || err == ERR_DENIED) && narrow(p))
		err = 0; /* its waiters ask again */
	if (err == 0 || !try_later(p, err, a->sentence))
		settle(p, err, a->sentence);
}

/* The mutex is held. */
static void
send_release(struct pending *p)
{
	struct releases *r = p->releases;
	const struct msg_release m = { .session = r->how.session,
		.version = p->version,
		.first = p->first,
		.count = p->count };
	OWNED_WRITER body = writer_of(MSG_TEXT_MAX);

	p->retry_at = 0;
	msg_release_write(&body, &m);
	if (link_call(r->how.link, MSG_RELEASE, &body, answered, p) != 0)
		p->retry_at = clock_ms() + RETRY_MS;
}

static struct pending *
find_pending(struct releases *r, uint16_t version, uint64_t row)
{
	struct pending *p;

	TAILQ_FOREACH(p, &r->pending, link)
		if (p->version == version && row >= p->first &&
		    row - p->first < p->count)
			return p;
	return NULL;
}

static bool
is_missing(struct releases *r, uint16_t version, uint64_t row)
{
	return !keyslots_has(r->how.keys, version, row) &&
	    find_pending(r, version, row) == NULL;
}

/* Whether keyd refused such a row of the version a moment ago. */
static const struct refusal *
refusal_of(const struct releases *r, uint16_t version, bool weighs)
{
	const struct verdict *v = &r->verdicts[version];
	int64_t now = clock_ms();

	if (now < v->all.until)
		return &v->all;
	return weighs && now < v->weights.until ? &v->weights : NULL;
}

/* Ask for a window, but for rows around `row` that are seen to: what remains
 * is one run that holds it. */
static struct pending *
ask_around(struct releases *r, uint16_t version, struct window_ask ask,
    uint64_t row, bool weighs)
{
	struct pending *p = calloc(1, sizeof(*p));
	uint64_t start = row, end = row + 1;

	if (p == NULL)
		return NULL;
	if (clock_ms() < r->verdicts[version].narrow_until)
		ask = (struct window_ask){ row, 1 };
	while (start > ask.first && is_missing(r, version, start - 1))
		start--;
	while (end < ask.first + ask.count && is_missing(r, version, end))
		end++;
	p->releases = r;
	p->version = version;
	p->first = start;
	p->count = (uint32_t)(end - start);
	p->weighs = weighs;
	TAILQ_INIT(&p->waiters);
	TAILQ_INSERT_TAIL(&r->pending, p, link);
	send_release(p);
	return p;
}

enum releases_state
releases_need(struct releases *r, struct handle *h,
    const struct version_row *rows, size_t count, struct releases_waiter *w,
    int *err)
{
	const struct handle_file *file = handle_file(h);
	uint16_t version = file->version;
	LOCKED(lock, &r->mutex);
	struct pending *first = NULL;

	for (size_t i = 0; i < count; i++) {
		bool weighs = manifest_row_weighs(file->file, &rows[i].row);
		const struct refusal *refusal = refusal_of(r, version, weighs);
		uint64_t row = rows[i].number;
		struct pending *p = find_pending(r, version, row);

		if (p == NULL && keyslots_has(r->how.keys, version, row))
			continue;
		if (p == NULL && refusal != NULL) {
			*err = refusal->err;
			return RELEASES_REFUSED;
		}
		if (p == NULL)
			p = ask_around(r, version,
			    handle_miss(h, row, (uint32_t)(count - i)), row,
			    weighs);
		if (p == NULL) {
			*err = ERR_NOMEM;
			return RELEASES_REFUSED;
		}
		if (first == NULL)
			first = p;
	}
	if (first == NULL)
		return RELEASES_HELD;
	TAILQ_INSERT_TAIL(&first->waiters, w, link);
	return RELEASES_PARKED;
}

void
releases_ahead(struct releases *r, struct handle *h, uint64_t row)
{
	uint16_t version = handle_file(h)->version;
	struct window_ask ask;

	if (!handle_hit(h, row, &ask))
		return;

	LOCKED(lock, &r->mutex);

	/* Nobody waits for these: they are asked for as if they weighed. */
	if (refusal_of(r, version, true) != NULL)
		return;
	for (uint64_t at = ask.first; at < ask.first + ask.count; at++)
		if (is_missing(r, version, at)) {
			(void)ask_around(r, version, ask, at, true);
			return;
		}
}

void
releases_tick(struct releases *r,
    bool (*overdue)(void *arg, struct releases_waiter *w), void *arg,
    struct releases_waiters *out)
{
	LOCKED(lock, &r->mutex);
	int64_t now = clock_ms();
	struct pending *p;

	TAILQ_FOREACH(p, &r->pending, link) {
		struct releases_waiter *w, *next;

		for (w = TAILQ_FIRST(&p->waiters); w != NULL; w = next) {
			next = TAILQ_NEXT(w, link);
			if (!overdue(arg, w))
				continue;
			TAILQ_REMOVE(&p->waiters, w, link);
			TAILQ_INSERT_TAIL(out, w, link);
		}
		if (p->retry_at != 0 && p->retry_at <= now)
			send_release(p);
	}
}

void
releases_abandon(struct releases *r, struct releases_waiters *out)
{
	LOCKED(lock, &r->mutex);
	struct pending *p;

	TAILQ_FOREACH(p, &r->pending, link)
		TAILQ_CONCAT(out, &p->waiters, link);
}

bool
releases_refused(struct releases *r, int64_t ms)
{
	LOCKED(lock, &r->mutex);

	return r->refused_ms != 0 && clock_ms() - r->refused_ms < ms;
}
