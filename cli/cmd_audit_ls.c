/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/audit.h"
#include "cli/cmd.h"
#include "cli/index.h"
#include "cli/out.h"
#include "cli/story.h"
#include "vault/entry.h"
#include "vault/err.h"
#include "vault/log.h"
#include "vault/ref.h"

/* Entries that --limit keeps back until it is known that they are the
 * newest: a ring. */
struct kept {
	uint64_t index;
	uint8_t *bytes;
	size_t length;
};

struct list {
	const struct options *o;
	const char *by;
	const char *model;
	int64_t since, until;
	struct options_list kinds;
	bool all;  /* starts and stops of keyd, too */
	bool scan; /* without the index */
	const struct index *index;
	struct story *story;
	uint64_t limit; /* 0: none */
	struct kept *ring;
	uint64_t matched;
	uint64_t looked_at;
	bool knows_by, knows_model; /* the trail has such a one at all */
	bool headed;
};

static int
tell_json(struct list *l, uint64_t index, const struct entry_view *v)
{
	OWNED_JSON j = NULL;
	int r;

	if ((r = story_json(l->story, index, v, &j)) != 0)
		return r;
	return out_json(j);
}

static int
tell_line(struct list *l, uint64_t index, const struct entry_view *v)
{
	OWNED_MEM(char) what = NULL;
	char time[OUT_TIME];
	int r;

	if ((r = story_tell(l->story, v, &what)) != 0)
		return r;
	if (!l->headed)
		out_line("%6s  %-19s  %-15s  %-14s  %s", "INDEX", "TIME (UTC)",
		    "KIND", "BY", "WHAT");
	l->headed = true;
	out_line("%6llu  %-19s  %-15s  %-14s  %s", (unsigned long long)index,
	    out_time(v->time_ms, time), entry_kind_name(v->kind), v->by, what);
	return 0;
}

static int
tell(struct list *l, uint64_t index, const struct entry_view *v)
{
	return l->o->json ? tell_json(l, index, v) : tell_line(l, index, v);
}

/* "session.open" is meant by itself and by "session". */
static bool
kind_is(enum entry_kind kind, const char *wanted)
{
	const char *name = entry_kind_name(kind);
	size_t n = strlen(wanted);

	return strncmp(name, wanted, n) == 0 &&
	    (name[n] == '\0' || name[n] == '.');
}

/* An embedded keyd starts and stops with nearly every command: that is told
 * when it is asked for. */
static bool
is_hidden(const struct list *l, enum entry_kind kind)
{
	return !l->all && l->kinds.count == 0 &&
	    (kind == ENTRY_KEYD_START || kind == ENTRY_KEYD_STOP) &&
	    (l->by == NULL || strcmp(l->by, "keyd") != 0);
}

static bool
wanted(struct list *l, const struct entry_view *v)
{
	const char *to = entry_view_text(v, "to");
	bool by = l->by == NULL || story_by(l->story, v, l->by);
	bool model = l->model == NULL || story_about(l->story, v, l->model);
	bool kind = l->kinds.count == 0;

	l->looked_at++;
	l->knows_by = l->knows_by || by ||
	    (to != NULL && strcmp(to, l->by) == 0);
	l->knows_model = l->knows_model || model;
	for (size_t i = 0; i < l->kinds.count; i++)
		kind = kind || kind_is(v->kind, l->kinds.items[i]);
	return by && model && kind && !is_hidden(l, v->kind) &&
	    v->time_ms >= l->since && v->time_ms < l->until;
}

static int
keep(struct list *l, uint64_t index, const uint8_t *entry, size_t n)
{
	struct kept *k = &l->ring[(l->matched - 1) % l->limit];
	uint8_t *bytes = malloc(n);

	if (bytes == NULL)
		return ERR_NOMEM;
	memcpy(bytes, entry, n);
	free(k->bytes);
	*k = (struct kept){ .index = index, .bytes = bytes, .length = n };
	return 0;
}

/* Most of a long trail, of another time than is asked for: nothing is learned
 * from it that the session's or the upload's beginning did not tell. */
