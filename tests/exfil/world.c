/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/exfil/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/exfil/actor.h"
#include "tests/exfil/must.h"

struct world *
world_new(const struct world_how *how)
{
	struct world *w = must_calloc(1, sizeof(*w));
	struct watch_event e = { .kind = ENTRY_KEYD_START, .by = "keyd" };

	w->how = *how;
	w->dice = dice_new(how->seed);
	w->now_ms = WORLD_DAY;
	for (unsigned int i = 0; i < WORLD_HOSTS; i++)
		snprintf(w->hosts[i], sizeof(w->hosts[i]), "node-%u", i);
	must_ok(watch_new(&w->watch, how->rules), "watch_new");
	world_record(w, &e);
	return w;
}

static void
free_ledgers(struct ledger **list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		ledger_free(list[i]);
	free(list);
}

static void
free_sessions(struct world *w)
{
	for (size_t i = 0; i < w->session_count; i++) {
		free(w->sessions[i]->seen);
		free(w->sessions[i]);
	}
	free(w->sessions);
}

void
world_free(struct world *w)
{
	if (w == NULL)
		return;
	for (size_t i = 0; i < w->actor_count; i++)
		actor_free(w->actors[i]);
	free(w->actors);
	free_sessions(w);
	for (size_t i = 0; i < w->grant_count; i++)
		free(w->grants[i]);
	free(w->grants);
	for (size_t i = 0; i < w->principal_count; i++) {
		free_ledgers(w->principals[i]->ledgers,
		    w->principals[i]->ledger_count);
		free(w->principals[i]);
	}
	free(w->principals);
	free_ledgers(w->together, w->together_count);
	for (size_t i = 0; i < w->family_count; i++)
		family_free(w->families[i]);
	free(w->families);
	free(w->alarms);
	watch_free(w->watch);
	free(w);
}

/* --- who and what there is --- */

struct principal *
world_principal(struct world *w, const char *row, bool thief,
    const char *prefix)
{
	struct principal *p = must_calloc(1, sizeof(*p));

	p->row = row;
	p->thief = thief;
	snprintf(p->name, sizeof(p->name), "user:%s%zu", prefix,
	    w->principal_count);
	w->principals = must_grow(w->principals, w->principal_count,
	    sizeof(struct principal *));
	w->principals[w->principal_count++] = p;
	return p;
}

struct family *
world_family(struct world *w, const char *prefix)
{
	char name[40];
	struct family *f;

	snprintf(name, sizeof(name), "%s-%zu", prefix, w->family_count);
	f = family_new((uint32_t)w->family_count, name);
	w->families = must_grow(w->families, w->family_count,
	    sizeof(struct family *));
	w->families[w->family_count++] = f;
	return f;
}

void
world_put(struct world *w, struct family *f, size_t version, const char *by)
{
	struct watch_event e = { .kind = ENTRY_PUT,
		.by = by,
		.model = f->model,
		.version = f->versions[version].digest,
		.total = f->versions[version].weights };

	world_record(w, &e);
}

void
world_promote(struct world *w, struct family *f, size_t version)
{
	struct watch_event e = { .kind = ENTRY_STATEMENT_ADD,
		.by = "user:manager",
		.model = f->model,
		.channel = "prod",
		.promotes = true,
		.version = f->versions[version].digest };

	f->current = version;
	world_record(w, &e);
}

void
world_revoke(struct world *w, struct family *f, size_t version)
{
	struct watch_event e = { .kind = ENTRY_STATEMENT_ADD,
		.by = "user:manager",
		.model = f->model,
		.revokes = true,
		.version = f->versions[version].digest };

	f->versions[version].revoked = true;
	world_record(w, &e);
	for (size_t i = 0; i < w->session_count; i++)
		if (w->sessions[i]->family == f &&
		    w->sessions[i]->version == version)
			world_close(w, w->sessions[i], "version revoked");
}

/* A model like any other, as far as anybody can see. */
void
world_decoy(struct world *w, struct family *f)
{
	struct watch_event e = { .kind = ENTRY_DECOY_ADD,
		.by = "user:owner",
		.model = f->model };

	world_record(w, &e);
}

static struct world_grant *
grant(struct world *w, const struct world_grant *g,
    const struct digest *version)
{
	struct world_grant *new = must_calloc(1, sizeof(*new));
	struct watch_event e = { .kind = ENTRY_GRANT_ADD,
		.by = "user:manager",
		.principal = g->to->name,
		.model = g->family->model,
		.grant = ++w->ids,
		.type = g->type,
		.loads = g->loads };

	if (version != NULL)
		e.version = *version;
	*new = *g;
	new->id = e.grant;
	w->grants = must_grow(w->grants, w->grant_count,
	    sizeof(struct world_grant *));
	w->grants[w->grant_count++] = new;
	world_record(w, &e);
	return new;
}

struct world_grant *
world_grant(struct world *w, struct principal *to, struct family *f,
    enum msg_grant_type type, uint32_t loads, bool per_day)
{
	const struct world_grant g = { .family = f,
		.to = to,
		.type = type,
		.loads = loads,
		.per_day = per_day };

	return grant(w, &g, NULL);
}

struct world_grant *
world_grant_version(struct world *w, struct principal *to, struct family *f,
    size_t version, uint32_t loads)
{
	const struct world_grant g = { .family = f,
		.to = to,
		.type = MSG_GRANT_LOAD,
		.loads = loads,
		.pinned = true };

	return grant(w, &g, &f->versions[version].digest);
}

void
world_grant_rm(struct world *w, struct world_grant *g)
{
	struct watch_event e = { .kind = ENTRY_GRANT_RM,
		.by = "user:manager",
		.grant = g->id };

	g->removed = true;
	world_record(w, &e);
	for (size_t i = 0; i < w->session_count; i++)
		if (w->sessions[i]->grant == g)
			world_close(w, w->sessions[i], "grant removed");
}

/* --- time --- */

/* The first of the heap has become later, or the last has come. */
static void
sink(struct world *w, size_t i)
{
	for (size_t child = 2 * i + 1; child < w->actor_count;
	     child = 2 * i + 1) {
		struct actor *a = w->actors[i];

		if (child + 1 < w->actor_count &&
		    actor_next(w->actors[child + 1]) <
			actor_next(w->actors[child]))
			child++;
		if (actor_next(a) <= actor_next(w->actors[child]))
			return;
		w->actors[i] = w->actors[child];
		w->actors[child] = a;
		i = child;
	}
}

void
world_wait(struct world *w, uint64_t ms)
{
	uint64_t end = w->now_ms + ms;

	while (w->actor_count > 0 && actor_next(w->actors[0]) <= end) {
		struct actor *a = w->actors[0];

		if (actor_next(a) > w->now_ms)
			w->now_ms = actor_next(a);
		if (!actor_step(w, a)) {
			actor_free(a);
			w->actors[0] = w->actors[--w->actor_count];
		}
		sink(w, 0);
	}
	w->now_ms = end;
}
