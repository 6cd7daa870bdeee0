/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/reads.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vault/err.h"
#include "vault/log.h"
#include "vault/ref.h"

void
reads_clear(struct reads *d)
{
	for (size_t i = 0; i < d->sitting_count; i++)
		json_decref(d->sittings[i].opening);
	free(d->sittings);
	free(d->hits);
	question_inquiry_free(d->inquiry);
	cosigned_note_clear(&d->earlier);
}

int
reads_grow(void *list, size_t count, size_t size)
{
	void **p = list;
	void *more;

	if ((count & (count - 1)) != 0)
		return 0;
	more = reallocarray(*p, count == 0 ? 1 : 2 * count, size);
	if (more == NULL)
		return ERR_NOMEM;
	*p = more;
	return 0;
}

static struct reads_sitting *
find_sitting(const struct reads *d, uint64_t id)
{
	for (size_t i = d->sitting_count; i-- > 0;)
		if (d->sittings[i].id == id)
			return &d->sittings[i];
	return NULL;
}

static int
take_opening(struct reads *d, uint64_t index, const uint8_t *entry, size_t n,
    const struct question_finding *f)
{
	struct reads_sitting *s;
	int r = reads_grow(&d->sittings, d->sitting_count,
	    sizeof(*d->sittings));

	if (r != 0)
		return r;
	s = &d->sittings[d->sitting_count];
	*s = (struct reads_sitting){ .id = f->session, .opened = index };
	s->opening = json_loadb((const char *)entry, n, 0, NULL);
	if (s->opening == NULL)
		return ERR_NOMEM;
	d->sitting_count++;
	return 0;
}

static int
take_hit(struct reads *d, uint64_t index, const struct question_finding *f)
{
	struct reads_sitting *s = find_sitting(d, f->session);
	int r = reads_grow(&d->hits, d->hit_count, sizeof(*d->hits));

	if (r != 0)
		return r;
	d->hits[d->hit_count++] = (struct reads_hit){ index, *f };
	if (!f->told)
		d->bytes += f->bytes;
	if (s == NULL)
		return 0;
	if (s->entries++ == 0)
		s->first_ms = f->time_ms;
	s->last_ms = f->time_ms;
	if (f->told)
		s->told += f->bytes;
	else
		s->released += f->bytes;
	return 0;
}

/* As the beginning of a string: "llama", "llama:prod". */
static bool
has_name(const uint8_t *entry, size_t n, const char *name)
{
	char quoted[QUESTION_PRINCIPAL_MAX + REF_NAME_MAX];
	const int length = snprintf(quoted, sizeof(quoted), "\"%s", name);
	const uint8_t *const end = entry + n, *at = entry;

	if (length < 0 || (size_t)length >= sizeof(quoted))
		return true;
	while ((at = memmem(at, (size_t)(end - at), quoted, (size_t)length)) !=
	    NULL) {
		at += length;
		if (at < end && strchr("\":@", *at) != NULL)
			return true;
	}
	return false;
}

static int
each(void *arg, uint64_t index, const uint8_t *entry, size_t n)
{
	struct reads *d = arg;
	struct question_finding f;
	int r;

	d->saw_who = d->saw_who || has_name(entry, n, d->q.principal);
	d->saw_model = d->saw_model || has_name(entry, n, d->q.model);
	r = question_look(d->inquiry, index, entry, n, &f);
	if (r == ERR_FORMAT)
		return log_err(r,
		    "entry %" PRIu64 " of the trail cannot be understood; is "
		    "it from a newer weir?",
		    index);
	if (r != 0)
		return r;
	if (d->start == UINT64_MAX && f.time_ms >= d->q.since_ms)
		d->start = index;
	if (f.time_ms < d->q.until_ms)
		d->behind = index + 1;
	if (f.bearing == QUESTION_OPENS)
		return take_opening(d, index, entry, n, &f);
	if (f.bearing == QUESTION_READ)
		return take_hit(d, index, &f);
	return 0;
}

/* ---- the range of a no ---- */

/* Find what witnesses had cosigned before the time, of this history. */
static int
find_earlier(struct reads *d)
{
	const struct note_checkpoint *c = trail_reader_checkpoint(d->a->reader);
	const struct note_checkpoint *e = &d->earlier.checkpoint;
	struct digest proof[TLOG_PROOF_MAX];
	size_t n;
	int r = cosigned_find(&d->earlier, &d->from.where, c->size,
	    (uint64_t)d->q.since_ms / 1000);

	if (r != 0)
		return r;
	r = tlog_consistency(e->size, c->size, trail_reader_node, d->a->reader,
	    proof, &n);
	if (r != 0)
		return r;
	if (tlog_consistency_ok(e->size, c->size, &e->root, &c->root, proof, n))
		return 0;
	return log_err(ERR_INTEGRITY,
	    "the checkpoint of size %" PRIu64
	    " that witnesses cosigned is of another history of this log than "
	    "the trail: 'weir audit verify --since FILE' with that note shows "
	    "both",
	    e->size);
}

/*
 * From the last entry before the time, or earlier where witnesses vouch for
 * less, to the first one behind it.
 */
