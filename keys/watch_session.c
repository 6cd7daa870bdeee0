/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys/watch_parts.h"

/* What an honest worker has read of what it asked for, at least. */
#define READ_PART 8

static int
opens_revoked(struct watch *w, const struct watch_session *s,
    const struct watch_opened *o, const struct watch_version *v)
{
	const uint64_t revoked = v->revoked - 1;
	char advice[WATCH_REASON];
	const struct watch_about about = {
		.rule = WATCH_REVOKED_VERSION,
		.who = s->who->name,
		.model = o->model->name,
		.version = &v->digest,
		.session = s->id,
		.score = 1,
		.entries = &revoked,
		.entry_count = 1,
	};

	if (!watch_may(w, about.rule, about.who, about.model))
		return 0;
	watch_advice(advice, "weir session close %" PRIu64 " --reason revoked",
	    s->id);
	return watch_say(w, &about, advice,
	    "%s reads a version of %s that was revoked (entry %" PRIu64 ")",
	    about.who, about.model, revoked);
}

/* By its digest, under a grant that does not name it, and new to who reads it:
 * a job that goes on with what it began with is no such thing. */
static int
opens_older(struct watch *w, const struct watch_session *s,
    const struct watch_opened *o, const struct watch_version *v, bool known)
{
	const struct watch_grant *g = watch_state_find_grant(w, o->grant);
	const uint64_t entries[] = { v->by };
	char advice[WATCH_REASON];
	const struct watch_about about = {
		.rule = WATCH_OLDER_VERSION,
		.who = s->who->name,
		.model = o->model->name,
		.version = &v->digest,
		.session = s->id,
		.score = 1,
		.entries = entries,
		.entry_count = 1,
	};

	if (known || g == NULL || g->exact || v->superseded == 0 ||
	    w->now - v->superseded < w->rules->older_after ||
	    !watch_may(w, about.rule, about.who, about.model))
		return 0;
	watch_advice(advice, "weir session show %" PRIu64, s->id);
	return watch_say(w, &about, advice,
	    "%s opened an older version of %s by its digest: entry %" PRIu64
	    " put a newer one, %" PRIu64 " h before, and %s had not read this "
	    "one until then",
	    about.who, about.model, v->by, (w->now - v->superseded) / 3600,
	    about.who);
}

/* One that is not remembered is older than all that are, and gave way to one of
 * them at the latest when the last one that was forgotten did. */
static struct watch_version
forgotten(const struct watch_opened *o)
{
	struct watch_version v = o->model->lost;

	v.digest = o->version;
	v.revoked = 0;
	return v;
}

static int
check_opened(struct watch *w, const struct watch_event *e,
    struct watch_session *s, struct watch_opened *o, bool by_digest)
{
	const struct watch_version *v;
	const struct watch_version old = forgotten(o);
	struct watch_seen *seen = &s->who->versions;
	uint64_t name;
	bool known;
	int err = 0;

	memcpy(&name, o->version.bytes, sizeof(name));
	known = watch_state_has_seen(seen, name);
	(void)watch_state_saw(seen, name, w->now, e->index, UINT64_MAX);
	v = watch_state_version(o->model, &o->version);
	if (v == NULL)
		return by_digest ? opens_older(w, s, o, &old, known) : 0;
	o->weights = v->weights;
	if (v->revoked != 0)
		err = opens_revoked(w, s, o, v);
	if (err == 0 && by_digest)
		err = opens_older(w, s, o, v, known);
	return err;
}

static int
opened(struct watch *w, const struct watch_event *e, struct watch_session *s)
{
	struct watch_event_version v;
	int err = 0;

	for (size_t i = 0; err == 0 && i < s->count; i++) {
		struct watch_opened *o = &s->versions[i];
		struct watch_what *m;

		if (!watch_event_version(e, i, &v))
			continue;
		err = watch_state_what(w, v.model, &m);
		if (err != 0)
			return err;
		watch_state_opened(w, o, m);
		o->version = v.version;
		o->grant = v.grant;
		o->type = v.type;
		err = check_opened(w, e, s, o,
		    v.channel == NULL || v.channel[0] == '\0');
	}
	return err;
}

