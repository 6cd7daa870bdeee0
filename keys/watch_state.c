/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "keys/watch_parts.h"
#include "vault/err.h"
#include "vault/ref.h"

void
watch_trace_add(struct watch_trace *t, uint64_t index)
{
	if (t->count > 0 && watch_trace_last(t, 0) == index)
		return;
	t->items[t->count++ % WATCH_ENTRIES] = index;
}

size_t
watch_trace_count(const struct watch_trace *t)
{
	return t->count < WATCH_ENTRIES ? (size_t)t->count : WATCH_ENTRIES;
}

uint64_t
watch_trace_last(const struct watch_trace *t, size_t back)
{
	return t->items[(t->count - 1 - back) % WATCH_ENTRIES];
}

/* ---- principals ---- */

struct watch_who *
watch_state_find_who(struct watch *w, const char *name)
{
	struct watch_who *p;

	HASH_FIND_STR(w->by_name, name, p);
	return p;
}

static void
drop_who(struct watch *w, struct watch_who *p)
{
	HASH_DEL(w->by_name, p);
	free(p);
}

static void
hold_who(struct watch *w, struct watch_who *p)
{
	if (p->refs++ == 0)
		TAILQ_REMOVE(&w->whos, p, idle);
}

static void
release_who(struct watch *w, struct watch_who *p)
{
	if (--p->refs == 0)
		TAILQ_INSERT_TAIL(&w->whos, p, idle);
}

/* ---- models ---- */

struct watch_what *
watch_state_find_what(struct watch *w, const char *name)
{
	struct watch_what *m;

	HASH_FIND_STR(w->by_model, name, m);
	return m;
}

struct watch_what *
watch_state_find_ref(struct watch *w, const char *ref)
{
	char name[REF_NAME_MAX + 1];
	size_t n = strcspn(ref, ":@");

	if (n > REF_NAME_MAX)
		return NULL;
	memcpy(name, ref, n);
	name[n] = '\0';
	return watch_state_find_what(w, name);
}

static void
drop_what(struct watch *w, struct watch_what *m)
{
	HASH_DEL(w->by_model, m);
	free(m->versions);
	free(m);
}

void
watch_state_hold_what(struct watch *w, struct watch_what *m)
{
	if (m->refs++ == 0)
		TAILQ_REMOVE(&w->whats, m, idle);
}

void
watch_state_drop_what(struct watch *w, struct watch_what *m)
{
	if (--m->refs == 0)
		TAILQ_INSERT_TAIL(&w->whats, m, idle);
}

struct watch_version *
watch_state_version(const struct watch_what *m, const struct digest *d)
{
	for (size_t i = m->version_count; i-- > 0;)
		if (digest_equal(&m->versions[i].digest, d))
			return &m->versions[i];
	return NULL;
}

int
watch_state_put(struct watch_what *m, const struct digest *d,
    struct watch_version **out)
{
	struct watch_version *v = watch_state_version(m, d);
	size_t n = m->version_count;

	if (v == NULL && n == WATCH_VERSIONS_MAX) {
		m->lost = m->versions[0];
		memmove(m->versions, m->versions + 1,
		    (n - 1) * sizeof(*m->versions));
		v = &m->versions[n - 1];
		*v = (struct watch_version){ .digest = *d };
	} else if (v == NULL) {
		v = reallocarray(m->versions, n + 1, sizeof(*v));
		if (v == NULL)
			return ERR_NOMEM;
		m->versions = v;
		v += n;
		*v = (struct watch_version){ .digest = *d };
		m->version_count++;
	}
	*out = v;
	return 0;
}

/* ---- readings ---- */

static void
drop_reading(struct watch *w, struct watch_reading *r)
{
	HASH_DEL(w->by_pair, r);
	release_who(w, r->by);
	watch_state_drop_what(w, r->of);
	free(r);
}

static void
release_reading(struct watch *w, struct watch_reading *r)
{
	if (--r->refs == 0)
		TAILQ_INSERT_TAIL(&w->readings, r, idle);
}

static void
hold_reading(struct watch *w, struct watch_reading *r)
{
	if (r->refs++ == 0)
		TAILQ_REMOVE(&w->readings, r, idle);
}

/* ---- room ---- */

/* One that was not used since the others were looked at: those that were are
 * passed over once.  Not the one that it is all done for. */
static bool
end_least_used(struct watch *w)
{
	struct watch_session *s = TAILQ_FIRST(&w->recent);

	while (s != NULL && s->used && s != w->kept) {
		s->used = false;
		TAILQ_REMOVE(&w->recent, s, recent);
		TAILQ_INSERT_TAIL(&w->recent, s, recent);
		s = TAILQ_FIRST(&w->recent);
	}
	if (s == NULL || s == w->kept)
		return false;
	w->forgot = true;
	watch_state_session_end(w, s);
	return true;
}

