/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/watch.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys/watch_parts.h"
#include "vault/err.h"

#define KEY_MAX_BYTES 4096

int
watch_new(struct watch **out, const struct watch_rules *rules)
{
	struct watch *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return ERR_NOMEM;
	w->rules = rules;
	TAILQ_INIT(&w->whos);
	TAILQ_INIT(&w->whats);
	TAILQ_INIT(&w->readings);
	TAILQ_INIT(&w->recent);
	*out = w;
	return 0;
}

void
watch_free(struct watch *w)
{
	struct watch_pause *p, *next;

	if (w == NULL)
		return;
	watch_state_free(w);
	HASH_ITER(hh, w->pauses, p, next) {
		HASH_DEL(w->pauses, p);
		free(p);
	}
	free(w);
}

/* ---- pauses ---- */

/* Rule, principal and model, each with a NUL behind. */
static size_t
pause_key(char key[static KEY_MAX_BYTES], const char *rule, const char *who,
    const char *model)
{
	const char *const parts[] = { rule, who, model };
	size_t at = 0;

	for (size_t i = 0; i < 3; i++) {
		const char *s = parts[i] != NULL ? parts[i] : "";
		size_t n = strnlen(s, KEY_MAX_BYTES / 4);

		memcpy(key + at, s, n);
		at += n;
		key[at++] = '\0';
	}
	return at;
}

static struct watch_pause *
find_pause(struct watch *w, const char *key, size_t n)
{
	struct watch_pause *p;

	HASH_FIND(hh, w->pauses, key, n, p);
	return p;
}

static void
drop_pause(struct watch *w, struct watch_pause *p)
{
	HASH_DEL(w->pauses, p);
	free(p);
}

/* Those that are over, and if there are none, the oldest. */
static void
make_room(struct watch *w)
{
	struct watch_pause *p, *next;

	HASH_ITER(hh, w->pauses, p, next)
		if (p->until <= w->now)
			drop_pause(w, p);
	if (HASH_COUNT(w->pauses) >= w->rules->max_readings)
		drop_pause(w, w->pauses);
}

static int
set_pause(struct watch *w, enum watch_rule_id rule, const char *who,
    const char *model)
{
	char key[KEY_MAX_BYTES];
	size_t n = pause_key(key, watch_rules_name(rule), who, model);
	struct watch_pause *p = find_pause(w, key, n);

	if (p == NULL) {
		if (HASH_COUNT(w->pauses) >= w->rules->max_readings)
			make_room(w);
		p = calloc(1, sizeof(*p) + n);
		if (p == NULL)
			return ERR_NOMEM;
		p->length = n;
		memcpy(p->key, key, n);
		HASH_ADD_KEYPTR(hh, w->pauses, p->key, n, p);
		if (p->hh.tbl == NULL) {
			free(p);
			return ERR_NOMEM;
		}
	}
	p->until = w->now + w->rules->rules[rule].pause;
	return 0;
}

bool
watch_may(struct watch *w, enum watch_rule_id rule, const char *who,
    const char *model)
{
	char key[KEY_MAX_BYTES];
	const struct watch_pause *p;
	size_t n;

	if (!w->rules->rules[rule].enabled)
		return false;
	if (w->pauses == NULL)
		return true;
	n = pause_key(key, watch_rules_name(rule), who, model);
	p = find_pause(w, key, n);
	return p == NULL || p->until <= w->now;
}

/* An alert that was raised before. */
static int
raised(struct watch *w, const struct watch_event *e)
{
	for (unsigned int id = 0; id < WATCH_RULES && e->rule != NULL; id++)
		if (strcmp(watch_rules_name((enum watch_rule_id)id), e->rule) ==
		    0)
			return set_pause(w, (enum watch_rule_id)id,
			    e->principal, e->model);
	return 0;
}

/* ---- alerts ---- */

const char *
watch_share_text(uint64_t ppm, char buf[static WATCH_SHARE])
{
	if (ppm % 10000 == 0)
		snprintf(buf, WATCH_SHARE, "%llu %%",
		    (unsigned long long)ppm / 10000);
	else
		snprintf(buf, WATCH_SHARE, "%llu.%02llu %%",
		    (unsigned long long)ppm / 10000,
		    (unsigned long long)ppm / 100 % 100);
	return buf;
}

static int
by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void
add_entry(struct watch_alert *a, uint64_t index)
{
	for (size_t i = 0; i < a->entry_count; i++)
		if (a->entries[i] == index)
			return;
	if (a->entry_count < WATCH_ENTRIES)
		a->entries[a->entry_count++] = index;
}

/* The one in hand, those that were named, then the newest of the trace. */
static void
add_entries(const struct watch *w, struct watch_alert *a,
    const struct watch_about *about)
{
	add_entry(a, w->e->index);
	for (size_t i = 0; i < about->entry_count; i++)
		add_entry(a, about->entries[i]);
	for (size_t i = 0;
	     about->trace != NULL && i < watch_trace_count(about->trace); i++)
		add_entry(a, watch_trace_last(about->trace, i));
	qsort(a->entries, a->entry_count, sizeof(a->entries[0]), by_number);
}

const char *
watch_advice(char out[static WATCH_REASON], const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(out, WATCH_REASON, fmt, args);
	va_end(args);
	return out;
}

int
watch_say(struct watch *w, const struct watch_about *about, const char *advice,
    const char *fmt, ...)
{
	struct watch_alert a = {
		.rule = watch_rules_name(about->rule),
		.severity = w->rules->rules[about->rule].severity,
		.score = about->score,
		.principal = about->who,
		.model = about->model,
		.version = about->version,
		.session = about->session,
	};
	va_list args;
	int err;

	va_start(args, fmt);
	vsnprintf(a.reason, sizeof(a.reason), fmt, args);
	va_end(args);
	snprintf(a.advice, sizeof(a.advice), "%s", advice);
	add_entries(w, &a, about);
	err = set_pause(w, about->rule, about->who, about->model);
	return err == 0 ? w->raise(w->arg, &a) : err;
}

/* ---- entries ---- */

static int
forgets(struct watch *w)
{
	const struct watch_about about = { .rule = WATCH_FORGETS, .score = 1 };

	if (!w->forgot)
		return 0;
	w->forgot = false;
	if (!watch_may(w, WATCH_FORGETS, NULL, NULL))
		return 0;
	return watch_say(w, &about, "weir watch check watch.ini",
	    "more is going on than the watch remembers: it forgets what it saw "
	    "least lately; raise the numbers of [memory] in the rules");
}

static int
look(struct watch *w, const struct watch_event *e)
{
	int err = watch_clock(w, e);

	if (err == 0 && e->kind == ENTRY_ALERT)
		return raised(w, e);
	if (err == 0)
		err = watch_fact(w, e);
	/* No room, and nothing may be forgotten: it goes on without. */
	if (err == ERR_LIMIT) {
		w->forgot = true;
		err = 0;
	}
	return err == 0 ? forgets(w) : err;
}

int
watch_feed(struct watch *w, const struct watch_event *e,
    int (*raise)(void *arg, const struct watch_alert *a), void *arg)
{
	int err;

	w->e = e;
	w->raise = raise;
	w->arg = arg;
	err = look(w, e);
	w->e = NULL;
	return err;
}
