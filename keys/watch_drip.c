/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys/watch_parts.h"

/*
 * Slow copying: one-sided CUSUM over the hours (docs/watch.md, "drip").  Shares
 * are parts per billion of a version.
 */

#define HOUR 3600
#define MOST 4.0      /* of z: one hour alone is no drip */
#define NORMAL 1.4826 /* from MAD to the deviation of a normal distribution */
#define MILLION 1e6
#define PPB_OF_PPM 1000.0

static int
by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* Of n > 0, which are put in order. */
static double
median(uint32_t *x, size_t n)
{
	qsort(x, n, sizeof(*x), by_size);
	return n % 2 != 0 ? x[n / 2] : (x[n / 2 - 1] + (double)x[n / 2]) / 2;
}

/* What is usual: by its own past, once there is enough of it. */
static void
learn(const struct watch_rules *r, struct watch_drip *d)
{
	const double least = (double)r->drip_spread * PPB_OF_PPM;
	uint32_t x[WATCH_PAST];
	double spread;

	d->usual = (double)r->drip_usual * PPB_OF_PPM;
	d->spread = least;
	if (d->past_count < r->drip_past)
		return;
	memcpy(x, d->past, d->past_count * sizeof(x[0]));
	d->usual = median(x, d->past_count);
	for (size_t i = 0; i < d->past_count; i++)
		x[i] = (uint32_t)fabs((double)d->past[i] - d->usual);
	spread = NORMAL * median(x, d->past_count);
	d->spread = spread > least ? spread : least;
}

static double
z_of(const struct watch_drip *d, double x)
{
	return (x - d->usual) / d->spread;
}

static double
step(const struct watch_rules *r, double sum, double z)
{
	double s = sum + (z < MOST ? z : MOST) - (double)r->drip_k / MILLION;

	return s > 0 ? s : 0;
}

static double
share(uint64_t bytes, uint64_t weights)
{
	double x = (double)bytes / (double)weights * 1e9;

	return x < 1e9 ? x : 1e9;
}

/* The running hour is over, and so many behind it had nothing new. */
static void
close_hour(const struct watch_rules *r, struct watch_drip *d, double x,
    uint64_t idle)
{
	double z = z_of(d, x);

	d->sum = step(r, d->sum, z);
	d->taken = d->sum > 0 ? d->taken + x : 0;
	d->high = z >= (double)r->spike_z / MILLION ? d->high + 1 : 0;
	/* An attack is no past to go by. */
	if (d->sum <= (double)r->drip_h / MILLION / 2) {
		d->past[d->past_next] = (uint32_t)x;
		d->past_next = (d->past_next + 1) % WATCH_PAST;
		if (d->past_count < WATCH_PAST)
			d->past_count++;
	}
	if (idle > 0) {
		double s = d->sum +
		    (double)idle * (z_of(d, 0) - (double)r->drip_k / MILLION);

		d->sum = s > 0 ? s : 0;
		d->high = 0;
		if (s <= 0)
			d->taken = 0;
	}
	learn(r, d);
}

static void
advance(const struct watch_rules *r, struct watch_drip *d, uint64_t hour,
    uint64_t weights)
{
	if (d->spread == 0)
		learn(r, d);
	else if (hour > d->hour)
		close_hour(r, d, share(d->bytes, weights), hour - d->hour - 1);
	else
		return;
	d->hour = hour;
	d->bytes = 0;
}

/* "0.0123 %" of parts per billion. */
#define FINE 32
static const char *
fine(double ppb, char buf[static FINE])
{
	snprintf(buf, FINE, "%.4f %%", ppb / 1e7);
	return buf;
}

static int
say(struct watch *w, const struct watch_session *s,
    const struct watch_opened *v, const struct watch_reading *r,
    enum watch_rule_id rule, double score, double x, double taken)
{
	char now[FINE], usual[FINE], all[FINE], advice[WATCH_REASON];
	const struct watch_about about = {
		.rule = rule,
		.who = s->who->name,
		.model = r->of->name,
		.version = &v->version,
		.session = s->id,
		.score = score,
		.trace = &r->trace,
	};
	const char *by = r->drip.past_count >= w->rules->drip_past ?
	    "its own past" :
	    "the rules";

	if (!watch_may(w, rule, about.who, about.model))
		return 0;
	snprintf(advice, sizeof(advice), "weir grant show %" PRIu64, v->grant);
	return watch_say(w, &about, advice,
	    "%s goes on taking weights of %s that are new to it: %s this hour "
	    "where %s is usual by %s, %s since it began",
	    about.who, about.model, fine(x, now), fine(r->drip.usual, usual),
	    by, fine(taken, all));
}

int
watch_drip_release(struct watch *w, const struct watch_event *e,
    struct watch_session *s, struct watch_opened *v, struct watch_reading *r)
{
	const struct watch_rules *rules = w->rules;
	struct watch_drip *d = &r->drip;
	double x, z, sum, taken;
	int err = 0;

	advance(rules, d, w->now / HOUR, v->weights);
	d->bytes += e->fresh;
	x = share(d->bytes, v->weights);
	z = z_of(d, x);
	sum = step(rules, d->sum, z);
	taken = d->taken + x;
	if (sum >= (double)rules->drip_h / MILLION &&
	    taken >= (double)rules->drip_share * PPB_OF_PPM)
		err = say(w, s, v, r, WATCH_DRIP,
		    sum / ((double)rules->drip_h / MILLION), x, taken);
	if (err == 0 && d->past_count >= rules->drip_past &&
	    z >= (double)rules->spike_z / MILLION &&
	    d->high + 1 >= rules->spike_hours &&
	    taken >= (double)rules->spike_share * PPB_OF_PPM)
		err = say(w, s, v, r, WATCH_SPIKE,
		    z / ((double)rules->spike_z / MILLION), x, taken);
	return err;
}