static bool
is_passed_over(const struct list *l, const uint8_t *entry, size_t n)
{
	enum entry_kind kind;
	int64_t time_ms;

	return entry_peek(entry, n, &time_ms, &kind) &&
	    (kind == ENTRY_RELEASE || kind == ENTRY_EXTENTS ||
		kind == ENTRY_PUT_KEYS) &&
	    (time_ms < l->since || time_ms >= l->until);
}

static int
each(void *arg, uint64_t index, const uint8_t *entry, size_t n)
{
	struct list *l = arg;
	struct entry_view v;
	int r;

	if (is_passed_over(l, entry, n)) {
		l->looked_at++;
		return 0;
	}
	if (entry_parse(&v, entry, n) != 0)
		return log_err(ERR_FORMAT,
		    "entry %llu of the trail cannot be understood; is it from "
		    "a newer weir?",
		    (unsigned long long)index);
	if ((r = story_learn(l->story, &v)) == 0 && wanted(l, &v)) {
		l->matched++;
		r = l->limit > 0 ? keep(l, index, entry, n) :
				   tell(l, index, &v);
	}
	entry_view_clear(&v);
	return r;
}

static int
tell_kept(struct list *l)
{
	uint64_t count = l->matched < l->limit ? l->matched : l->limit;
	int r = 0;

	for (uint64_t i = l->matched - count; r == 0 && i < l->matched; i++) {
		const struct kept *k = &l->ring[i % l->limit];
		struct entry_view v;

		if ((r = entry_parse(&v, k->bytes, k->length)) != 0)
			return r;
		r = tell(l, k->index, &v);
		entry_view_clear(&v);
	}
	return r;
}

/* --- by the index --- */

static uint64_t
kinds_meant(const struct list *l)
{
	uint64_t kinds = 0;

	if (l->kinds.count == 0)
		return TRAIL_INDEX_ALL;
	for (int k = 0; k < ENTRY_KINDS; k++)
		for (size_t i = 0; i < l->kinds.count; i++)
			if (kind_is((enum entry_kind)k, l->kinds.items[i]))
				kinds |= TRAIL_INDEX_KIND(k);
	return kinds;
}

static bool
narrows(const struct list *l)
{
	return l->by != NULL || l->model != NULL || l->kinds.count > 0 ||
	    l->since != INT64_MIN || l->until != INT64_MAX;
}

static int
knows(const struct list *l, const char *who, const char *model, bool *out)
{
	const struct trail_index_query q = {
		.who = who,
		.model = model,
		.since_ms = INT64_MIN,
		.until_ms = INT64_MAX,
		.kinds = TRAIL_INDEX_ALL,
	};
	struct trail_index_found found;
	int r;

	if (*out)
		return 0;
	if ((r = trail_index_find(index_content(l->index), &q, &found)) != 0)
		return r;
	*out = found.count > 0;
	free(found.entries);
	return 0;
}

static int
look(struct list *l, struct audit *a)
{
	const struct trail_index_query q = {
		.who = l->by,
		.model = l->model,
		.since_ms = l->since,
		.until_ms = l->until,
		.kinds = kinds_meant(l),
		.context = true,
	};
	int r;

	if (l->index == NULL)
		return trail_reader_each(a->reader, 0, UINT64_MAX, each, l);
	r = index_each(l->index, &q, each, l);
	if (r == 0 && l->matched == 0)
		r = knows(l, l->by, NULL, &l->knows_by);
	if (r == 0 && l->matched == 0)
		r = knows(l, NULL, l->model, &l->knows_model);
	return r;
}

/* Nothing is an answer, and a slip of the hand looks like one. */
static void
say_nothing(const struct list *l)
{
	if (!l->knows_by)
		log_warn("the trail has never seen '%s'", l->by);
	if (!l->knows_model)
		log_warn("the trail has never seen a model '%s'", l->model);
	if (l->o->quiet)
		return;
	log_info("no entries match (%llu looked at)",
	    (unsigned long long)l->looked_at);
	if (l->index != NULL)
		log_info("the index of the first %llu named no others: 'weir "
			 "audit ls --scan' looks at all, and 'weir audit "
			 "verify' checks the index",
		    (unsigned long long)index_size(l->index));
}