int
watch_session_open(struct watch *w, const struct watch_event *e)
{
	struct watch_event_version v;
	struct watch_session *s;
	struct watch_who *who;
	size_t n = 0;
	int err;

	if (e->principal == NULL)
		return 0;
	while (n < MSG_VERSIONS_MAX && watch_event_version(e, n, &v))
		n++;
	err = watch_state_who(w, e->principal, &who);
	if (err == 0)
		err = watch_state_session(w, e->session, who, n, &s);
	if (err != 0)
		return err;
	s->index = e->index;
	s->host = watch_browse_host(e->host);
	if (e->by != NULL && strcmp(e->by, e->principal) == 0)
		s->own_uid = e->uid;
	watch_trace_add(&s->trace, e->index);
	w->kept = s;
	err = opened(w, e, s);
	w->kept = NULL;
	return err;
}

const char *
watch_session_model(const struct watch_session *s)
{
	return s->count > 0 && s->versions[0].model != NULL ?
	    s->versions[0].model->name :
	    NULL;
}

/*
 * A worker that ends by itself tells of all reads first, and reads ahead by no
 * more than it has read; one that was killed owes the last second.
 */
static bool
is_unread(const struct watch *w, const struct watch_session *s, bool closed)
{
	uint64_t all = s->released > s->read ? s->released - s->read : 0;
	uint64_t old = s->settled > s->read ? s->settled - s->read : 0;

	if (closed && all > w->rules->unread_slack &&
	    s->read < s->released / READ_PART)
		return true;
	return old > w->rules->unread_slack || all > w->rules->unread_most;
}

static int
check_unread(struct watch *w, const struct watch_session *s,
    const struct watch_event *e)
{
	bool closed = e->by != NULL && strcmp(e->by, "keyd") != 0;
	uint64_t all = s->released > s->read ? s->released - s->read : 0;
	const char *why = e->reason;
	char advice[WATCH_REASON];
	const struct watch_about about = {
		.rule = WATCH_UNREAD_RELEASES,
		.who = s->who->name,
		.model = watch_session_model(s),
		.session = s->id,
		.score = (double)all / (double)(w->rules->unread_most + 1),
		.trace = &s->trace,
	};

	if (!is_unread(w, s, closed) ||
	    !watch_may(w, about.rule, about.who, about.model))
		return 0;
	watch_advice(advice, "weir session show %" PRIu64, s->id);
	return watch_say(w, &about, advice,
	    "session %" PRIu64 " of %s ended (%s) with keys to %" PRIu64
	    " MB that its worker never told of as read, of %" PRIu64
	    " MB: look at the host, the worker may have been taken over",
	    s->id, about.who, why != NULL ? why : "no reason", all / 1000000,
	    s->released / 1000000);
}

int
watch_session_close(struct watch *w, const struct watch_event *e)
{
	struct watch_session *s = watch_state_find_session(w, e->session);
	int err;

	if (s == NULL)
		return 0;
	err = check_unread(w, s, e);
	s->who->closed_ms = e->time_ms;
	s->who->closed_session = s->id;
	s->who->closed_index = e->index;
	watch_state_session_end(w, s);
	return err;
}

/* ---- reads ---- */

static int
other_reader(struct watch *w, struct watch_session *s, uint32_t uid)
{
	char advice[WATCH_REASON];
	const struct watch_about about = {
		.rule = WATCH_OTHER_READER,
		.who = s->who->name,
		.model = watch_session_model(s),
		.session = s->id,
		.score = 1,
		.entries = &s->index,
		.entry_count = 1,
	};

	if (!watch_may(w, about.rule, about.who, about.model))
		return 0;
	watch_advice(advice, "weir session close %" PRIu64 " --reason TEXT",
	    s->id);
	return watch_say(w, &about, advice,
	    "uid %u reached into session %" PRIu64 " of %s, whose uid is %lld: "
	    "an open file was handed on",
	    uid, s->id, about.who, (long long)s->own_uid);
}

