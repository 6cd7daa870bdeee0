/* SPDX-License-Identifier: Apache-2.0 */
/* Thieves with a load grant, and what is a fact whoever does it. */
#include <stdlib.h>

#include "tests/exfil/actor.h"
#include "tests/exfil/fleet.h"
#include "tests/exfil/scene.h"

static struct actor_how
a_loader(struct world *w, uint32_t loads, bool per_day)
{
	struct family *f = fleet_any(w);
	struct principal *who = world_principal(w, "thief", true, "thief");

	return (struct actor_how){ .who = who,
		.grant = world_grant(w, who, f, MSG_GRANT_LOAD, loads, per_day),
		.version = f->current,
		.host = w->hosts[0],
		.window = 64 };
}

static void
load(struct world *w, struct actor_how *a)
{
	a->plan = plan_whole(a->grant->family, a->version);
	actor_add(w, a);
	world_wait(w, WORLD_HOUR);
}

/* --- more than was granted --- */

/* The job loads, then somebody loads again in its name. */
static void
load_again(struct world *w)
{
	struct actor_how a = a_loader(w, 1, false);

	load(w, &a);
	w->score.began_ms = w->now_ms;
	load(w, &a);
}

static void
during_own_load(struct world *w)
{
	struct actor_how a = a_loader(w, 2, false);

	for (unsigned int i = 0; i < 6; i++) {
		a.plan = plan_random(a.grant->family, a.version, &w->dice);
		a.start_ms = i * WORLD_SECOND;
		actor_add(w, &a);
	}
	world_wait(w, WORLD_DAY);
}

/* Tenths by chance, in many sessions: is what they share counted twice? */
static void
in_pieces(struct world *w)
{
	struct actor_how a = a_loader(w, 3, false);

	for (unsigned int i = 0; i < 60; i++) {
		a.plan = plan_cut(plan_random(a.grant->family, a.version,
				      &w->dice),
		    0.1);
		actor_add(w, &a);
		world_wait(w, WORLD_MINUTE * 10);
	}
}

/* Again and again in one session: no more unique, but read. */
static void
over_and_over(struct world *w)
{
	struct actor_how a = a_loader(w, 1, false);

	a.plan = plan_whole(a.grant->family, a.version);
	a.cycles = 20;
	a.one_session = true;
	actor_add(w, &a);
	world_wait(w, WORLD_DAY);
}

/* --- not when, or where, it is done otherwise --- */

/* Each night at two, for a month; then at noon, from somewhere else. */
static void
habit(struct world *w, const char *host, uint64_t hour)
{
	struct actor_how a = a_loader(w, 2, true);

	world_wait(w, WORLD_DAY - w->now_ms % WORLD_DAY + 2 * WORLD_HOUR);
	a.who->thief = false;
	for (unsigned int i = 0; i < 30; i++) {
		load(w, &a);
		world_wait(w, 23 * WORLD_HOUR);
	}
	world_wait(w, hour * WORLD_HOUR);
	a.who->thief = true;
	a.host = host;
	load(w, &a);
}

static void
off_schedule(struct world *w)
{
	habit(w, w->hosts[0], 10);
}

static void
new_host(struct world *w)
{
	habit(w, "laptop-7", 0);
}

/* --- facts --- */

static void
off_hours(struct world *w)
{
	struct actor_how a = a_loader(w, 9, true);

	a.grant->from_hour = 1;
	a.grant->to_hour = 5;
	world_wait(w, WORLD_DAY - w->now_ms % WORLD_DAY + 12 * WORLD_HOUR);
	load(w, &a);
}

static void
unlisted_host(struct world *w)
{
	struct actor_how a = a_loader(w, 1, false);

	a.grant->host = w->hosts[0];
	a.host = "laptop-7";
	load(w, &a);
}

/* Nothing is given any more, and is asked for: how often, as a thief would. */
static void
insist(struct world *w, struct world_session *s)
{
	for (uint32_t i = 0; i < 20; i++) {
		world_release(w, s, 100 + i, 1);
		world_wait(w, WORLD_SECOND);
	}
}

static void
after_end(struct world *w)
{
	struct actor_how a = a_loader(w, 1, false);
	struct world_session *s = world_open(w, a.who, a.grant, a.version,
	    a.host);

	world_wait(w, WORLD_HOUR);
	world_close(w, s, "unmounted");
	world_wait(w, WORLD_MINUTE);
	w->score.began_ms = w->now_ms;
	insist(w, s);
}

