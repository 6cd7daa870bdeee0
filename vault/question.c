/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/question.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "vault/entry.h"
#include "vault/err.h"

#define TEXT_MAX (QUESTION_PRINCIPAL_MAX + REF_NAME_MAX + 100)

/* What every entry begins with, and its time behind that. */
#define HEAD "{\"v\":1,\"time\":\""
#define TIME_LENGTH 24

/* A session, whoever's. */
struct session {
	uint64_t id;
	uint64_t opened; /* index */
	bool concerned;	 /* by or for the principal */
	json_t *versions;
	bool released; /* bytes of the model, before the time asked for */
	uint64_t last; /* the index of that release */
	bool closed;   /* before the time asked for */
	UT_hash_handle hh;
};

struct question_inquiry {
	struct question q;
	struct session *sessions;
};

/* ---- as text ---- */

/* The next word of text, which is cut there; NULL at its end. */
static char *
next_word(char **text)
{
	char *word = *text, *space;

	if (word == NULL)
		return NULL;
	space = strchr(word, ' ');
	if (space != NULL)
		*space++ = '\0';
	*text = space;
	return word[0] != '\0' ? word : NULL;
}

static int
parse_index(uint64_t *out, const char *word)
{
	char again[24];
	char *end;

	*out = strtoull(word, &end, 10);
	snprintf(again, sizeof(again), "%" PRIu64, *out);
	return *end == '\0' && strcmp(again, word) == 0 ? 0 : ERR_FORMAT;
}

/* As entries write it, and only so. */
static int
parse_time(int64_t *out, const char *word)
{
	char again[ENTRY_TIME_SIZE];

	if (entry_time_parse(out, word) != 0 ||
	    strcmp(entry_time_text(*out, again), word) != 0)
		return ERR_FORMAT;
	return 0;
}

static bool
principal_ok(const char *text)
{
	for (const char *c = text; *c != '\0'; c++)
		if ((unsigned char)*c <= 0x20 || *c == 0x7f)
			return false;
	return text[0] != '\0' && strlen(text) <= QUESTION_PRINCIPAL_MAX;
}

static int
parse_reads(struct question *q, char *rest)
{
	const char *principal = next_word(&rest), *model = next_word(&rest),
		   *since = next_word(&rest), *until = next_word(&rest);

	if (principal == NULL || model == NULL || since == NULL ||
	    until == NULL || rest != NULL || !principal_ok(principal) ||
	    !ref_name_ok(model))
		return ERR_FORMAT;
	q->about = QUESTION_READS;
	snprintf(q->principal, sizeof(q->principal), "%s", principal);
	snprintf(q->model, sizeof(q->model), "%s", model);
	q->until_ms = INT64_MAX;
	if (parse_time(&q->since_ms, since) != 0)
		return ERR_FORMAT;
	return strcmp(until, "-") == 0 ? 0 : parse_time(&q->until_ms, until);
}

int
question_parse(struct question *out, const char *text)
{
	char copy[TEXT_MAX];
	char *rest = copy;
	struct question q = { 0 };
	const char *word;
	int err;

	if (strlen(text) >= sizeof(copy))
		return ERR_FORMAT;
	memcpy(copy, text, strlen(text) + 1);
	word = next_word(&rest);
	if (word == NULL || rest == NULL)
		return ERR_FORMAT;
	if (strcmp(word, "entry") == 0)
		err = parse_index(&q.index, rest);
	else if (strcmp(word, "reads") == 0)
		err = parse_reads(&q, rest);
	else
		err = ERR_FORMAT;
	if (err == 0)
		*out = q;
	return err;
}

char *
question_text(const struct question *q)
{
	char since[ENTRY_TIME_SIZE], until[ENTRY_TIME_SIZE] = "-";
	char *text;
	int n;

	if (q->about == QUESTION_ENTRY) {
		n = asprintf(&text, "entry %" PRIu64, q->index);
		return n < 0 ? NULL : text;
	}
	if (q->until_ms != INT64_MAX)
		entry_time_text(q->until_ms, until);
	n = asprintf(&text, "reads %s %s %s %s", q->principal, q->model,
	    entry_time_text(q->since_ms, since), until);
	return n < 0 ? NULL : text;
}

/* ---- the inquiry ---- */

int
question_begin(struct question_inquiry **out, const struct question *q)
{
	struct question_inquiry *i = calloc(1, sizeof(*i));

	if (i == NULL)
		return ERR_NOMEM;
	i->q = *q;
	*out = i;
	return 0;
}

void
question_inquiry_free(struct question_inquiry *i)
{
	struct session *s, *next;

	if (i == NULL)
		return;
	HASH_ITER(hh, i->sessions, s, next) {
		HASH_DEL(i->sessions, s);
		json_decref(s->versions);
		free(s);
	}
	free(i);
}

int
question_time(const void *entry, size_t n, int64_t *out)
{
	const char *text = entry;
	char time[TIME_LENGTH + 1];

	if (n < strlen(HEAD) + TIME_LENGTH ||
	    memcmp(text, HEAD, strlen(HEAD)) != 0)
		return ERR_FORMAT;
	memcpy(time, text + strlen(HEAD), TIME_LENGTH);
	time[TIME_LENGTH] = '\0';
	return entry_time_parse(out, time);
}