int
watch_session_extents(struct watch *w, const struct watch_event *e)
{
	struct watch_session *s = watch_state_find_session(w, e->session);

	if (s == NULL)
		return 0;
	s->read += e->read_bytes;
	for (unsigned int i = 0; i < e->reader_count; i++) {
		if (s->own_uid < 0)
			s->own_uid = e->readers[i];
		if (s->own_uid != e->readers[i])
			return other_reader(w, s, e->readers[i]);
	}
	return 0;
}

int
watch_session_exe(struct watch *w, const struct watch_event *e)
{
	const struct watch_session *s = watch_state_find_session(w, e->session);
	char advice[WATCH_REASON];
	struct watch_about about = {
		.rule = WATCH_UNLISTED_EXE,
		.session = e->session,
		.score = 1,
	};

	if (s == NULL || !e->unlisted)
		return 0;
	about.who = s->who->name;
	about.model = watch_session_model(s);
	about.entries = &s->index;
	about.entry_count = 1;
	if (!watch_may(w, about.rule, about.who, about.model))
		return 0;
	watch_advice(advice, "weir session show %" PRIu64, s->id);
	return watch_say(w, &about, advice,
	    "%s reads through session %" PRIu64 " of %s, which is none of the "
	    "programs that its grant lists",
	    e->exe != NULL ? e->exe : "a program that could not be seen", s->id,
	    about.who);
}

static int
touches_decoy(struct watch *w, const struct watch_session *s,
    const struct watch_opened *o)
{
	char advice[WATCH_REASON];
	const struct watch_about about = {
		.rule = WATCH_DECOY,
		.who = s->who->name,
		.model = o->model->name,
		.version = &o->version,
		.session = s->id,
		.score = 1,
		.entries = &s->index,
		.entry_count = 1,
	};

	if (!watch_may(w, about.rule, about.who, about.model))
		return 0;
	watch_advice(advice, "weir session close %" PRIu64 " --reason decoy",
	    s->id);
	return watch_say(w, &about, advice,
	    "%s was given a chunk of %s, which is a decoy: nobody has reason "
	    "to read it",
	    about.who, about.model);
}

static struct watch_opened *
version_of(struct watch_session *s, const struct digest *d)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->versions[i].model != NULL &&
		    digest_equal(&s->versions[i].version, d))
			return &s->versions[i];
	return NULL;
}

/* What is exact about a release: a decoy, a version that was revoked. */
static int
check_facts(struct watch *w, const struct watch_session *s,
    const struct watch_opened *o)
{
	const struct watch_version *v;
	int err = 0;

	if (o->model->decoy)
		err = touches_decoy(w, s, o);
	if (err != 0 || !o->model->revoked)
		return err;
	v = watch_state_version(o->model, &o->version);
	return v != NULL && v->revoked != 0 ? opens_revoked(w, s, o, v) : 0;
}

/* 0: not known. */
static uint64_t
weights_of(const struct watch_opened *o)
{
	const struct watch_version *v = watch_state_version(o->model,
	    &o->version);

	return v != NULL ? v->weights : 0;
}

int
watch_session_release(struct watch *w, const struct watch_event *e)
{
	struct watch_session *s = watch_state_find_session(w, e->session);
	struct watch_opened *o;
	int err;

	if (s == NULL)
		return 0;
	if (w->now - s->step_clock >= w->rules->unread_lag) {
		s->settled = s->step_released;
		s->step_clock = w->now;
	}
	s->released += e->bytes;
	if (w->now == s->step_clock)
		s->step_released = s->released;
	watch_trace_add(&s->trace, e->index);
	o = version_of(s, &e->version);
	if (o == NULL)
		return 0;
	if (o->weights == 0)
		o->weights = weights_of(o);
	err = check_facts(w, s, o);
	if (err != 0)
		return err;
	return o->type == MSG_GRANT_LOAD ? watch_browse_load(w, e, s, o) :
					   watch_browse_release(w, e, s, o);
}