static int
set_range(struct reads *d)
{
	const struct note_checkpoint *c = trail_reader_checkpoint(d->a->reader);
	int r = ERR_NOT_FOUND;

	d->first = d->start > 0 ? d->start - 1 : 0;
	if (d->from.where.policy != NULL && d->q.since_ms > 0)
		r = find_earlier(d);
	if (r != 0 && r != ERR_NOT_FOUND)
		return r;
	d->has_earlier = r == 0 && d->earlier.checkpoint.size > 0;
	if (d->has_earlier && d->earlier.checkpoint.size < d->first)
		d->first = d->earlier.checkpoint.size;
	d->end = d->behind + 1 < c->size ? d->behind + 1 : c->size;
	if (d->end <= d->first)
		d->end = d->first + 1;
	return 0;
}

static void
note_held(void *arg, uint64_t session, uint64_t opened, uint64_t released)
{
	struct reads *d = arg;

	(void)session;
	(void)opened;
	(void)released;
	d->answer = PROOF_HELD;
}

static void
decide(struct reads *d)
{
	d->answer = PROOF_NO;
	if (d->hit_count > 0)
		d->answer = PROOF_YES;
	else
		question_held(d->inquiry, note_held, d);
}

/* ---- looking ---- */

/* Everything, from the beginning: what a no or a held rests on. */
static int
scan(struct reads *d)
{
	const struct note_checkpoint *c = trail_reader_checkpoint(d->a->reader);
	int r;

	d->start = UINT64_MAX;
	if ((r = question_begin(&d->inquiry, &d->q)) != 0 ||
	    (r = trail_reader_each(d->a->reader, 0, UINT64_MAX, each, d)) != 0)
		return r;
	if (d->start == UINT64_MAX)
		d->start = c->size;
	return 0;
}

static int
each_named(void *arg, uint64_t index, const uint8_t *entry, size_t n)
{
	struct reads *d = arg;

	d->named++;
	return each(arg, index, entry, n);
}

#define FOUND 1
#define RUN 256 /* entries that the index has one pair of times for */

/* The first entry of the time asked for, and of those before its end. */
static int
each_bound(void *arg, uint64_t index, const uint8_t *entry, size_t n)
{
	struct reads *d = arg;
	int64_t time_ms;
	int r = question_time(entry, n, &time_ms);

	if (r != 0)
		return r;
	if (time_ms >= d->q.since_ms && index < d->start)
		d->start = index;
	if (time_ms < d->q.until_ms && index >= d->behind)
		d->behind = index + 1;
	return time_ms >= d->q.since_ms && d->q.until_ms == INT64_MAX ? FOUND :
									0;
}

/* As scan finds them, from the runs of the index that have them. */
static int
find_bounds(struct reads *d)
{
	const struct note_checkpoint *c = trail_reader_checkpoint(d->a->reader);
	const struct trail_index *x = index_content(d->index);
	const uint64_t covered = index_size(d->index);
	uint64_t from = trail_index_from(x, d->q.since_ms);
	uint64_t until = trail_index_until(x, d->q.until_ms);
	int r;

	d->start = c->size;
	d->behind = 0;
	r = trail_reader_each(d->a->reader, from, from + RUN, each_bound, d);
	if (r == 0 && until > 0)
		r = trail_reader_each(d->a->reader, (until - 1) / RUN * RUN,
		    until, each_bound, d);
	if (r == 0)
		r = trail_reader_each(d->a->reader, covered, UINT64_MAX,
		    each_bound, d);
	if (d->q.until_ms == INT64_MAX)
		d->behind = c->size;
	return r == FOUND ? 0 : r;
}

/* The entries that the index names, where they say yes. */
static int
look_by_index(struct reads *d)
{
	const struct trail_index_query q = {
		.who = d->q.principal,
		.model = d->q.model,
		.since_ms = INT64_MIN,
		.until_ms = INT64_MAX,
		.kinds = TRAIL_INDEX_KIND(ENTRY_SESSION_OPEN) |
		    TRAIL_INDEX_KIND(ENTRY_RELEASE) |
		    TRAIL_INDEX_KIND(ENTRY_EXTENTS) |
		    TRAIL_INDEX_KIND(ENTRY_SESSION_CLOSE),
		.context = true,
	};
	int r = question_begin(&d->inquiry, &d->q);

	d->start = UINT64_MAX;
	if (r == 0)
		r = index_each(d->index, &q, each_named, d);
	if (r != 0)
		return r;
	decide(d);
	if (d->answer == PROOF_YES)
		return find_bounds(d);
	/* Nothing is said on the word of the index. */
	question_inquiry_free(d->inquiry);
	d->inquiry = NULL;
	for (size_t i = 0; i < d->sitting_count; i++)
		json_decref(d->sittings[i].opening);
	d->sitting_count = 0;
	d->named = d->bytes = d->behind = 0;
	return scan(d);
}

int
reads_look(struct reads *d, bool all)
{
	const struct note_checkpoint *c = trail_reader_checkpoint(d->a->reader);
	OWNED(index) index = NULL;
	int r = 0;

	if (c->size == 0)
		return log_err(ERR_NOT_FOUND, "the trail has no entries yet");
	if (!all)
		r = index_open(&index, d->a);
	if (r != 0)
		return r;
	d->index = index;
	r = index != NULL ? look_by_index(d) : scan(d);
	d->index = NULL;
	if (r != 0)
		return r;
	decide(d);
	d->then = (struct note_checkpoint){ .size = d->start };
	r = tlog_root(d->start, trail_reader_node, d->a->reader, &d->then.root);
	return r != 0 ? r : set_range(d);
}
