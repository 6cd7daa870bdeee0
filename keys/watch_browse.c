/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys/watch_parts.h"

#define MONTH UINT64_C(2592000)

static const uint64_t lengths[WATCH_WINDOWS] = { 60, 3600, 86400, 604800,
	MONTH };
static const char *const names[WATCH_WINDOWS] = { "minute", "hour", "day",
	"7 days", "30 days" };

/* Whether bytes are at least this share of the weights. */
static bool
reaches(uint64_t bytes, uint64_t weights, uint64_t ppm)
{
	return weights > 0 &&
	    (unsigned __int128)bytes * WATCH_PPM >=
	    (unsigned __int128)weights * ppm;
}

static uint64_t
ppm_of(uint64_t bytes, uint64_t weights)
{
	return (uint64_t)((unsigned __int128)bytes * WATCH_PPM / weights);
}

static void
ring_add(struct watch_ring *r, uint64_t now, uint64_t length, uint64_t bytes)
{
	uint64_t unit = now / (length / WATCH_BUCKETS);
	uint64_t passed = unit - r->unit;

	if (passed >= WATCH_BUCKETS) {
		memset(r->buckets, 0, sizeof(r->buckets));
		r->sum = 0;
		r->unit = unit;
	}
	for (; r->unit < unit; r->unit++) {
		uint64_t *next = &r->buckets[(r->unit + 1) % WATCH_BUCKETS];

		r->sum -= *next;
		*next = 0;
	}
	r->buckets[unit % WATCH_BUCKETS] += bytes;
	r->sum += bytes;
}

/* What most of these alerts are about. */
static struct watch_about
about_of(enum watch_rule_id rule, const struct watch_session *s,
    const struct watch_opened *v, const struct watch_reading *r)
{
	return (struct watch_about){
		.rule = rule,
		.who = s->who->name,
		.model = v->model->name,
		.version = &v->version,
		.session = s->id,
		.trace = r != NULL ? &r->trace : &s->trace,
	};
}

static const char *
show_grant(const struct watch_opened *v, char advice[static WATCH_REASON])
{
	snprintf(advice, WATCH_REASON, "weir grant show %" PRIu64, v->grant);
	return advice;
}

/* ---- shares ---- */

static int
check_half(struct watch *w, const struct watch_session *s,
    const struct watch_opened *v, const struct watch_reading *r)
{
	struct watch_about about = about_of(WATCH_BROWSE_HALF, s, v, r);
	char used[WATCH_SHARE], advice[WATCH_REASON];

	if (r->used_ppm < w->rules->browse_half ||
	    !watch_may(w, about.rule, about.who, about.model))
		return 0;
	about.score = (double)r->used_ppm / (double)w->rules->browse_half;
	return watch_say(w, &about, show_grant(v, advice),
	    "%s has read %s of the weights of %s in 30 days, by browsing; at 2 "
	    "%% keyd gives it nothing more",
	    about.who, watch_share_text(r->used_ppm, used), about.model);
}

static int
check_burst(struct watch *w, const struct watch_event *e,
    const struct watch_session *s, const struct watch_opened *v,
    struct watch_reading *r)
{
	struct watch_about about = about_of(WATCH_BURST, s, v, r);
	char had[WATCH_SHARE], limit[WATCH_SHARE], advice[WATCH_REASON];
	int met = -1;

	for (int i = 0; i < WATCH_WINDOWS; i++) {
		ring_add(&r->rings[i], w->now, lengths[i], e->fresh);
		if (met < 0 &&
		    reaches(r->rings[i].sum, v->weights, w->rules->burst[i]))
			met = i;
	}
	if (met < 0 || !watch_may(w, about.rule, about.who, about.model))
		return 0;
	about.score = (double)ppm_of(r->rings[met].sum, v->weights) /
	    (double)w->rules->burst[met];
	return watch_say(w, &about, show_grant(v, advice),
	    "%s has read %s of the weights of %s within 1 %s, all new to it; "
	    "%s is much for who browses",
	    about.who,
	    watch_share_text(ppm_of(r->rings[met].sum, v->weights), had),
	    about.model, met < WATCH_WEEK ? names[met] : names[met] + 2,
	    watch_share_text(w->rules->burst[met], limit));
}