static int
run(struct list *l, bool offline)
{
	OWNED(audit) a = NULL;
	OWNED(index) index = NULL;
	OWNED(story) story = NULL;
	char count[OUT_COUNT];
	int r;

	if ((r = audit_open(&a, l->o, offline)) != 0 ||
	    (r = story_new(&story, a->client, a->store)) != 0)
		return audit_end(a, r);
	if (narrows(l) && !l->scan && (r = index_open(&index, a)) != 0)
		return audit_end(a, r);
	l->index = index;
	l->story = story;
	if (l->limit > 0) {
		l->ring = calloc(l->limit, sizeof(*l->ring));
		if (l->ring == NULL)
			return ERR_NOMEM;
	}

	r = look(l, a);
	if (r == 0 && l->limit > 0)
		r = tell_kept(l);
	for (uint64_t i = 0; l->ring != NULL && i < l->limit; i++)
		free(l->ring[i].bytes);
	free(l->ring);

	if (r == 0 && l->matched == 0)
		say_nothing(l);
	if (r == 0 && story_unnamed(story) > 0)
		log_warn("the files of %s have numbers instead of names: you "
			 "may not see them, or they are damaged ('weir check')",
		    out_count(story_unnamed(story), "version", count));
	return audit_end(a, r);
}

void
cmd_audit_kinds(FILE *f)
{
	size_t width = 0;

	for (int k = 0; k < ENTRY_KINDS; k++) {
		const char *name = entry_kind_name((enum entry_kind)k);
		const char *after = k + 1 < ENTRY_KINDS ? "," : ".";

		if (width + strlen(name) + 2 > 78) {
			fputc('\n', f);
			width = 0;
		}
		width += (size_t)fprintf(f, "%s%s%s", width > 0 ? " " : "  ",
		    name, after);
	}
	fputc('\n', f);
}

static int
check_kinds(const struct options *o, const struct options_list *kinds)
{
	for (size_t i = 0; i < kinds->count; i++) {
		bool known = false;

		for (int k = 0; k < ENTRY_KINDS; k++)
			known = known ||
			    kind_is((enum entry_kind)k, kinds->items[i]);
		if (!known)
			return options_wrong(o, "there is no kind '%s'",
			    kinds->items[i]);
	}
	return 0;
}

int
cmd_audit_ls(struct options *o, int argc, char **argv)
{
	struct list l = { .o = o, .since = INT64_MIN, .until = INT64_MAX };
	const char *since = NULL, *until = NULL, *limit = NULL;
	bool offline = false;
	const struct options_own own[] = {
		{ "by", 0, OPTIONS_TEXT, &l.by },
		{ "model", 0, OPTIONS_TEXT, &l.model },
		{ "since", 0, OPTIONS_TEXT, &since },
		{ "until", 0, OPTIONS_TEXT, &until },
		{ "kind", 0, OPTIONS_LIST, &l.kinds },
		{ "all", 0, OPTIONS_FLAG, &l.all },
		{ "limit", 0, OPTIONS_TEXT, &limit },
		{ "scan", 0, OPTIONS_FLAG, &l.scan },
		{ "offline", 0, OPTIONS_FLAG, &offline },
		OPTIONS_END,
	};
	struct options_operands none;
	int r;

	if ((r = options_parse(o, own, argc, argv, &none)) != 0)
		return r;
	if (since != NULL &&
	    (r = options_time(o, "--since", since, -1, &l.since)) != 0)
		return r;
	if (until != NULL &&
	    (r = options_time(o, "--until", until, -1, &l.until)) != 0)
		return r;
	if (limit != NULL &&
	    ((r = options_number(o, "--limit", limit, 1000000, &l.limit)) != 0))
		return r;
	if (limit != NULL && l.limit == 0)
		return options_wrong(o, "--limit must be at least 1");
	if (l.by != NULL && strcmp(l.by, "keyd") != 0 &&
	    (r = options_principal(o, l.by)) != 0)
		return r;
	if (l.model != NULL && !ref_name_ok(l.model))
		return options_wrong(o,
		    "--model must be the name of a model, "
		    "without channel or digest");
	if ((r = check_kinds(o, &l.kinds)) != 0)
		return r;
	return run(&l, offline);
}
