/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/audit.h"
#include "cli/cmd.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "cli/rulefile.h"
#include "keys/watch.h"
#include "keys/watchfile.h"
#include "vault/entry.h"
#include "vault/err.h"
#include "vault/log.h"

/* An alert that was raised then, or would have been by these rules. */
struct alarm {
	uint64_t index; /* of the entry that made it be raised, or its own */
	int64_t time_ms;
	uint64_t last;	 /* of the entries that it rests on */
	uint64_t number; /* of the one raised then; 0: none */
	bool now;	 /* these rules raise it */
	json_t *json;
};

struct replay {
	const struct options *o;
	int64_t from, to;
	struct watch *watch;
	struct progress *progress;
	uint64_t end;		     /* entries in all */
	uint64_t looked_at, of_time; /* entries */
	int64_t first_ms, last_ms;   /* of the trail */
	const struct watch_event *event;
	struct alarm *now, *then;
	size_t now_count, then_count;
};

static void
replay_clear(struct replay *r)
{
	for (size_t i = 0; i < r->now_count; i++)
		json_decref(r->now[i].json);
	for (size_t i = 0; i < r->then_count; i++)
		json_decref(r->then[i].json);
	free(r->now);
	free(r->then);
	watch_free(r->watch);
}

/* j is taken over; NULL: out of memory. */
static int
add(struct alarm **list, size_t *count, const struct alarm *a)
{
	struct alarm *grown;

	if (a->json == NULL)
		return ERR_NOMEM;
	grown = reallocarray(*list, *count + 1, sizeof(**list));
	if (grown == NULL) {
		json_decref(a->json);
		return ERR_NOMEM;
	}
	*list = grown;
	grown[(*count)++] = *a;
	return 0;
}

static int
set_if(json_t *j, const char *key, const char *text)
{
	return text == NULL ? 0 : out_set(j, key, out_text(text));
}

static json_t *
entries_of(const struct watch_alert *a)
{
	json_t *list = json_array();

	for (size_t i = 0; list != NULL && i < a->entry_count; i++)
		if (json_array_append_new(list,
			json_integer((json_int_t)a->entries[i])) != 0) {
			json_decref(list);
			return NULL;
		}
	return list;
}

/* In the words of `alert ls`. */
static json_t *
describe(const struct watch_alert *a, const struct watch_event *e)
{
	char time[ENTRY_TIME_SIZE], hex[DIGEST_HEX_SIZE];
	OWNED_JSON j = json_pack("{s:s, s:I, s:s, s:s, s:I}", "time",
	    entry_time_text(e->time_ms, time), "entry", (json_int_t)e->index,
	    "rule", a->rule, "severity", watch_rules_severity(a->severity),
	    "score", (json_int_t)(a->score * 1000 + 0.5));

	if (j == NULL || set_if(j, "principal", a->principal) != 0 ||
	    set_if(j, "model", a->model) != 0 ||
	    (a->version != NULL &&
		set_if(j, "version", digest_hex(a->version, hex)) != 0) ||
	    (a->session != 0 &&
		out_set(j, "session", json_integer((json_int_t)a->session)) !=
		    0) ||
	    set_if(j, "reason", a->reason) != 0 ||
	    set_if(j, "advice", a->advice) != 0 ||
	    out_set(j, "entries", entries_of(a)) != 0)
		return NULL;
	return json_incref(j);
}

static bool
within(const struct replay *r, int64_t time_ms)
{
	return time_ms >= r->from && time_ms < r->to;
}

static int
raise_now(void *arg, const struct watch_alert *a)
{
	struct replay *r = arg;
	struct alarm alarm = { .index = r->event->index,
		.time_ms = r->event->time_ms,
		.last = r->event->index,
		.now = true };

	if (!within(r, r->event->time_ms))
		return 0;
	alarm.json = describe(a, r->event);
	return add(&r->now, &r->now_count, &alarm);
}

static int
raised_then(struct replay *r, const struct watch_event *e,
    const struct entry_view *v)
{
	static const char *const of_entries[] = { "v", "kind", "by", "uid" };
	const json_t *list = json_object_get(v->json, "entries");
	size_t n = json_array_size(list);
	struct alarm a = { .index = e->index, .time_ms = e->time_ms };

	if (entry_view_number(v, "alert", &a.number) != 0)
		return 0;
	a.last = n > 0 ?
	    (uint64_t)json_integer_value(json_array_get(list, n - 1)) :
	    e->index;
	a.json = json_copy(v->json);
	for (size_t i = 0; i < sizeof(of_entries) / sizeof(*of_entries); i++)
		if (a.json != NULL)
			json_object_del(a.json, of_entries[i]);
	return add(&r->then, &r->then_count, &a);
}