/* Who used up most of it, as text; the number of all. */
#define CONTRIBUTORS 3
static unsigned int
contributors(const struct watch *w, const struct watch_what *m,
    char out[static 300])
{
	const struct watch_reading *best[CONTRIBUTORS] = { NULL }, *r, *next;
	char used[WATCH_SHARE];
	unsigned int all = 0;
	int at = 0;

	HASH_ITER(hh, w->by_pair, r, next) {
		unsigned int i = CONTRIBUTORS;

		if (r->of != m || r->used_ppm == 0 ||
		    w->now - r->used_clock > MONTH)
			continue;
		all++;
		while (i > 0 &&
		    (best[i - 1] == NULL ||
			best[i - 1]->used_ppm < r->used_ppm)) {
			if (i < CONTRIBUTORS)
				best[i] = best[i - 1];
			i--;
		}
		if (i < CONTRIBUTORS)
			best[i] = r;
	}
	out[0] = '\0';
	for (int i = 0; i < CONTRIBUTORS && best[i] != NULL && at < 200; i++)
		at += snprintf(out + at, 300 - (size_t)at, "%s%.80s %s",
		    i > 0 ? ", " : "", best[i]->by->name,
		    watch_share_text(best[i]->used_ppm, used));
	return all;
}

static int
check_pool(struct watch *w, const struct watch_event *e,
    const struct watch_session *s, const struct watch_opened *v)
{
	bool narrow = e->pool_ppm >= w->rules->pool_narrow;
	struct watch_about about = about_of(narrow ? WATCH_POOL_NARROW :
						     WATCH_POOL_NEAR,
	    s, v, NULL);
	char pool[WATCH_SHARE], who[300], advice[WATCH_REASON];
	unsigned int all;

	about.who = NULL;
	about.trace = &v->model->pool;
	if (e->pool_ppm < w->rules->pool_near ||
	    !watch_may(w, about.rule, NULL, about.model))
		return 0;
	about.score = (double)e->pool_ppm / (double)w->rules->pool_narrow;
	all = contributors(w, v->model, who);
	snprintf(advice, sizeof(advice), "weir audit ls --model %s --since 30d",
	    about.model);
	return watch_say(w, &about, advice,
	    "all %u who browse %s have read %s of its weights together in 30 "
	    "days (from 3 %% on only those below 0.2 %% go on); most: %s",
	    all, about.model, watch_share_text(e->pool_ppm, pool), who);
}

/* ---- shapes ---- */

static int
check_models(struct watch *w, const struct watch_event *e,
    const struct watch_session *s, const struct watch_opened *v,
    const struct watch_reading *r)
{
	struct watch_about about = about_of(WATCH_MANY_MODELS, s, v, r);
	uint64_t entries[WATCH_ENTRIES];
	struct watch_seen *seen = &s->who->models;
	char advice[WATCH_REASON];
	unsigned int n = watch_state_saw(seen, v->model->id, w->now, e->index,
	    w->rules->models_window);

	about.model = NULL;
	about.version = NULL;
	if (n < w->rules->models_count ||
	    !watch_may(w, about.rule, about.who, NULL))
		return 0;
	for (unsigned int i = 0; i < n && i < WATCH_ENTRIES; i++)
		entries[about.entry_count++] = seen->items[i].index;
	about.entries = entries;
	about.trace = NULL;
	about.score = (double)n / (double)w->rules->models_count;
	snprintf(advice, sizeof(advice), "weir audit ls --by %s --since 1d",
	    about.who);
	return watch_say(w, &about, advice,
	    "%s browsed weights of %u models within %" PRIu64 " h; %" PRIu64
	    " are many",
	    about.who, n, w->rules->models_window / 3600,
	    w->rules->models_count);
}

/* From 0 on without gaps, as who copies does. */
static int
check_crawl(struct watch *w, const struct watch_event *e,
    const struct watch_session *s, const struct watch_opened *v,
    struct watch_reading *r)
{
	struct watch_about about = about_of(WATCH_CRAWL, s, v, r);
	char had[WATCH_SHARE], advice[WATCH_REASON];

