/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/trail_index.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "vault/err.h"
#include "vault/trail_index_parts.h"

void
trail_index_free(struct trail_index *x)
{
	struct index_session *s, *next;
	struct index_name *n, *after;
	struct index_number *r, *behind;

	if (x == NULL)
		return;
	HASH_ITER(hh, x->numbers, r, behind) {
		HASH_DEL(x->numbers, r);
		free(r);
	}
	HASH_ITER(hh, x->sessions, s, next) {
		HASH_DEL(x->sessions, s);
		free(s);
	}
	HASH_ITER(hh, x->versions, n, after) {
		HASH_DEL(x->versions, n);
		free(n);
	}
	HASH_ITER(hh, x->sets, n, after) {
		HASH_DEL(x->sets, n);
		free(n);
	}
	free(x->set);
	free(x->rows);
	free(x->entries);
	free(x->runs);
	free(x);
}

int
trail_index_new(struct trail_index **out)
{
	OWNED(trail_index) x = calloc(1, sizeof(*x));
	uint32_t none;

	if (x == NULL)
		return ERR_NOMEM;
	if (trail_index_set(x, "", &none) != 0)
		return ERR_NOMEM;
	*out = x;
	x = NULL;
	return 0;
}

uint64_t
trail_index_size(const struct trail_index *x)
{
	return x->count;
}

/* --- sets of names: "alice\nbob\n" --- */

int
trail_index_set(struct trail_index *x, const char *names, uint32_t *out)
{
	const size_t n = strlen(names);
	struct index_name *i;

	HASH_FIND(hh, x->sets, names, n, i);
	if (i == NULL) {
		if (x->set_count == x->set_room) {
			size_t room = x->set_room == 0 ? 64 : 2 * x->set_room;
			const char **more = reallocarray(x->set, room,
			    sizeof(*more));

			if (more == NULL)
				return ERR_NOMEM;
			x->set = more;
			x->set_room = room;
		}
		i = malloc(sizeof(*i) + n + 1);
		if (i == NULL)
			return ERR_NOMEM;
		memcpy(i->text, names, n + 1);
		i->value = (uint32_t)x->set_count;
		x->set[x->set_count++] = i->text;
		HASH_ADD(hh, x->sets, text, n, i);
	}
	*out = i->value;
	return 0;
}

int
trail_index_number(struct trail_index *x, const struct index_row *row,
    uint32_t *out)
{
	struct index_number *i;

	HASH_FIND(hh, x->numbers, row, sizeof(*row), i);
	if (i == NULL) {
		if (x->row_count == x->row_room) {
			size_t room = x->row_room == 0 ? 256 : 2 * x->row_room;
			struct index_row *more = reallocarray(x->rows, room,
			    sizeof(*more));

			if (more == NULL)
				return ERR_NOMEM;
			x->rows = more;
			x->row_room = room;
		}
		if (x->row_count == UINT32_MAX)
			return ERR_LIMIT;
		i = malloc(sizeof(*i));
		if (i == NULL)
			return ERR_NOMEM;
		i->row = *row;
		i->number = (uint32_t)x->row_count;
		x->rows[x->row_count++] = *row;
		HASH_ADD(hh, x->numbers, row, sizeof(i->row), i);
	}
	*out = i->number;
	return 0;
}

/* A set in the making. */
struct names {
	char text[INDEX_SET_MAX + 1];
	size_t length;
	bool full;
};

static void
add_n(struct names *s, const char *name, size_t n)
{
	char line[INDEX_SET_MAX + 2];

	if (name == NULL || n == 0 || memchr(name, '\n', n) != NULL)
		return;
	if (n + 1 > INDEX_SET_MAX - s->length) {
		s->full = true;
		return;
	}
	memcpy(line, name, n);
	line[n] = '\n';
	line[n + 1] = '\0';
	if (trail_index_set_has(s->text, line))
		return;
	memcpy(s->text + s->length, line, n + 2);
	s->length += n + 1;
}

static void
add(struct names *s, const char *name)
{
	add_n(s, name, name != NULL ? strlen(name) : 0);
}

static void
add_set(struct names *s, const char *set)
{
	for (const char *end; (end = strchr(set, '\n')) != NULL; set = end + 1)
		add_n(s, set, (size_t)(end - set));
}

bool
trail_index_set_has(const char *set, const char *line)
{
	const size_t n = strlen(line);

	for (const char *at = set; (at = strstr(at, line)) != NULL; at += n)
		if (at == set || at[-1] == '\n')
			return true;
	return false;
}

/* --- what an entry is about --- */

static const char *
text_of(const json_t *j, const char *key)
{
	return json_string_value(json_object_get(j, key));
}

