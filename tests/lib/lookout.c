/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/lookout.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define START INT64_C(1790000000000)

void
lookout_begin(struct lookout *l)
{
	*l = (struct lookout){ .clock = 100000 };
	watch_rules_default(&l->rules);
	if (watch_new(&l->watch, &l->rules) != 0)
		abort();
}

void
lookout_end(struct lookout *l)
{
	watch_free(l->watch);
	l->watch = NULL;
}

static int
keep(void *arg, const struct watch_alert *a)
{
	struct lookout *l = arg;
	struct lookout_alert *to;

	if (l->count++ >= LOOKOUT_ALERTS)
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
lookout_count(const struct lookout *l, const char *rule)
{
	size_t n = 0;

	for (size_t i = 0; i < l->count && i < LOOKOUT_ALERTS; i++)
		n += strcmp(l->alerts[i].rule, rule) == 0;
	return n;
}

const struct lookout_alert *
lookout_find(const struct lookout *l, const char *rule)
{
	for (size_t i = 0; i < l->count && i < LOOKOUT_ALERTS; i++)
		if (strcmp(l->alerts[i].rule, rule) == 0)
			return &l->alerts[i];
	return NULL;
}

void
lookout_tell(struct lookout *l, struct watch_event *e)
{
	e->index = l->index++;
	e->time_ms = START + (int64_t)l->clock * 1000 + l->ahead_ms;
	e->clock = l->clock;
	if (watch_feed(l->watch, e, keep, l) != 0)
		abort();
}

struct digest
lookout_version(unsigned int number)
{
	return digest_of(&number, sizeof(number));
}

void
lookout_put(struct lookout *l, const char *model, unsigned int version)
{
	struct watch_event e = { .kind = ENTRY_PUT,
		.by = "user:up",
		.uid = -1,
		.model = model,
		.version = lookout_version(version),
		.total = LOOKOUT_WEIGHTS };

	lookout_tell(l, &e);
}

uint64_t
lookout_grant(struct lookout *l, const char *to, const char *model,
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
		e.version = lookout_version(exact_version);
	lookout_tell(l, &e);
	return e.grant;
}

uint64_t
lookout_open(struct lookout *l, const char *who, const char *model,
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
		.version = lookout_version(version),
		.grant = l->ids,
		.type = type };

	e.session = ++l->ids;
	lookout_tell(l, &e);
	return e.session;
}

void
lookout_release(struct lookout *l, uint64_t session, unsigned int version,
    uint64_t fresh, uint32_t used, uint32_t pool)
{
	struct watch_event e = { .kind = ENTRY_RELEASE,
		.by = "user:any",
		.uid = 1000,
		.session = session,
		.version = lookout_version(version),
		.first = l->first,
		.count = 1,
		.bytes = fresh,
		.weights = fresh,
		.fresh = fresh,
		.used_ppm = used,
		.pool_ppm = pool };

	l->first += 2; /* not from front to back */
	lookout_tell(l, &e);
}

void
lookout_extents(struct lookout *l, uint64_t session, uint64_t bytes,
    uint32_t uid)
{
	struct watch_event e = { .kind = ENTRY_EXTENTS,
		.by = "user:any",
		.uid = 1000,
		.session = session,
		.read_bytes = bytes,
		.readers = { uid },
		.reader_count = 1 };

	lookout_tell(l, &e);
}

void
lookout_close(struct lookout *l, uint64_t session, const char *reason)
{
	struct watch_event e = { .kind = ENTRY_SESSION_CLOSE,
		.by = "keyd",
		.uid = -1,
		.session = session,
		.reason = reason };

	lookout_tell(l, &e);
}

void
lookout_refused(struct lookout *l, const char *by, const char *reason)
{
	struct watch_event e = { .kind = ENTRY_REFUSED,
		.by = by,
		.uid = 1000,
		.request = "release",
		.reason = reason };

	lookout_tell(l, &e);
}