	if (e->first != r->crawl_next || r->crawl_count == 0)
		r->crawl_bytes = r->crawl_count = 0;
	r->crawl_next = e->first + e->count;
	r->crawl_bytes += e->fresh;
	r->crawl_count++;
	if (r->crawl_count < w->rules->crawl_releases ||
	    !reaches(r->crawl_bytes, v->weights, w->rules->crawl_share) ||
	    !watch_may(w, about.rule, about.who, about.model))
		return 0;
	about.score = (double)ppm_of(r->crawl_bytes, v->weights) /
	    (double)w->rules->crawl_share;
	return watch_say(w, &about, show_grant(v, advice),
	    "%s reads %s from front to back: %s of its weights in %" PRIu64
	    " releases, each where the one before it ended",
	    about.who, about.model,
	    watch_share_text(ppm_of(r->crawl_bytes, v->weights), had),
	    r->crawl_count);
}

/* FNV-1a: two names that fall together are counted as one. */
uint64_t
watch_browse_host(const char *name)
{
	uint64_t host = UINT64_C(14695981039346656037);

	if (name == NULL)
		return 0;
	for (const char *c = name; *c != '\0'; c++)
		host = (host ^ (unsigned char)*c) * UINT64_C(1099511628211);
	return host;
}

/* Where weights are browsed: a smoke test on many runners takes none. */
static int
check_hosts(struct watch *w, const struct watch_event *e,
    const struct watch_session *s, const struct watch_opened *v,
    const struct watch_reading *r)
{
	struct watch_about about = about_of(WATCH_MANY_HOSTS, s, v, r);
	struct watch_seen *seen = &s->who->hosts;
	uint64_t entries[WATCH_ENTRIES];
	char advice[WATCH_REASON];
	unsigned int n;

	if (s->host == 0)
		return 0;
	about.model = NULL;
	about.version = NULL;
	n = watch_state_saw(seen, s->host, w->now, e->index,
	    w->rules->hosts_window);
	if (n < w->rules->hosts_count ||
	    !watch_may(w, about.rule, about.who, NULL))
		return 0;
	for (unsigned int i = 0; i < n && i < WATCH_ENTRIES; i++)
		entries[about.entry_count++] = seen->items[i].index;
	about.entries = entries;
	about.trace = NULL;
	about.score = (double)n / (double)w->rules->hosts_count;
	snprintf(advice, sizeof(advice), "weir audit ls --by %s --since 1d",
	    about.who);
	return watch_say(w, &about, advice,
	    "%s browsed weights from %u hosts within %" PRIu64 " h; %" PRIu64
	    " are many for one who looks around",
	    about.who, n, w->rules->hosts_window / 3600, w->rules->hosts_count);
}

/* ---- releases ---- */

int
watch_browse_load(struct watch *w, const struct watch_event *e,
    const struct watch_session *s, struct watch_opened *v)
{
	struct watch_about about = about_of(WATCH_REPEATS, s, v, NULL);
	char had[WATCH_SHARE], advice[WATCH_REASON];

	if (e->weights <= e->fresh)
		return 0;
	v->repeats += e->weights - e->fresh;
	if (!reaches(v->repeats, v->weights, w->rules->repeats_share) ||
	    !watch_may(w, about.rule, about.who, about.model))
		return 0;
	about.score = (double)ppm_of(v->repeats, v->weights) /
	    (double)w->rules->repeats_share;
	return watch_say(w, &about, show_grant(v, advice),
	    "session %" PRIu64 " of %s, which may load %s, was given %s of its "
	    "weights again after it had them",
	    s->id, about.who, about.model,
	    watch_share_text(ppm_of(v->repeats, v->weights), had));
}

int
watch_browse_release(struct watch *w, const struct watch_event *e,
    struct watch_session *s, struct watch_opened *v)
{
	struct watch_reading *r;
	int err;

	if (e->weights == 0)
		return 0;
	err = watch_state_reading(w, s, v, &r);
	if (err != 0)
		return err;
	r->used_ppm = e->used_ppm;
	r->used_clock = w->now;
	if (e->fresh == 0)
		return check_half(w, s, v, r);
	watch_trace_add(&r->trace, e->index);
	watch_trace_add(&v->model->pool, e->index);
	err = check_half(w, s, v, r);
	if (err == 0)
		err = check_pool(w, e, s, v);
	if (err == 0)
		err = check_models(w, e, s, v, r);
	if (err == 0)
		err = check_hosts(w, e, s, v, r);
	if (err != 0 || v->weights == 0)
		return err;
	err = check_burst(w, e, s, v, r);
	if (err == 0)
		err = check_crawl(w, e, s, v, r);
	return err == 0 ? watch_drip_release(w, e, s, v, r) : err;
}
