/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "tests/exfil/must.h"
#include "tests/exfil/world.h"
#include "vault/err.h"

/* --- open and close --- */

/* Who has used up what is granted opens nothing more. */
static const char *
open_spent(const struct world *w, const struct principal *who,
    const struct world_grant *g, size_t version)
{
	const struct budget_ask ask = { .principal = who->name,
		.version = g->family->versions[version].number,
		.type = g->type,
		.grant = g->id,
		.loads = g->loads,
		.per_day = g->per_day,
		.clock = w->now_ms / WORLD_SECOND };
	struct budget_used used;

	must_ok(budget_used(g->family->budget, &ask, &used), "budget_used");
	if (!used.spent || w->how.no_budget)
		return NULL;
	return g->type == MSG_GRANT_LOAD ? "budget spent: loads" :
					   "budget spent: principal";
}

/* NULL, or why the grant does not let the session be. */
static const char *
open_wrong(const struct world *w, const struct principal *who,
    const struct world_grant *g, size_t version, const char *host)
{
	uint64_t hour = w->now_ms / WORLD_HOUR % 24;

	if (g->removed)
		return "no grant";
	if (g->family->versions[version].revoked)
		return "the version is not accepted: it was revoked";
	if (g->host != NULL && strcmp(g->host, host) != 0)
		return "host not listed";
	if (g->from_hour != g->to_hour &&
	    (hour < g->from_hour || hour >= g->to_hour))
		return "outside the granted hours";
	if (g->max_sessions > 0 && g->sessions >= g->max_sessions)
		return "too many sessions";
	return open_spent(w, who, g, version);
}

static void
describe(struct watch_event *e, enum entry_kind kind,
    const struct principal *who, const struct world_grant *g, size_t version,
    const char *host)
{
	*e = (struct watch_event){ .kind = kind,
		.by = who->name,
		.principal = who->name,
		.host = host,
		.purpose = "mount",
		.model = g->family->model,
		.channel = version == g->family->current && !g->pinned ?
		    "prod" :
		    "",
		.uid = WORLD_UID,
		.version = g->family->versions[version].digest,
		.grant = g->id,
		.type = g->type };
}

struct world_session *
world_open(struct world *w, struct principal *who, struct world_grant *g,
    size_t version, const char *host)
{
	const char *wrong = open_wrong(w, who, g, version, host);
	struct world_session *s;
	struct watch_event e;

	world_began(w, who);
	describe(&e, wrong == NULL ? ENTRY_SESSION_OPEN : ENTRY_SESSION_REFUSED,
	    who, g, version, host);
	e.reason = wrong;
	if (wrong != NULL) {
		world_record(w, &e);
		world_blocked(w, who);
		return NULL;
	}
	s = must_calloc(1, sizeof(*s));
	*s = (struct world_session){ .id = ++w->ids,
		.who = who,
		.host = host,
		.uid = WORLD_UID,
		.grant = g,
		.family = g->family,
		.version = version };
	if (g->type == MSG_GRANT_LOAD)
		s->seen = must_calloc(g->family->versions[version].rows,
		    sizeof(*s->seen));
	g->sessions++;
	w->sessions = must_grow(w->sessions, w->session_count,
	    sizeof(struct world_session *));
	w->sessions[w->session_count++] = s;
	e.session = s->id;
	if (g->mounter) {
		e.by = "user:scheduler";
		e.uid = 0;
	}
	world_record(w, &e);
	return s;
}

void
world_close(struct world *w, struct world_session *s, const char *reason)
{
	struct watch_event e = { .kind = ENTRY_SESSION_CLOSE,
		.by = s->who->name,
		.session = s->id,
		.reason = reason };

	if (s->ended)
		return;
	/* What was read ahead last may be left unread. */
	if (s->grant->type == MSG_GRANT_LOAD && s->unread >= s->last)
		s->unread -= dice_below(&w->dice, s->last + 1);
	world_extents(w, s, 0);
	s->ended = true;
	s->grant->sessions--;
	world_record(w, &e);
	budget_session_end(s->family->budget, s->id);
	free(s->seen);
	s->seen = NULL;
}