static void
note_time(struct replay *r, int64_t time_ms)
{
	if (r->looked_at == 1 || time_ms < r->first_ms)
		r->first_ms = time_ms;
	if (r->looked_at == 1 || time_ms > r->last_ms)
		r->last_ms = time_ms;
	r->of_time += within(r, time_ms);
}

static int
look(struct replay *r, const struct watch_event *e)
{
	r->event = e;
	return watch_feed(r->watch, e, raise_now, r);
}

static int
look_parsed(struct replay *r, uint64_t index, const uint8_t *entry, size_t n)
{
	struct watch_event e;
	struct entry_view v;
	int err;

	if (entry_parse(&v, entry, n) != 0)
		return log_err(ERR_FORMAT,
		    "entry %llu of the trail cannot be understood; is it from "
		    "a newer weir?",
		    (unsigned long long)index);
	watch_event_of(&e, index, &v);
	note_time(r, e.time_ms);
	/* What was said then is no reason for these rules to be silent. */
	err = e.kind == ENTRY_ALERT ? raised_then(r, &e, &v) : look(r, &e);
	entry_view_clear(&v);
	return err;
}

static int
each(void *arg, uint64_t index, const uint8_t *entry, size_t n)
{
	struct replay *r = arg;
	struct watch_event e;
	char by[WATCH_SCAN_BY];

	if (*r->o->stop)
		return CMD_INTERRUPTED;
	r->looked_at++;
	progress_entries(r->progress, index + 1, r->end);
	if (!watch_scan(&e, index, entry, n, by))
		return look_parsed(r, index, entry, n);
	note_time(r, e.time_ms);
	return look(r, &e);
}

/* ---- what differs ---- */

static bool
same_text(const json_t *a, const json_t *b, const char *key)
{
	const char *x = json_string_value(json_object_get(a, key));
	const char *y = json_string_value(json_object_get(b, key));

	return x == NULL || y == NULL ? x == y : strcmp(x, y) == 0;
}

static bool
same(const struct alarm *now, const struct alarm *then)
{
	return now->last == then->last &&
	    same_text(now->json, then->json, "rule") &&
	    same_text(now->json, then->json, "principal") &&
	    same_text(now->json, then->json, "model");
}

static void
match(struct replay *r)
{
	for (size_t i = 0; i < r->now_count; i++)
		for (size_t k = 0; k < r->then_count; k++)
			if (!r->then[k].now && r->now[i].number == 0 &&
			    same(&r->now[i], &r->then[k])) {
				r->now[i].number = r->then[k].number;
				r->then[k].now = true;
			}
}

static const char *
change_of(const struct alarm *a)
{
	return !a->now ? "gone" : a->number == 0 ? "new" : "same";
}

static int
print_json(const struct alarm *a)
{
	OWNED_JSON j = json_copy(a->json);
	double score = (double)json_integer_value(json_object_get(j, "score"));

	if (j == NULL || out_set(j, "score", json_real(score / 1000)) != 0 ||
	    out_set(j, "change", json_string(change_of(a))) != 0 ||
	    out_set(j, "alert",
		a->number != 0 ? json_integer((json_int_t)a->number) :
				 json_null()) != 0 ||
	    (!a->now &&
		out_set(j, "entry", json_integer((json_int_t)a->index)) != 0))
		return ERR_NOMEM;
	return out_json(j);
}

static const char *
text(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));

	return s != NULL ? s : "";
}

static int
add_row(struct out_table *t, const struct alarm *a)
{
	char time[OUT_TIME], number[24] = "", entry[24];
	const char *cells[] = { out_time(a->time_ms, time), change_of(a),
		number, text(a->json, "severity"), text(a->json, "rule"),
		text(a->json, "principal"), text(a->json, "model"), entry,
		text(a->json, "reason") };

	if (a->number != 0)
		snprintf(number, sizeof(number), "%llu",
		    (unsigned long long)a->number);
	snprintf(entry, sizeof(entry), "%llu", (unsigned long long)a->last);
	return out_table_add(t, cells);
}

/* In the order of the entries that they rest on: those of now, and between them
 * those that these rules do not raise. */