static bool
make_room_who(struct watch *w)
{
	while (HASH_COUNT(w->by_name) >= w->rules->max_principals) {
		struct watch_who *p = TAILQ_FIRST(&w->whos);
		struct watch_reading *r = TAILQ_FIRST(&w->readings);

		if (p != NULL) {
			TAILQ_REMOVE(&w->whos, p, idle);
			drop_who(w, p);
			w->forgot = true;
		} else if (r != NULL) {
			TAILQ_REMOVE(&w->readings, r, idle);
			drop_reading(w, r);
			w->forgot = true;
		} else if (!end_least_used(w))
			return false;
	}
	return true;
}

/* Decoys are never forgotten. */
static bool
make_room_what(struct watch *w)
{
	while (HASH_COUNT(w->by_model) >= w->rules->max_models) {
		struct watch_what *m = TAILQ_FIRST(&w->whats);
		struct watch_reading *r = TAILQ_FIRST(&w->readings);

		w->forgot = true;
		if (m != NULL) {
			TAILQ_REMOVE(&w->whats, m, idle);
			drop_what(w, m);
		} else if (r != NULL) {
			TAILQ_REMOVE(&w->readings, r, idle);
			drop_reading(w, r);
		} else if (!end_least_used(w))
			return false;
	}
	return true;
}

static bool
make_room_reading(struct watch *w)
{
	while (HASH_COUNT(w->by_pair) >= w->rules->max_readings) {
		struct watch_reading *r = TAILQ_FIRST(&w->readings);

		if (r != NULL) {
			TAILQ_REMOVE(&w->readings, r, idle);
			drop_reading(w, r);
			w->forgot = true;
		} else if (!end_least_used(w))
			return false;
	}
	return true;
}

/* ---- made at need ---- */

/* A thing with its name behind it. */
static void *
named(size_t size, const char *name)
{
	size_t n = strlen(name) + 1;
	char *p = calloc(1, size + n);

	if (p != NULL)
		memcpy(p + size, name, n);
	return p;
}

int
watch_state_who(struct watch *w, const char *name, struct watch_who **out)
{
	struct watch_who *p = watch_state_find_who(w, name);

	if (p == NULL) {
		if (!make_room_who(w))
			return ERR_LIMIT;
		p = named(offsetof(struct watch_who, name), name);
		if (p == NULL)
			return ERR_NOMEM;
		p->id = ++w->ids;
		HASH_ADD_KEYPTR(hh, w->by_name, p->name, strlen(p->name), p);
		if (p->hh.tbl == NULL) {
			free(p);
			return ERR_NOMEM;
		}
		TAILQ_INSERT_TAIL(&w->whos, p, idle);
	} else if (p->refs == 0) {
		TAILQ_REMOVE(&w->whos, p, idle);
		TAILQ_INSERT_TAIL(&w->whos, p, idle);
	}
	*out = p;
	return 0;
}

int
watch_state_what(struct watch *w, const char *name, struct watch_what **out)
{
	struct watch_what *m = watch_state_find_what(w, name);

	if (m == NULL) {
		if (!make_room_what(w))
			return ERR_LIMIT;
		m = named(offsetof(struct watch_what, name), name);
		if (m == NULL)
			return ERR_NOMEM;
		m->id = ++w->ids;
		HASH_ADD_KEYPTR(hh, w->by_model, m->name, strlen(m->name), m);
		if (m->hh.tbl == NULL) {
			free(m);
			return ERR_NOMEM;
		}
		TAILQ_INSERT_TAIL(&w->whats, m, idle);
	} else if (m->refs == 0) {
		TAILQ_REMOVE(&w->whats, m, idle);
		TAILQ_INSERT_TAIL(&w->whats, m, idle);
	}
	*out = m;
	return 0;
}

static int
new_reading(struct watch *w, struct watch_who *by, struct watch_what *of,
    struct watch_reading **out)
{
	struct watch_reading *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return ERR_NOMEM;
	r->key.who = by->id;
	r->key.what = of->id;
	r->by = by;
	r->of = of;
	HASH_ADD(hh, w->by_pair, key, sizeof(r->key), r);
	if (r->hh.tbl == NULL) {
		free(r);
		return ERR_NOMEM;
	}
	hold_who(w, by);
	watch_state_hold_what(w, of);
	TAILQ_INSERT_TAIL(&w->readings, r, idle);
	*out = r;
	return 0;
}

int
watch_state_reading(struct watch *w, struct watch_session *s,
    struct watch_opened *v, struct watch_reading **out)
{
	struct watch_reading *r = v->reading;
	struct {
		uint64_t who, what;
	} key = { s->who->id, v->model->id };
	int err;

	if (r != NULL) {
		*out = r;
		return 0;
	}
	HASH_FIND(hh, w->by_pair, &key, sizeof(key), r);
	if (r == NULL) {
		w->kept = s;
		err = make_room_reading(w) ? 0 : ERR_LIMIT;
		w->kept = NULL;
		if (err == 0)
			err = new_reading(w, s->who, v->model, &r);
		if (err != 0)
			return err;
	}
	hold_reading(w, r);
	v->reading = r;
	*out = r;
	return 0;
}