void
world_extents(struct world *w, struct world_session *s, uint32_t other)
{
	struct watch_event e = { .kind = ENTRY_EXTENTS,
		.by = s->who->name,
		.session = s->id,
		.version = s->family->versions[s->version].digest,
		.read_bytes = s->unread,
		.readers = { s->uid, other },
		.reader_count = other == 0 ? 1 : 2,
		.uid = s->uid };

	if ((s->unread == 0 && other == 0) || s->grant->silent)
		return;
	s->unread = 0;
	world_record(w, &e);
}

/* --- release --- */

static void
refuse(struct world *w, const struct world_session *s, const char *reason)
{
	struct watch_event e = { .kind = ENTRY_REFUSED,
		.by = s->who->name,
		.request = "release",
		.session = s->id,
		.reason = reason };

	world_record(w, &e);
	world_blocked(w, s->who);
}

static const char *
budget_wrong(enum budget_answer a)
{
	switch (a) {
	case BUDGET_OK:
	case BUDGET_SLOW:
		break;
	case BUDGET_SPENT:
		return "budget spent: principal";
	case BUDGET_NARROW:
		return "budget spent: pool";
	case BUDGET_POOL:
		return "budget spent: pool";
	case BUDGET_LOADED:
		return "budget spent: loads";
	case BUDGET_REPEATED:
		return "budget spent: repeats";
	}
	return NULL;
}

/* Headers and the like have bytes, and no weights. */
static uint64_t
bytes_of(const struct family *f, size_t version, uint64_t first, uint32_t count)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t chunk = f->versions[version].chunks[first + i];

		bytes += f->weights[chunk] > 0 ? f->weights[chunk] : 65536;
	}
	return bytes;
}

static void
give(struct world *w, struct world_session *s, const struct budget_ask *ask)
{
	const struct family_version *v = &s->family->versions[s->version];
	struct budget_debit d;
	struct watch_event e;

	must_ok(budget_debit(s->family->budget, ask, &d), "budget_debit");
	world_gave(w, s, ask->first, ask->count);
	describe(&e, ENTRY_RELEASE, s->who, s->grant, s->version, s->host);
	e.session = s->id;
	e.file = v->files[ask->first];
	e.first = ask->first;
	e.count = ask->count;
	e.bytes = bytes_of(s->family, s->version, ask->first, ask->count);
	e.weights = d.weights;
	e.fresh = d.fresh;
	e.used_ppm = d.used_ppm;
	e.pool_ppm = d.pool_ppm;
	w->releases++;
	s->unread += e.bytes;
	s->last = e.bytes;
	world_record(w, &e);
}

static struct budget_ask
ask_of(const struct world *w, const struct world_session *s, uint64_t first,
    uint32_t count)
{
	return (struct budget_ask){ .principal = s->who->name,
		.version = s->family->versions[s->version].number,
		.first = first,
		.count = count,
		.type = s->grant->type,
		.session = s->id,
		.grant = s->grant->id,
		.loads = s->grant->loads,
		.per_day = s->grant->per_day,
		.clock = w->now_ms / WORLD_SECOND };
}

void
world_foresee(struct world *w, const struct world_session *s, uint64_t first,
    uint32_t count, struct budget_debit *out)
{
	struct budget_ask ask = ask_of(w, s, first, count);

	must_ok(budget_judge(s->family->budget, &ask, out), "budget_judge");
}

enum world_answer
world_release(struct world *w, struct world_session *s, uint64_t first,
    uint32_t count)
{
	struct budget_ask ask = ask_of(w, s, first, count);
	struct budget_debit d;
	const char *wrong;

	if (s->ended || s->grant->removed) {
		refuse(w, s, s->ended ? "session ended" : "grant removed");
		return WORLD_DENIED;
	}
	world_foresee(w, s, first, count, &d);
	wrong = w->how.no_budget ? NULL : budget_wrong(d.answer);
	if (wrong != NULL) {
		refuse(w, s, wrong);
		return WORLD_BUDGET;
	}
	give(w, s, &ask);
	return d.answer == BUDGET_SLOW ? WORLD_SLOW : WORLD_GIVEN;
}
