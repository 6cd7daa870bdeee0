/* SPDX-License-Identifier: Apache-2.0 */
#include "fuse/window.h"

#include <stddef.h>
#include <string.h>

void
window_init(struct window *w, uint32_t max)
{
	memset(w, 0, sizeof(*w));
	w->max = max;
}

static uint32_t
at_most(uint32_t n, uint32_t max)
{
	return n < max ? n : max;
}

/* The stream whose last window holds row. */
static struct window_stream *
stream_of(struct window *w, uint64_t row)
{
	for (size_t i = 0; i < WINDOW_STREAMS; i++) {
		struct window_stream *s = &w->streams[i];

		if (row < s->next && s->next - row <= s->size)
			return s;
	}
	return NULL;
}

/* The stream that row goes on with.  Threads overtake each other: up to a
 * window beyond its end is near enough. */
static struct window_stream *
stream_before(struct window *w, uint64_t row)
{
	for (size_t i = 0; i < WINDOW_STREAMS; i++) {
		struct window_stream *s = &w->streams[i];

		if (row >= s->next && row - s->next < s->size)
			return s;
	}
	return NULL;
}

static struct window_stream *
stream_oldest(struct window *w)
{
	struct window_stream *oldest = &w->streams[0];

	for (size_t i = 1; i < WINDOW_STREAMS; i++)
		if (w->streams[i].used < oldest->used)
			oldest = &w->streams[i];
	return oldest;
}

static uint32_t
at_least(uint32_t n, uint32_t min)
{
	return n > min ? n : min;
}

/* The size of the window behind this one, when a read needs so many rows. */
static uint32_t
next_size(const struct window *w, const struct window_stream *s, uint64_t need)
{
	if (need >= w->max)
		return w->max;
	return at_most(at_least(s->size * 2, (uint32_t)need), w->max);
}

static struct window_ask
stream_put(struct window *w, struct window_stream *s, struct window_ask ask)
{
	s->next = ask.first + ask.count;
	s->size = ask.count;
	s->used = ++w->clock;
	return ask;
}

static struct window_ask
stream_advance(struct window *w, struct window_stream *s, uint64_t need)
{
	return stream_put(w, s,
	    (struct window_ask){ s->next, next_size(w, s, need) });
}

/* What a read needs, and what is sure to be read behind it. */
static struct window_ask
warranted(const struct window *w, uint64_t row, uint32_t need,
    const struct pattern_ahead *ahead)
{
	uint64_t left = ahead->end > row ? ahead->end - row : 0;
	uint32_t count = need;

	if (ahead->sure && left > count)
		count = left < w->max ? (uint32_t)left : w->max;
	return (struct window_ask){ row, at_most(count, w->max) };
}

static bool
is_bounded(const struct pattern_ahead *ahead)
{
	return ahead->end != UINT64_MAX;
}

struct window_ask
window_miss(struct window *w, uint64_t row, uint32_t need,
    const struct pattern_ahead *ahead)
{
	struct window_stream *s = stream_of(w, row);
	struct window_ask ask;

	if (is_bounded(ahead)) {
		if (s == NULL)
			s = stream_before(w, row);
		return stream_put(w, s != NULL ? s : stream_oldest(w),
		    warranted(w, row, need, ahead));
	}
	/* Its key was let go since: the rest of its window, once more. */
	if (s != NULL) {
		s->used = ++w->clock;
		return (struct window_ask){ row, (uint32_t)(s->next - row) };
	}
	s = stream_before(w, row);
	if (s != NULL)
		return stream_advance(w, s, row - s->next + need);

	ask.first = row;
	ask.count = at_most(row == 0 ? at_least(WINDOW_START, need) : need,
	    w->max);
	return stream_put(w, stream_oldest(w), ask);
}

bool
window_hit(struct window *w, uint64_t row, const struct pattern_ahead *ahead,
    struct window_ask *out)
{
	struct window_stream *s;

	if (w->max < 2)
		return false;
	s = stream_of(w, row);
	if (s == NULL)
		return false;
	s->used = ++w->clock;
	if (s->next - row > s->size / 2 || s->next >= ahead->end)
		return false;
	*out = ahead->sure ? stream_put(w, s, warranted(w, s->next, 1, ahead)) :
			     stream_advance(w, s, 0);
	return true;
}