static int
learn_name(struct trail_index *x, const char *key, const char *model)
{
	struct index_name *i;
	uint32_t set = 0;
	struct names names = { .length = 0 };

	if (key == NULL || model == NULL)
		return 0;
	HASH_FIND(hh, x->versions, key, strlen(key), i);
	if (i != NULL)
		return 0;
	add(&names, model);
	if (trail_index_set(x, names.text, &set) != 0)
		return ERR_NOMEM;
	i = malloc(sizeof(*i) + strlen(key) + 1);
	if (i == NULL)
		return ERR_NOMEM;
	memcpy(i->text, key, strlen(key) + 1);
	i->value = set;
	HASH_ADD(hh, x->versions, text, strlen(key), i);
	return 0;
}

static void
add_learned(const struct trail_index *x, struct names *about, const char *key)
{
	struct index_name *i = NULL;

	if (key != NULL)
		HASH_FIND(hh, x->versions, key, strlen(key), i);
	if (i != NULL)
		add_set(about, x->set[i->value]);
}

/* "statement 17", beside the digests of versions. */
#define STATEMENT_KEY 32
static const char *
statement_key(const struct entry_view *v, char buf[static STATEMENT_KEY])
{
	uint64_t number;

	if (entry_view_number(v, "statement", &number) != 0)
		return NULL;
	snprintf(buf, STATEMENT_KEY, "statement %llu",
	    (unsigned long long)number);
	return buf;
}

static int
learn(struct trail_index *x, const struct entry_view *v)
{
	const char *model = entry_view_text(v, "model");
	char key[STATEMENT_KEY];
	const json_t *version;
	size_t i;
	int err = 0;

	if (v->kind == ENTRY_PUT)
		return learn_name(x, entry_view_text(v, "version"), model);
	if (v->kind == ENTRY_STATEMENT_ADD)
		return learn_name(x, statement_key(v, key), model);
	if (v->kind != ENTRY_SESSION_OPEN)
		return 0;
	json_array_foreach(json_object_get(v->json, "versions"), i, version)
		if (err == 0)
			err = learn_name(x, text_of(version, "version"),
			    text_of(version, "model"));
	return err;
}

/* "llama:prod", "llama@0123" */
static void
add_reference(struct names *s, const char *text)
{
	if (text != NULL)
		add_n(s, text, strcspn(text, ":@"));
}

static void
add_models(const struct trail_index *x, const struct entry_view *v,
    struct names *about)
{
	char key[STATEMENT_KEY];
	const json_t *i;
	size_t n;

	add(about, entry_view_text(v, "model"));
	add(about, entry_view_text(v, "family"));
	add_learned(x, about, entry_view_text(v, "version"));
	if (v->kind == ENTRY_STATEMENT_WITHDRAW)
		add_learned(x, about, statement_key(v, key));
	json_array_foreach(json_object_get(v->json, "versions"), n, i)
		add(about, text_of(i, "model"));
	json_array_foreach(json_object_get(v->json, "refs"), n, i)
		add_reference(about, json_string_value(i));
}

int
trail_index_open_session(struct trail_index *x, const struct index_row *row)
{
	const uint64_t id = index_row_session(row);
	struct index_session *s;

	HASH_FIND(hh, x->sessions, &id, sizeof(id), s);
	if (s != NULL)
		return 0;
	s = malloc(sizeof(*s));
	if (s == NULL)
		return ERR_NOMEM;
	s->id = id;
	s->row = *row;
	s->begin_length = 0;
	HASH_ADD(hh, x->sessions, id, sizeof(s->id), s);
	return 0;
}

static int
row_of(struct trail_index *x, const struct entry_view *v, struct index_row *out)
{
	struct names who = { .length = 0 }, about = { .length = 0 };
	struct index_session *s = NULL;
	uint64_t session;
	int err;

	*out = (struct index_row){ .last = (uint64_t)v->kind << 56 };
	add(&who, v->by);
	add(&who, entry_view_text(v, "for"));
	add(&who, entry_view_text(v, "to"));
	add_models(x, v, &about);
	if (entry_view_number(v, "session", &session) == 0) {
		session &= INDEX_SESSION_MASK;
		out->last |= session;
		HASH_FIND(hh, x->sessions, &session, sizeof(session), s);
	}
	if (s != NULL) {
		add_set(&who, x->set[s->row.who]);
		add_set(&about, x->set[s->row.about]);
	}
	/* Too many names: whoever asks has to look at it. */
	err = trail_index_set(x, who.full ? INDEX_ANY : who.text, &out->who);
	if (err == 0)
		err = trail_index_set(x, about.full ? INDEX_ANY : about.text,
		    &out->about);
	return err;
}

static int
grow(struct trail_index *x)
{
	size_t room = x->room == 0 ? 4096 : 2 * x->room;
	uint32_t *entries = reallocarray(x->entries, room, sizeof(*entries));
	struct index_run *runs;

	if (entries == NULL)
		return ERR_NOMEM;
	x->entries = entries;
	runs = reallocarray(x->runs, room / INDEX_RUN, sizeof(*runs));
	if (runs == NULL)
		return ERR_NOMEM;
	x->runs = runs;
	x->room = room;
	return 0;
}