/* ---- sessions ---- */

struct watch_session *
watch_state_find_session(struct watch *w, uint64_t id)
{
	struct watch_session *s;

	HASH_FIND(hh, w->sessions, &id, sizeof(id), s);
	if (s != NULL)
		s->used = true;
	return s;
}

int
watch_state_session(struct watch *w, uint64_t id, struct watch_who *who,
    size_t versions, struct watch_session **out)
{
	struct watch_session *s = watch_state_find_session(w, id);

	hold_who(w, who);
	if (s != NULL)
		watch_state_session_end(w, s);
	while (HASH_COUNT(w->sessions) >= w->rules->max_sessions &&
	    end_least_used(w))
		;
	s = calloc(1, sizeof(*s) + versions * sizeof(s->versions[0]));
	if (s != NULL) {
		s->id = id;
		HASH_ADD(hh, w->sessions, id, sizeof(s->id), s);
	}
	if (s == NULL || s->hh.tbl == NULL) {
		free(s);
		release_who(w, who);
		return ERR_NOMEM;
	}
	s->who = who;
	s->own_uid = -1;
	s->count = versions;
	TAILQ_INSERT_TAIL(&w->recent, s, recent);
	*out = s;
	return 0;
}

void
watch_state_opened(struct watch *w, struct watch_opened *v,
    struct watch_what *m)
{
	v->model = m;
	watch_state_hold_what(w, m);
}

void
watch_state_session_end(struct watch *w, struct watch_session *s)
{
	HASH_DEL(w->sessions, s);
	TAILQ_REMOVE(&w->recent, s, recent);
	for (size_t i = 0; i < s->count; i++) {
		if (s->versions[i].reading != NULL)
			release_reading(w, s->versions[i].reading);
		if (s->versions[i].model != NULL)
			watch_state_drop_what(w, s->versions[i].model);
	}
	release_who(w, s->who);
	free(s);
}

/* ---- grants ---- */

struct watch_grant *
watch_state_find_grant(struct watch *w, uint64_t id)
{
	struct watch_grant *g;

	HASH_FIND(hh, w->grants, &id, sizeof(id), g);
	return g;
}

void
watch_state_grant_end(struct watch *w, uint64_t id)
{
	struct watch_grant *g = watch_state_find_grant(w, id);

	if (g != NULL)
		HASH_DEL(w->grants, g);
	free(g);
}

int
watch_state_grant(struct watch *w, uint64_t id, struct watch_grant **out)
{
	struct watch_grant *g = watch_state_find_grant(w, id);

	if (g == NULL) {
		/* The oldest goes: hashes are in the order of adding. */
		if (HASH_COUNT(w->grants) >= w->rules->max_grants)
			watch_state_grant_end(w, w->grants->id);
		g = calloc(1, sizeof(*g));
		if (g == NULL)
			return ERR_NOMEM;
		g->id = id;
		HASH_ADD(hh, w->grants, id, sizeof(g->id), g);
		if (g->hh.tbl == NULL) {
			free(g);
			return ERR_NOMEM;
		}
	}
	*out = g;
	return 0;
}

void
watch_state_free(struct watch *w)
{
	struct watch_session *s;
	struct watch_reading *r;
	struct watch_what *m, *next_m;
	struct watch_who *p;

	while ((s = TAILQ_FIRST(&w->recent)) != NULL)
		watch_state_session_end(w, s);
	while ((r = TAILQ_FIRST(&w->readings)) != NULL) {
		TAILQ_REMOVE(&w->readings, r, idle);
		drop_reading(w, r);
	}
	HASH_ITER(hh, w->by_model, m, next_m)
		drop_what(w, m);
	while ((p = TAILQ_FIRST(&w->whos)) != NULL) {
		TAILQ_REMOVE(&w->whos, p, idle);
		drop_who(w, p);
	}
	while (w->grants != NULL)
		watch_state_grant_end(w, w->grants->id);
}

bool
watch_state_has_seen(const struct watch_seen *s, uint64_t what)
{
	for (unsigned int i = 0; i < s->count; i++)
		if (s->items[i].what == what)
			return true;
	return false;
}

unsigned int
watch_state_saw(struct watch_seen *s, uint64_t what, uint64_t clock,
    uint64_t index, uint64_t within)
{
	unsigned int kept = 0, oldest = 0;
	bool known = false;

	for (unsigned int i = 0; i < s->count; i++) {
		if (clock - s->items[i].clock > within)
			continue;
		s->items[kept] = s->items[i];
		if (s->items[kept].what == what) {
			s->items[kept].clock = clock;
			known = true;
		}
		if (s->items[kept].clock < s->items[oldest].clock)
			oldest = kept;
		kept++;
	}
	s->count = kept;
	if (known)
		return kept;
	if (kept == WATCH_SEEN_MAX)
		kept = oldest;
	else
		s->count++;
	s->items[kept].what = what;
	s->items[kept].clock = clock;
	s->items[kept].index = index;
	return s->count;
}
