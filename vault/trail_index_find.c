/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "vault/err.h"
#include "vault/trail_index.h"
#include "vault/trail_index_parts.h"

/* A search: which sets are meant, by number; what was found. */
struct search {
	const struct trail_index *x;
	const struct trail_index_query *q;
	bool *who, *about;
	bool *rows;    /* those that are meant, by number */
	bool *met;     /* those of them that an entry has that was found */
	bool *context; /* sets with a model of what was found */
	bool acks;     /* of alerts were found */
	struct index_session *sessions;
	struct trail_index_found found;
	size_t room;
};

static void
search_clear(struct search *s)
{
	struct index_session *i, *next;

	HASH_ITER(hh, s->sessions, i, next) {
		HASH_DEL(s->sessions, i);
		free(i);
	}
	free(s->who);
	free(s->about);
	free(s->context);
	free(s->rows);
	free(s->met);
	free(s->found.entries);
}

/* The sets with this name; NULL: all. */
static int
mark(const struct trail_index *x, const char *name, bool **out)
{
	bool *sets = calloc(x->set_count, sizeof(*sets));
	OWNED_MEM(char) line = NULL;

	if (sets == NULL)
		return ERR_NOMEM;
	*out = sets;
	if (name != NULL && asprintf(&line, "%s\n", name) < 0) {
		line = NULL;
		return ERR_NOMEM;
	}
	for (size_t i = 0; i < x->set_count; i++)
		sets[i] = line == NULL ||
		    trail_index_set_has(x->set[i], line) ||
		    strcmp(x->set[i], INDEX_ANY) == 0;
	return 0;
}

static int
take(struct search *s, uint64_t entry)
{
	if (s->found.count == s->room) {
		size_t room = s->room == 0 ? 1024 : 2 * s->room;
		uint64_t *more = reallocarray(s->found.entries, room,
		    sizeof(*more));

		if (more == NULL)
			return ERR_NOMEM;
		s->found.entries = more;
		s->room = room;
	}
	s->found.entries[s->found.count++] = entry;
	return 0;
}

static bool
in_time(const struct search *s, uint64_t entry)
{
	const struct index_run *r = &s->x->runs[entry / INDEX_RUN];

	return r->last_ms >= s->q->since_ms && r->first_ms < s->q->until_ms;
}

static bool
is_kind(const struct search *s, const struct index_row *r)
{
	return (s->q->kinds >> index_row_kind(r) & 1) != 0;
}

/* All the entries of the rows that are meant, but those of other times and
 * those before. */
static int
take_rows(struct search *s)
{
	const struct trail_index *x = s->x;
	const uint64_t from = s->q->from;
	int err = 0;

	for (uint64_t i = from - from % INDEX_RUN; err == 0 && i < x->count;
	     i++) {
		if (i % INDEX_RUN == 0 && !in_time(s, i)) {
			i += INDEX_RUN - 1;
			continue;
		}
		if (i < from || !s->rows[x->entries[i]])
			continue;
		s->met[x->entries[i]] = true;
		err = take(s, i);
	}
	return err;
}

static int
find_meant(struct search *s)
{
	s->rows = calloc(s->x->row_count + 1, sizeof(*s->rows));
	s->met = calloc(s->x->row_count + 1, sizeof(*s->met));
	if (s->rows == NULL || s->met == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < s->x->row_count; i++) {
		const struct index_row *r = &s->x->rows[i];

		s->rows[i] = s->who[r->who] && s->about[r->about] &&
		    is_kind(s, r);
	}
	return take_rows(s);
}

static int
note_session(struct search *s, const struct index_row *r)
{
	const uint64_t id = index_row_session(r);
	struct index_session *i;

	HASH_FIND(hh, s->sessions, &id, sizeof(id), i);
	if (i != NULL)
		return 0;
	i = malloc(sizeof(*i));
	if (i == NULL)
		return ERR_NOMEM;
	i->id = id;
	i->row = *r;
	HASH_ADD(hh, s->sessions, id, sizeof(i->id), i);
	return 0;
}

