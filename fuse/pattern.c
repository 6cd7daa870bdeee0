/* SPDX-License-Identifier: Apache-2.0 */
#include "fuse/pattern.h"

#include <string.h>

#define NEAR 2	     /* times the rows of a read: so far may it overtake */
#define ALIKE 1	     /* rows that runs and strides may differ by */
#define JUMPS_MAX 16 /* a reader that changes its ways is found out soon */
#define JUMPS_RANDOM 8
#define GOES_ON 2 /* jumps that a read which goes on makes up for */

void
pattern_init(struct pattern *p)
{
	memset(p, 0, sizeof(*p));
}

static uint64_t
distance(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

/* The run that a read goes on with, or reads again the end of. */
static struct pattern_run *
run_near(struct pattern *p, uint64_t row, uint32_t count)
{
	for (size_t i = 0; i < PATTERN_RUNS; i++) {
		struct pattern_run *r = &p->runs[i];

		if (r->used != 0 &&
		    distance(row, r->next) <= (uint64_t)NEAR * count)
			return r;
	}
	return NULL;
}

static bool
is_alike(const struct pattern_step *a, const struct pattern_step *b)
{
	int64_t d = a->stride - b->stride;

	return distance(a->length, b->length) <= ALIKE && d >= -ALIKE &&
	    d <= ALIKE;
}

/* The length of the run behind the last step, or 0. */
static uint64_t
predict(const struct pattern *p)
{
	size_t n = p->step_count;

	for (size_t i = n; i-- > 1;)
		if (is_alike(&p->steps[i - 1], &p->steps[n - 1]))
			return p->steps[i].length;
	return 0;
}

/* The run that was read last has ended, as far as anybody can tell. */
static void
keep_step(struct pattern *p, uint64_t row)
{
	const struct pattern_run *r = &p->runs[p->last];
	const struct pattern_step step = { r->next - r->start,
		(int64_t)(row - r->start) };

	if (r->used == 0)
		return;
	if (p->step_count == PATTERN_STEPS) {
		memmove(&p->steps[0], &p->steps[1],
		    (PATTERN_STEPS - 1) * sizeof(p->steps[0]));
		p->step_count--;
	}
	p->steps[p->step_count++] = step;
}

static size_t
oldest(const struct pattern *p)
{
	size_t at = 0;

	for (size_t i = 1; i < PATTERN_RUNS; i++)
		if (p->runs[i].used < p->runs[at].used)
			at = i;
	return at;
}

static void
begin_run(struct pattern *p, uint64_t row, uint32_t count)
{
	keep_step(p, row);
	p->last = oldest(p);
	p->runs[p->last] = (struct pattern_run){
		.start = row,
		.next = row + count,
		.length = predict(p),
		.used = ++p->clock,
	};
	if (p->jumps < JUMPS_MAX)
		p->jumps++;
}

void
pattern_note(struct pattern *p, uint64_t row, uint32_t count)
{
	struct pattern_run *r = run_near(p, row, count);

	if (r == NULL) {
		begin_run(p, row, count);
		return;
	}
	if (row < r->start)
		r->start = row;
	if (row + count > r->next)
		r->next = row + count;
	if (r->next - r->start > r->length + ALIKE)
		r->length = 0;
	r->used = ++p->clock;
	p->last = (size_t)(r - p->runs);
	p->jumps -= p->jumps < GOES_ON ? p->jumps : GOES_ON;
}

static enum pattern_kind
kind_of(const struct pattern *p, const struct pattern_run *r)
{
	if (r->length > 0)
		return PATTERN_STRIDED;
	return p->jumps >= JUMPS_RANDOM ? PATTERN_RANDOM : PATTERN_SEQUENTIAL;
}

/* The run that holds a row: the one that was read last, if several do. */
static const struct pattern_run *
run_of(const struct pattern *p, uint64_t row)
{
	const struct pattern_run *found = NULL;

	for (size_t i = 0; i < PATTERN_RUNS; i++) {
		const struct pattern_run *r = &p->runs[i];

		if (r->used != 0 && row >= r->start && row < r->next &&
		    (found == NULL || r->used > found->used))
			found = r;
	}
	return found != NULL ? found : &p->runs[p->last];
}

enum pattern_kind
pattern_kind(const struct pattern *p)
{
	return kind_of(p, &p->runs[p->last]);
}

struct pattern_ahead
pattern_ahead(const struct pattern *p, uint64_t row)
{
	const struct pattern_run *r = run_of(p, row);

	switch (kind_of(p, r)) {
	case PATTERN_STRIDED:
		return (struct pattern_ahead){ r->start + r->length, true };
	case PATTERN_RANDOM:
		return (struct pattern_ahead){ row, false };
	case PATTERN_SEQUENTIAL:
		break;
	}
	return (struct pattern_ahead){ UINT64_MAX, false };
}
