/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "keys/broker_budget.h"
#include "keys/broker_state.h"
#include "keys/broker_trust.h"
#include "keys/grant.h"
#include "vault/err.h"
#include "vault/log.h"

#define EXPIRED "its grants have expired"
#define REASON 64 /* bytes of why keyd ends a session */

static const char hours_over[] = "the granted hours are over";

static const char was_revoked[] = "a version of it was revoked";

static void
state_free(struct broker_session *s)
{
	session_free(s->s);
	free(s->versions);
	free(s);
}

struct broker_session *
broker_session_find(struct broker *b, uint64_t id)
{
	struct broker_session *s;

	HASH_FIND(hh, b->sessions, &id, sizeof(id), s);
	return s;
}

struct broker_session *
broker_session_of(const struct broker_link *l, uint64_t id)
{
	const struct broker_hold *h;

	LIST_FOREACH(h, &l->holds, of_link)
		if (h->session->id == id)
			return h->session;
	return NULL;
}

static int
find_versions(struct broker *b, struct broker_session *s)
{
	s->versions = calloc(s->s->count, sizeof(*s->versions));
	if (s->versions == NULL)
		return s->s->count == 0 ? 0 : ERR_NOMEM;
	for (uint16_t i = 0; i < s->s->count; i++) {
		const struct session_version *sv = &s->s->versions[i];
		struct catalogue_version v;
		int err = catalogue_version_get(b->how.catalogue, sv->model,
		    &sv->version, &v);

		if (err == ERR_NOT_FOUND)
			return log_err(ERR_INTEGRITY,
			    "the catalogue lacks a version of session %ju",
			    (uintmax_t)s->id);
		if (err != 0)
			return err;
		s->versions[i] = (struct broker_version){
			.object = v.object,
			.upload = v.upload,
			.created_ms = v.created_ms,
		};
	}
	return 0;
}

/* When the last of its grants ends, or the hours in which it holds.  One that
 * was removed is another matter. */
static int
find_end(struct broker *b, struct broker_session *s)
{
	int64_t now = broker_record_clock();

	for (uint16_t i = 0; i < s->s->count; i++) {
		struct grant g;
		int64_t ends;
		int err = catalogue_grant_get(b->how.catalogue,
		    s->s->versions[i].grant, &g);

		if (err != 0 && err != ERR_NOT_FOUND)
			return err;
		ends = err == 0 ? grant_ends(&g, now) : 0;
		if (ends == 0) {
			s->expires_ms = 0;
			return 0;
		}
		if (ends > s->expires_ms) {
			s->expires_ms = ends;
			s->ends_with_hours = ends != g.until_ms;
		}
	}
	return 0;
}

int
broker_session_load(struct broker *b, struct session *session,
    struct broker_session **out)
{
	struct broker_session *s = calloc(1, sizeof(*s));
	int err;

	if (s == NULL) {
		session_free(session);
		return ERR_NOMEM;
	}
	s->id = session->id;
	s->s = session;
	s->alone_since_ms = b->now_ms;
	LIST_INIT(&s->holds);
	err = find_versions(b, s);
	if (err == 0)
		err = find_end(b, s);
	if (err != 0) {
		state_free(s);
		return err;
	}
	HASH_ADD(hh, b->sessions, id, sizeof(s->id), s);
	if (s->hh.tbl == NULL) {
		state_free(s);
		return ERR_NOMEM;
	}
	*out = s;
	return 0;
}

static int
load_one(void *arg, struct session *session)
{
	struct broker_session *s;

	return broker_session_load(arg, session, &s);
}

int
broker_session_load_all(struct broker *b)
{
	return catalogue_session_each(b->how.catalogue, 0, load_one, b);
}

void
broker_session_free_all(struct broker *b)
{
	struct broker_session *s, *next;

	HASH_ITER(hh, b->sessions, s, next) {
		HASH_DEL(b->sessions, s);
		state_free(s);
	}
}

