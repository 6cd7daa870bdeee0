/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/sentry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define START INT64_C(1790000000000)

void
sentry_begin(struct sentry *l)
{
	*l = (struct sentry){ .clock = 100000 };
	watch_rules_default(&l->rules);
	if (watch_new(&l->watch, &l->rules) != 0)
		abort();
}

void
sentry_end(struct sentry *l)
{
	watch_free(l->watch);
	l->watch = NULL;
}

static int
keep(void *arg, const struct watch_alert *a)
{
	struct sentry *l = arg;
	struct sentry_alert *to;

	if (l->count++ >= SENTRY_ALERTS)
		return 0;
	to = &l->alerts[l->count - 1];
	snprintf(to->rule, sizeof(to->rule), "%s", a->rule);
	snprintf(to->principal, sizeof(to->principal), "%s",
	    a->principal != NULL ? a->principal : "");
	snprintf(to->model, sizeof(to->model), "%s",
	    a->model != NULL ? a->model : "");
	snprintf(to->reason, sizeof(to->reason), "%s", a->reason);
	snprintf(to->advice, sizeof(to->advice), "%s", a->advice);
	to->severity = a->severity;
	to->session = a->session;
	to->at = l->index - 1;
	to->entry_count = a->entry_count;
	memcpy(to->entries, a->entries, sizeof(to->entries));
	return 0;
}

size_t
sentry_count(const struct sentry *l, const char *rule)
{
	size_t n = 0;

	for (size_t i = 0; i < l->count && i < SENTRY_ALERTS; i++)
		n += strcmp(l->alerts[i].rule, rule) == 0;
	return n;
}

const struct sentry_alert *
sentry_find(const struct sentry *l, const char *rule)
{
	for (size_t i = 0; i < l->count && i < SENTRY_ALERTS; i++)
		if (strcmp(l->alerts[i].rule, rule) == 0)
			return &l->alerts[i];
	return NULL;
}

void
sentry_tell(struct sentry *l, struct watch_event *e)
{
	e->index = l->index++;
	e->time_ms = START + (int64_t)l->clock * 1000 + l->ahead_ms;
	e->clock = l->clock;
	if (watch_feed(l->watch, e, keep, l) != 0)
		abort();
}

struct digest
sentry_version(unsigned int number)
{
	return digest_of(&number, sizeof(number));
}

void
sentry_put(struct sentry *l, const char *model, unsigned int version)
{
	struct watch_event e = { .kind = ENTRY_PUT,
		.by = "user:up",
		.uid = -1,
		.model = model,
		.version = sentry_version(version),
		.total = SENTRY_WEIGHTS };

	sentry_tell(l, &e);
}

uint64_t
sentry_grant(struct sentry *l, const char *to, const char *model,
    enum msg_grant_type type, unsigned int exact_version)
{
	struct watch_event e = { .kind = ENTRY_GRANT_ADD,
		.by = "user:boss",
		.uid = -1,
		.grant = ++l->ids,
		.model = model,
		.principal = to,
		.type = type };

	if (exact_version != 0)
		e.version = sentry_version(exact_version);
	sentry_tell(l, &e);
	return e.grant;
}

uint64_t
sentry_open(struct sentry *l, const char *who, const char *model,
    unsigned int version, enum msg_grant_type type, const char *channel)
{
	struct watch_event e = { .kind = ENTRY_SESSION_OPEN,
		.by = who,
		.uid = 1000,
		.principal = who,
		.host = "node1",
		.purpose = "mount",
		.model = model,
		.channel = channel,
		.version = sentry_version(version),
		.grant = l->ids,
		.type = type };

	e.session = ++l->ids;
	sentry_tell(l, &e);
	return e.session;
}

void
sentry_release(struct sentry *l, uint64_t session, unsigned int version,
    uint64_t fresh, uint32_t used, uint32_t pool)
{
	struct watch_event e = { .kind = ENTRY_RELEASE,
		.by = "user:any",
		.uid = 1000,
		.session = session,
		.version = sentry_version(version),
		.first = l->first,
		.count = 1,
		.bytes = fresh,
		.weights = fresh,
		.fresh = fresh,
		.used_ppm = used,
		.pool_ppm = pool };

	l->first += 2; /* not from front to back */
	sentry_tell(l, &e);
}

void
sentry_extents(struct sentry *l, uint64_t session, uint64_t bytes, uint32_t uid)
{
	struct watch_event e = { .kind = ENTRY_EXTENTS,
		.by = "user:any",
		.uid = 1000,
		.session = session,
		.read_bytes = bytes,
		.readers = { uid },
		.reader_count = 1 };

	sentry_tell(l, &e);
}

void
sentry_close(struct sentry *l, uint64_t session, const char *reason)
{
	struct watch_event e = { .kind = ENTRY_SESSION_CLOSE,
		.by = strcmp(reason, "unmounted") == 0 ? "user:any" : "keyd",
		.uid = -1,
		.session = session,
		.reason = reason };

	sentry_tell(l, &e);
}

void
sentry_refused(struct sentry *l, const char *by, const char *reason)
{
	struct watch_event e = { .kind = ENTRY_REFUSED,
		.by = by,
		.uid = 1000,
		.request = "release",
		.reason = reason };

	sentry_tell(l, &e);
}