/* The sets that have a name in common with this one. */
static void
note_models(struct search *s, uint32_t set, bool *seen)
{
	char line[INDEX_SET_MAX + 2];
	const char *at = s->x->set[set];

	if (seen[set])
		return;
	seen[set] = true;
	for (const char *end; (end = strchr(at, '\n')) != NULL; at = end + 1) {
		memcpy(line, at, (size_t)(end - at) + 1);
		line[end - at + 1] = '\0';
		for (size_t i = 0; i < s->x->set_count; i++)
			if (trail_index_set_has(s->x->set[i], line))
				s->context[i] = true;
	}
}

static int
note_needed(struct search *s)
{
	OWNED_MEM(bool) seen = calloc(s->x->set_count, sizeof(bool));
	int err = 0;

	s->context = calloc(s->x->set_count, sizeof(*s->context));
	if (seen == NULL || s->context == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; err == 0 && i < s->x->row_count; i++) {
		const struct index_row *r = &s->x->rows[i];

		if (!s->met[i])
			continue;
		note_models(s, r->about, seen);
		if (index_row_kind(r) == ENTRY_ALERT_ACK)
			s->acks = true;
		if (index_row_session(r) != 0)
			err = note_session(s, r);
	}
	return err;
}

static bool
is_context(const struct search *s, const struct index_row *r)
{
	const uint64_t id = index_row_session(r);
	const enum entry_kind kind = index_row_kind(r);
	struct index_session *i = NULL;

	if (kind == ENTRY_PUT || kind == ENTRY_STATEMENT_ADD)
		return s->context[r->about];
	if (kind == ENTRY_ALERT)
		return s->acks;
	if (kind != ENTRY_SESSION_OPEN)
		return false;
	HASH_FIND(hh, s->sessions, &id, sizeof(id), i);
	return i != NULL;
}

/* Context is of any time. */
static int
find_context(struct search *s)
{
	OWNED_MEM(bool) context = calloc(s->x->row_count, sizeof(bool));
	const struct trail_index *x = s->x;
	const size_t meant = s->found.count;
	struct trail_index_found f;
	size_t next = 0;
	int err = context != NULL ? note_needed(s) : ERR_NOMEM;

	for (size_t i = 0; err == 0 && i < x->row_count; i++)
		context[i] = is_context(s, &x->rows[i]);
	if (err != 0)
		return err;
	f = s->found;
	s->found = (struct trail_index_found){ 0 };
	s->room = 0;
	for (uint64_t i = 0; err == 0 && i < x->count; i++) {
		bool is = next < meant && f.entries[next] == i;

		next += is;
		if (is || context[x->entries[i]])
			err = take(s, i);
	}
	free(f.entries);
	return err;
}

int
trail_index_find(const struct trail_index *x, const struct trail_index_query *q,
    struct trail_index_found *out)
{
	__attribute__((cleanup(search_clear))) struct search s = { .x = x,
		.q = q };
	int err = mark(x, q->who, &s.who);

	if (err == 0)
		err = mark(x, q->model, &s.about);
	if (err == 0)
		err = find_meant(&s);
	if (err == 0 && q->context && s.found.count > 0)
		err = find_context(&s);
	if (err != 0)
		return err;
	*out = s.found;
	s.found = (struct trail_index_found){ 0 };
	return 0;
}

static uint64_t
runs(const struct trail_index *x)
{
	return (x->count + INDEX_RUN - 1) / INDEX_RUN;
}

uint64_t
trail_index_from(const struct trail_index *x, int64_t time_ms)
{
	for (uint64_t i = 0; i < runs(x); i++)
		if (x->runs[i].last_ms >= time_ms)
			return i * INDEX_RUN;
	return x->count;
}

uint64_t
trail_index_until(const struct trail_index *x, int64_t time_ms)
{
	uint64_t end = 0;

	for (uint64_t i = 0; i < runs(x); i++)
		if (x->runs[i].first_ms < time_ms)
			end = (i + 1) * INDEX_RUN;
	return end < x->count ? end : x->count;
}