int
broker_session_hold(struct broker_link *l, struct broker_session *s)
{
	struct broker_hold *h;

	if (broker_session_of(l, s->id) != NULL)
		return 0;
	if (l->holds_count == BROKER_ATTACHED_MAX)
		return ERR_LIMIT;
	h = calloc(1, sizeof(*h));
	if (h == NULL)
		return ERR_NOMEM;
	h->link = l;
	h->session = s;
	LIST_INSERT_HEAD(&l->holds, h, of_link);
	LIST_INSERT_HEAD(&s->holds, h, of_session);
	l->holds_count++;
	s->was_held = true;
	return 0;
}

static void
drop_hold(struct broker_hold *h)
{
	struct broker_session *s = h->session;
	int64_t now = h->link->b->now_ms;

	if (s->ended)
		h->link->ended_count--;
	else
		h->link->holds_count--;
	LIST_REMOVE(h, of_link);
	LIST_REMOVE(h, of_session);
	free(h);
	if (!LIST_EMPTY(&s->holds))
		return;
	s->alone_since_ms = now;
	if (s->ended)
		state_free(s);
}

void
broker_session_let_go(struct broker_link *l)
{
	struct broker_hold *h;

	while ((h = LIST_FIRST(&l->holds)) != NULL)
		drop_hold(h);
}

/* A session of the link has ended: it is kept for what the link may still
 * report, the last ones of many. */
static void
count_ended(struct broker_hold *ended)
{
	struct broker_link *l = ended->link;
	struct broker_hold *h, *oldest = ended;

	/* To the front: the last one that has ended is the oldest of them. */
	LIST_REMOVE(ended, of_link);
	LIST_INSERT_HEAD(&l->holds, ended, of_link);
	l->holds_count--;
	if (++l->ended_count <= BROKER_ATTACHED_MAX)
		return;
	LIST_FOREACH(h, &l->holds, of_link)
		if (h->session->ended)
			oldest = h;
	drop_hold(oldest);
}

static void
tell(const struct broker_session *s, struct broker_link *l, const char *reason)
{
	OWNED_WRITER w = writer_of(FRAME_BUFFER);
	OWNED_MEM(char) copy = strdup(reason);
	const struct msg_id_reason m = { .id = s->id, .reason = copy };

	frame_begin(&w, MSG_EVENT_SESSION_ENDED, 0);
	msg_id_reason_write(&w, &m);
	if (frame_end(&w) == 0)
		l->b->how.send(l->arg, w.bytes, w.length);
}

void
broker_session_ended(struct broker *b, struct broker_session *s,
    const struct broker_link *from, const char *reason)
{
	struct broker_hold *h, *next;

	HASH_DEL(b->sessions, s);
	s->ended = true;
	broker_budget_session_end(b, s->id);
	LIST_FOREACH(h, &s->holds, of_session)
		if (h->link != from)
			tell(s, h->link, reason);
	if (LIST_EMPTY(&s->holds)) {
		state_free(s);
		return;
	}
	for (h = LIST_FIRST(&s->holds); h != NULL; h = next) {
		next = LIST_NEXT(h, of_session);
		count_ended(h);
	}
}

static int
append_close(struct broker *b, uint64_t id, const char *reason,
    struct broker_pending **out)
{
	OWNED_ENTRY e = { 0 };

	broker_record_begin(&e, ENTRY_SESSION_CLOSE);
	entry_number(&e, "session", id);
	entry_text(&e, "reason", reason);
	entry_number(&e, "clock", broker_budget_clock(b));
	return broker_record_later(b, &e, out);
}

/*
 * End it now, and have the close recorded: many may end at once, and one sync
 * does for all of them.  An end that cannot be recorded ends keyd; the next
 * start finds it again.
 */
static int
end(struct broker *b, struct broker_session *s, const char *reason,
    struct broker_pending **last)
{
	int err;