static void
after_revoke(struct world *w)
{
	struct actor_how a = a_loader(w, 1, false);
	struct world_session *s = world_open(w, a.who, a.grant, a.version,
	    a.host);

	world_grant_rm(w, a.grant);
	insist(w, s);
}

static void
older_version(struct world *w)
{
	struct principal *who = world_principal(w, "thief", true, "thief");
	struct family *f = fleet_family(w);
	struct actor_how a = { .who = who,
		.grant = world_grant(w, who, f, MSG_GRANT_LOAD, 1, false),
		.version = 0,
		.window = 64 };

	world_wait(w, 2 * WORLD_HOUR);
	load(w, &a);
}

/* Its session is ended; it asks on, and wants another. */
static void
revoked_version(struct world *w)
{
	struct actor_how a = a_loader(w, 1, false);
	struct world_session *s = world_open(w, a.who, a.grant, a.version,
	    a.host);

	world_revoke(w, a.grant->family, a.version);
	world_wait(w, WORLD_MINUTE);
	w->score.began_ms = w->now_ms;
	world_open(w, a.who, a.grant, a.version, a.host);
	insist(w, s);
}

static void
second_mount(struct world *w)
{
	struct actor_how a = a_loader(w, 2, false);

	a.grant->max_sessions = 1;
	world_open(w, a.who, a.grant, a.version, a.host);
	a.host = w->hosts[1];
	load(w, &a);
}

static void
decoy(struct world *w)
{
	struct actor_how a = a_loader(w, 1, false);
	struct family *f = fleet_family(w);

	world_decoy(w, f);
	a.grant = world_grant(w, a.who, f, MSG_GRANT_BROWSE, 0, false);
	a.version = f->current;
	a.window = 1;
	load(w, &a);
}

/* The job opens, somebody else reads. */
static void
other_uid(struct world *w)
{
	struct actor_how a = a_loader(w, 1, false);
	struct world_session *s = world_open(w, a.who, a.grant, a.version,
	    a.host);

	world_release(w, s, FAMILY_AUX + 1, 1);
	world_extents(w, s, 1001);
	world_release(w, s, FAMILY_AUX + 2, 60);
}

/* --- what is granted --- */

/* A worker that was taken over: it asks for keys, and tells of no read. */
static void
silent(struct world *w)
{
	struct actor_how a = a_loader(w, 1, false);

	a.grant->silent = true;
	load(w, &a);
}

static void
allowed(struct world *w)
{
	struct actor_how a = a_loader(w, 1, false);

	load(w, &a);
}

const struct scene scene_loads[] = {
	{ "loads again", SCENE_LOAD, "1 load granted", NULL, load_again },
	{ "during its own load", SCENE_LOAD, "2 granted, 6 at once", NULL,
	    during_own_load },
	{ "tenths by chance", SCENE_LOAD, "3 granted, 60 sessions", NULL,
	    in_pieces },
	{ "over and over", SCENE_LOAD, "1 granted, 20 passes", NULL,
	    over_and_over },
	{ "off schedule", SCENE_HABIT, "a nightly job, at noon", NULL,
	    off_schedule },
	{ "new host, none listed", SCENE_HABIT, "a nightly job, elsewhere",
	    NULL, new_host },
	{ "silent worker", SCENE_HABIT, "tells of no read", NULL, silent },
	{ "outside its hours", SCENE_FACT, "hours in the grant", NULL,
	    off_hours },
	{ "stolen, other host", SCENE_FACT, "hosts in the grant", NULL,
	    unlisted_host },
	{ "after the job", SCENE_FACT, "its session has ended", NULL,
	    after_end },
	{ "after revoke", SCENE_FACT, "its grant is removed", NULL,
	    after_revoke },
	{ "older version", SCENE_FACT, "a newer one is promoted", NULL,
	    older_version },
	{ "revoked version", SCENE_FACT, "opened again", NULL,
	    revoked_version },
	{ "second mount", SCENE_FACT, "one session granted", NULL,
	    second_mount },
	{ "decoy", SCENE_FACT, "a model nobody needs", NULL, decoy },
	{ "other uid reads", SCENE_FACT, "the session is the job's", NULL,
	    other_uid },
	{ "load and upload", SCENE_UNSEEN, "as granted: egress caps see it",
	    NULL, allowed },
	{ 0 },
};