static int
each_alarm(const struct replay *r, struct out_table *t)
{
	size_t i = 0, k = 0;
	int err = 0;

	while (err == 0 && (i < r->now_count || k < r->then_count)) {
		const struct alarm *a;

		if (k < r->then_count &&
		    (i == r->now_count || r->then[k].last < r->now[i].last)) {
			a = &r->then[k++];
			if (a->now || !within(r, a->time_ms))
				continue;
		} else
			a = &r->now[i++];
		err = t != NULL ? add_row(t, a) : print_json(a);
	}
	return err;
}

static int
print_all(const struct replay *r)
{
	static const char *const heads[] = { "TIME (UTC)", "CHANGE", ">ALERT",
		"SEVERITY", "RULE", "WHO", "MODEL", ">ENTRY", "WHY" };
	OWNED(out_table) table = NULL;
	int err;

	if (r->o->json)
		return each_alarm(r, NULL);
	if ((err = out_table_new(&table, heads, 9)) != 0 ||
	    (err = each_alarm(r, table)) != 0)
		return err;
	out_table_print(table);
	return 0;
}

static void
sum_up(const struct replay *r)
{
	size_t kept = 0, gone = 0;
	char count[OUT_COUNT], alerts[OUT_COUNT];
	char first[OUT_TIME], last[OUT_TIME];

	if (r->of_time == 0 && r->looked_at > 0)
		log_warn("the trail has no entry of that time: it goes from %s "
			 "to %s UTC",
		    out_time(r->first_ms, first), out_time(r->last_ms, last));

	for (size_t i = 0; i < r->now_count; i++)
		kept += r->now[i].number != 0;
	for (size_t k = 0; k < r->then_count; k++)
		gone += !r->then[k].now && within(r, r->then[k].time_ms);
	log_info("%s by these rules: %zu as then, %zu new; %zu raised then "
		 "are gone (%s looked at in %.1f s)",
	    out_count(r->now_count, "alert", alerts), kept, r->now_count - kept,
	    gone, out_count(r->looked_at, "entry", count),
	    progress_seconds(r->progress));
}

static int
replay(struct replay *r, struct audit *a, const struct watch_rules *rules)
{
	OWNED(progress) progress = NULL;
	int err;

	if ((err = progress_new(&progress, r->o->quiet)) != 0 ||
	    (err = watch_new(&r->watch, rules)) != 0)
		return err;
	r->progress = progress;
	r->end = trail_reader_checkpoint(a->reader)->size;
	err = trail_reader_stream(a->reader, 0, UINT64_MAX, each, r);
	progress_clear(progress);
	if (err != 0)
		return err;
	match(r);
	err = print_all(r);
	if (err == 0 && !r->o->quiet)
		sum_up(r);
	return err;
}

/* Those of a file, or those of the vault. */
static int
load_rules(const struct audit *a, const char *path, struct watch_rules *rules)
{
	struct watchfile file;
	struct deliver deliver;
	int err;

	if (path != NULL)
		return rulefile_load(path, rules, &deliver);
	err = watchfile_load(&file, a->vault);
	if (err != 0)
		return log_err(err,
		    "'%s/" WATCHFILE "' is not sound: %s; name others: "
		    "--rules FILE",
		    a->vault->path, watchfile_why(&file));
	*rules = file.rules;
	return 0;
}

int
cmd_audit_replay(struct options *o, int argc, char **argv)
{
	struct replay r = { .o = o, .from = INT64_MIN, .to = INT64_MAX };
	const char *path = NULL, *from = NULL, *to = NULL;
	bool offline = false;
	const struct options_own own[] = {
		{ "rules", 0, OPTIONS_TEXT, &path },
		{ "from", 0, OPTIONS_TEXT, &from },
		{ "to", 0, OPTIONS_TEXT, &to },
		{ "offline", 0, OPTIONS_FLAG, &offline },
		OPTIONS_END,
	};
	struct options_operands none;
	struct watch_rules rules;
	OWNED(audit) a = NULL;
	int err;

	if ((err = options_parse(o, own, argc, argv, &none)) != 0)
		return err;
	if (from != NULL &&
	    (err = options_time(o, "--from", from, -1, &r.from)) != 0)
		return err;
	if (to != NULL && (err = options_time(o, "--to", to, -1, &r.to)) != 0)
		return err;
	if (r.from >= r.to)
		return options_wrong(o, "--from must be before --to");
	if ((err = audit_open(&a, o, offline)) != 0)
		return audit_end(a, err);
	err = load_rules(a, path, &rules);
	if (err == 0)
		err = replay(&r, a, &rules);
	replay_clear(&r);
	return audit_end(a, err);
}