	*last = NULL;
	err = append_close(b, s->id, reason, last);
	if (err == ERR_CONFLICT) {
		/* The trail's queue is full; it empties. */
		err = broker_record_drain(b);
		if (err == 0)
			err = append_close(b, s->id, reason, last);
	}
	if (err != 0) {
		broker_record_failed(b, err,
		    "the end of a session cannot be recorded");
		return ERR_IO;
	}
	broker_session_ended(b, s, NULL, reason);
	return 0;
}

int
broker_session_end(struct broker *b, struct broker_session *s,
    const char *reason)
{
	struct broker_pending *close;

	return end(b, s, reason, &close);
}

void
broker_session_give_up(struct broker *b, uint64_t id,
    const struct broker_link *opener)
{
	static const char reason[] = "it could not be opened";
	struct broker_session *s = broker_session_find(b, id);
	struct broker_pending *close;
	int err = append_close(b, id, reason, &close);

	if (err != 0)
		broker_record_failed(b, err,
		    "the end of a session cannot be recorded");
	else if (s != NULL)
		broker_session_ended(b, s, opener, reason);
}

static void
removed(char *reason, uint64_t grant)
{
	snprintf(reason, REASON, "grant %ju was removed", (uintmax_t)grant);
}

static bool
rests_on(const struct broker_session *s, uint64_t grant)
{
	for (uint16_t i = 0; i < s->s->count; i++)
		if (s->s->versions[i].grant == grant)
			return true;
	return false;
}

/* Whether the program that mounted has gone, as far as this host can tell. */
static bool
process_gone(const struct session *s)
{
	char host[HOST_NAME_MAX + 1];

	if (s->pid == 0 || s->pid > INT_MAX ||
	    gethostname(host, sizeof(host)) != 0 || strcmp(host, s->host) != 0)
		return false;
	return kill((pid_t)s->pid, 0) != 0 && errno == ESRCH;
}

/* Nobody holds it any more.  One that nobody has resumed yet, since keyd
 * started, may belong to a mount that is about to. */
static bool
is_left(const struct broker_session *s)
{
	return LIST_EMPTY(&s->holds) && (s->was_held || process_gone(s->s));
}

uint32_t
broker_session_under(void *arg, uint64_t grant)
{
	const struct broker *b = arg;
	const struct broker_session *s, *next;
	uint32_t n = 0;

	HASH_ITER(hh, b->sessions, s, next)
		n += rests_on(s, grant) && !is_left(s);
	return n;
}

int
broker_session_end_left(struct broker *b, uint64_t grant)
{
	struct broker_session *s, *next;
	int err = 0;

	HASH_ITER(hh, b->sessions, s, next)
		if (err == 0 && is_left(s) &&
		    (grant == 0 || rests_on(s, grant)))
			err = broker_session_end(b, s, "its client has gone");
	return err;
}

int
broker_session_end_all(struct broker *b, const char *reason, uint64_t *count)
{
	struct broker_session *s, *next;
	int err = 0;

	HASH_ITER(hh, b->sessions, s, next) {
		if (err == 0)
			err = broker_session_end(b, s, reason);
		if (err == 0)
			(*count)++;
	}
	return err;
}

int
broker_session_end_for_grant(struct broker *b, uint64_t grant,
    struct broker_pending **last)
{
	struct broker_session *s, *next;
	char reason[REASON];
	int err = 0;

	removed(reason, grant);
	HASH_ITER(hh, b->sessions, s, next)
		if (err == 0 && rests_on(s, grant))
			err = end(b, s, reason, last);
	return err;
}

static bool
reads(const struct broker_session *s, const char *model,
    const struct digest *version)
{
	for (uint16_t i = 0; i < s->s->count; i++)
		if (strcmp(s->s->versions[i].model, model) == 0 &&
		    digest_equal(&s->s->versions[i].version, version))
			return true;
	return false;
}

const struct broker_session *
broker_session_reader(const struct broker *b, const char *model,
    const struct digest *version)
{
	const struct broker_session *s, *next;

	HASH_ITER(hh, b->sessions, s, next)
		if (reads(s, model, version))
			return s;
	return NULL;
}