static void
note_time(struct trail_index *x, int64_t time_ms)
{
	struct index_run *r = &x->runs[x->count / INDEX_RUN];

	if (x->count % INDEX_RUN == 0)
		*r = (struct index_run){ time_ms, time_ms };
	if (time_ms < r->first_ms)
		r->first_ms = time_ms;
	if (time_ms > r->last_ms)
		r->last_ms = time_ms;
}

static int
add_row(struct trail_index *x, const struct index_row *row, int64_t time_ms)
{
	int err = trail_index_number(x, row, &x->entries[x->count]);

	if (err != 0)
		return err;
	note_time(x, time_ms);
	x->count++;
	return 0;
}

/* How a release or extents begins, and of which session it is.  False for
 * whatever keyd would write otherwise. */
struct begin {
	const char *at;
	size_t length;
	uint64_t session;
};

static bool
begin_of(const char *entry, size_t n, struct begin *out)
{
	static const char by[] = "\"by\":\"", session[] = "\"session\":",
			  version[] = "\"version\":\"";
	const size_t head = n < INDEX_BEGIN_MAX ? n : INDEX_BEGIN_MAX;
	const char *const end = entry + head;
	const char *b = memmem(entry, head, by, sizeof(by) - 1), *s, *v;
	uint64_t number = 0;

	if (b == NULL)
		return false;
	s = memmem(b, (size_t)(end - b), session, sizeof(session) - 1);
	if (s == NULL)
		return false;
	for (s += sizeof(session) - 1; s < end && *s >= '0' && *s <= '9'; s++)
		number = number * 10 + (uint64_t)(*s - '0');
	if (s + 1 + sizeof(version) - 1 + 2 * DIGEST_SIZE > end || *s != ',')
		return false;
	v = s + 1;
	if (memcmp(v, version, sizeof(version) - 1) != 0)
		return false;
	*out = (struct begin){ .at = b,
		.length = (size_t)(v - b) + sizeof(version) - 1 +
		    2 * DIGEST_SIZE,
		.session = number & INDEX_SESSION_MASK };
	return true;
}

static struct index_session *
session_of(const struct trail_index *x, const struct begin *b)
{
	struct index_session *s;

	HASH_FIND(hh, x->sessions, &b->session, sizeof(b->session), s);
	return s;
}

/* Most entries, without parsing them: as the one before of their session. */
static bool
add_usual(struct trail_index *x, const void *entry, size_t n)
{
	struct index_session *s;
	enum entry_kind kind;
	struct index_row row;
	int64_t time_ms;
	struct begin b;

	if (!entry_peek(entry, n, &time_ms, &kind) ||
	    (kind != ENTRY_RELEASE && kind != ENTRY_EXTENTS) ||
	    !begin_of(entry, n, &b))
		return false;
	s = session_of(x, &b);
	if (s == NULL || s->begin_length != b.length ||
	    memcmp(s->begin, b.at, b.length) != 0)
		return false;
	row = s->usual;
	row.last = (uint64_t)kind << 56 | b.session;
	return add_row(x, &row, time_ms) == 0;
}

static void
note_usual(struct trail_index *x, const struct index_row *row,
    const void *entry, size_t n)
{
	const enum entry_kind kind = index_row_kind(row);
	struct index_session *s;
	struct begin b;

	if ((kind != ENTRY_RELEASE && kind != ENTRY_EXTENTS) ||
	    !begin_of(entry, n, &b))
		return;
	s = session_of(x, &b);
	if (s == NULL)
		return;
	s->usual = *row;
	s->begin_length = b.length;
	memcpy(s->begin, b.at, b.length);
}

int
trail_index_add(struct trail_index *x, const void *entry, size_t n)
{
	struct index_row row;
	struct entry_view v;
	int err = x->count == x->room ? grow(x) : 0;

	if (err == 0 && add_usual(x, entry, n))
		return 0;
	if (err == 0)
		err = entry_parse(&v, entry, n);
	if (err != 0)
		return err;
	err = learn(x, &v);
	if (err == 0)
		err = row_of(x, &v, &row);
	if (err == 0 && v.kind == ENTRY_SESSION_OPEN)
		err = trail_index_open_session(x, &row);
	if (err == 0)
		err = add_row(x, &row, v.time_ms);
	if (err == 0)
		note_usual(x, &row, entry, n);
	entry_view_clear(&v);
	return err;
}

int
trail_index_teach(struct trail_index *x, const void *entry, size_t n)
{
	struct entry_view v;
	int err = entry_parse(&v, entry, n);

	if (err != 0)
		return err;
	err = learn(x, &v);
	entry_view_clear(&v);
	return err;
}