static struct session *
find(const struct question_inquiry *i, uint64_t id)
{
	struct session *s;

	HASH_FIND(hh, i->sessions, &id, sizeof(id), s);
	return s;
}

/* Of these versions, one of the model; with a digest: that one. */
static bool
lists(const json_t *versions, const char *model, const char *version)
{
	json_t *v;
	size_t n;

	json_array_foreach(versions, n, v) {
		const char *name = json_string_value(
			       json_object_get(v, "model")),
			   *hex = json_string_value(
			       json_object_get(v, "version"));

		if (name == NULL || hex == NULL || strcmp(name, model) != 0)
			continue;
		if (version == NULL || strcmp(hex, version) == 0)
			return true;
	}
	return false;
}

static int
open_session(struct question_inquiry *i, uint64_t index,
    const struct entry_view *v, struct question_finding *f)
{
	const char *principal = entry_view_text(v, "for");
	json_t *versions = json_object_get(v->json, "versions");
	struct session *s;

	if (entry_view_number(v, "session", &f->session) != 0 ||
	    principal == NULL || !json_is_array(versions))
		return ERR_FORMAT;
	s = find(i, f->session);
	if (s != NULL)
		return ERR_FORMAT; /* a number is given once */
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return ERR_NOMEM;
	s->id = f->session;
	s->opened = index;
	s->concerned = strcmp(principal, i->q.principal) == 0 ||
	    strcmp(v->by, i->q.principal) == 0;
	s->versions = json_incref(versions);
	HASH_ADD(hh, i->sessions, id, sizeof(s->id), s);
	if (s->concerned && lists(versions, i->q.model, NULL))
		f->bearing = QUESTION_OPENS;
	return 0;
}

/* The bytes that an entry speaks of. */
static int
count_bytes(const struct entry_view *v, struct question_finding *f)
{
	json_t *read;
	size_t n;

	if (v->kind == ENTRY_RELEASE)
		return entry_view_number(v, "bytes", &f->bytes);
	f->told = true;
	json_array_foreach(json_object_get(v->json, "reads"), n, read) {
		json_int_t length = json_integer_value(json_array_get(read, 2));

		if (length > 0)
			f->bytes += (uint64_t)length;
	}
	return 0;
}

/* A release, or extents. */
static int
look_at_read(struct question_inquiry *i, uint64_t index,
    const struct entry_view *v, struct question_finding *f)
{
	const char *version = entry_view_text(v, "version");
	struct session *s;
	int err;

	if (entry_view_number(v, "session", &f->session) != 0 ||
	    version == NULL)
		return ERR_FORMAT;
	s = find(i, f->session);
	if (s == NULL) {
		f->bearing = QUESTION_UNKNOWN;
		return 0;
	}
	if ((!s->concerned && strcmp(v->by, i->q.principal) != 0) ||
	    !lists(s->versions, i->q.model, version))
		return 0;
	err = count_bytes(v, f);
	if (err != 0)
		return err;
	f->bearing = QUESTION_READ;
	if (v->time_ms >= i->q.until_ms)
		f->bearing = QUESTION_AFTER;
	if (v->time_ms >= i->q.since_ms)
		return 0;
	f->bearing = QUESTION_BEFORE;
	if (!f->told) {
		s->released = true;
		s->last = index;
	}
	return 0;
}

static int
look_at_close(struct question_inquiry *i, const struct entry_view *v,
    struct question_finding *f)
{
	struct session *s;

	if (entry_view_number(v, "session", &f->session) != 0)
		return ERR_FORMAT;
	s = find(i, f->session);
	if (s == NULL)
		return 0;
	if (v->time_ms < i->q.since_ms)
		s->closed = true;
	if (s->concerned && lists(s->versions, i->q.model, NULL))
		f->bearing = QUESTION_CLOSES;
	return 0;
}

int
question_look(struct question_inquiry *i, uint64_t index, const void *entry,
    size_t n, struct question_finding *out)
{
	struct question_finding f = { .bearing = QUESTION_NOTHING };
	struct entry_view v;
	int err = entry_parse(&v, entry, n);

	if (err != 0)
		return err;
	f.time_ms = v.time_ms;
	if (v.kind == ENTRY_SESSION_OPEN)
		err = open_session(i, index, &v, &f);
	else if (v.kind == ENTRY_RELEASE || v.kind == ENTRY_EXTENTS)
		err = look_at_read(i, index, &v, &f);
	else if (v.kind == ENTRY_SESSION_CLOSE)
		err = look_at_close(i, &v, &f);
	entry_view_clear(&v);
	if (err == 0)
		*out = f;
	return err;
}

bool
question_opened(const struct question_inquiry *i, uint64_t session,
    uint64_t *index)
{
	const struct session *s = find(i, session);

	if (s == NULL)
		return false;
	*index = s->opened;
	return true;
}

void
question_held(const struct question_inquiry *i,
    void (
	*each)(void *arg, uint64_t session, uint64_t opened, uint64_t released),
    void *arg)
{
	struct session *s, *next;

	HASH_ITER(hh, i->sessions, s, next)
		if (s->released && !s->closed)
			each(arg, s->id, s->opened, s->last);
}