int
broker_session_end_for_version(struct broker *b, const char *model,
    const struct digest *version, struct broker_pending **last)
{
	struct broker_session *s, *next;
	int err = 0;

	HASH_ITER(hh, b->sessions, s, next)
		if (err == 0 && reads(s, model, version))
			err = end(b, s, was_revoked, last);
	return err;
}

/* With the newest root; NULL: nobody can have revoked anything. */
static int
is_revoked(struct broker *b, const struct trust_root *r,
    const struct session_version *v, bool *out)
{
	struct trust_want want = broker_trust_want(b, v->model, NULL,
	    &v->version);
	OWNED_BELIEF belief = { 0 };
	int err = 0;

	if (r != NULL)
		err = broker_trust_believe(b, r, &want, &belief);
	*out = err == 0 && r != NULL && belief.verdict == TRUST_REVOKED;
	return err;
}

/* Why it is not to go on, if so: a grant of it was removed, or all
 * that it rests on have expired or are outside their hours, or a
 * version of it was revoked. */
static int
judge(struct broker *b, const struct trust_root *r,
    const struct broker_session *s, char *reason)
{
	int64_t now = broker_record_clock();
	enum grant_answer why = GRANT_OK;
	uint16_t over = 0;
	bool revoked = false;

	*reason = '\0';
	for (uint16_t i = 0; i < s->s->count; i++) {
		uint64_t grant = s->s->versions[i].grant;
		struct grant g;
		int err = catalogue_grant_get(b->how.catalogue, grant, &g);

		if (err == ERR_NOT_FOUND) {
			removed(reason, grant);
			return 0;
		}
		if (err == 0)
			err = is_revoked(b, r, &s->s->versions[i], &revoked);
		if (err != 0)
			return err;
		if (revoked) {
			snprintf(reason, REASON, "%s", was_revoked);
			return 0;
		}
		if (grant_stands(&g, now) != GRANT_OK) {
			why = grant_stands(&g, now);
			over++;
		}
	}
	if (s->s->count > 0 && over == s->s->count)
		snprintf(reason, REASON, "%s",
		    why == GRANT_HOURS ? hours_over : EXPIRED);
	return 0;
}

int
broker_session_end_unfounded(struct broker *b)
{
	OWNED(trust_root) root = NULL;
	struct broker_session *s, *next;
	char reason[REASON];
	int err = broker_trust_root(b, &root);

	HASH_ITER(hh, b->sessions, s, next) {
		if (err == 0)
			err = judge(b, root, s, reason);
		if (err == 0 && *reason != '\0')
			err = broker_session_end(b, s, reason);
	}
	return err == 0 ? broker_record_drain(b) : err;
}

int
broker_session_end_alone(struct broker *b)
{
	struct broker_session *s, *next;
	int err = 0;

	HASH_ITER(hh, b->sessions, s, next)
		if (err == 0 && LIST_EMPTY(&s->holds) &&
		    b->now_ms - s->alone_since_ms >= SESSION_GRACE_MS)
			err = broker_session_end(b, s,
			    "its client has been gone for 60 seconds");
	return err;
}

int
broker_session_end_expired(struct broker *b)
{
	struct broker_session *s, *next;
	int64_t now = broker_record_clock();
	int err = 0;

	HASH_ITER(hh, b->sessions, s, next)
		if (err == 0 && s->expires_ms != 0 && now >= s->expires_ms)
			err = broker_session_end(b, s,
			    s->ends_with_hours ? hours_over : EXPIRED);
	return err;
}

static int
page_key_of(void *arg, struct version_key **out)
{
	const struct broker_key_of *k = arg;

	return broker_model_key(k->b, k->upload, out);
}

struct pages_version
broker_session_pages(const struct broker_session *s, uint16_t n,
    struct broker_key_of *key)
{
	key->upload = s->versions[n].upload;
	return (struct pages_version){
		.version = s->s->versions[n].version,
		.object = s->versions[n].object,
		.key = page_key_of,
		.arg = key,
	};
}
