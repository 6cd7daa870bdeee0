/* SPDX-License-Identifier: Apache-2.0 */
/* Thieves without a load grant, alone, together, and by tricks. */
#include "tests/exfil/actor.h"
#include "tests/exfil/fleet.h"
#include "tests/exfil/scene.h"

/* Long enough for what the window lets go to be taken again. */
#define PATIENCE (70 * WORLD_DAY)
#define YEAR (365 * WORLD_DAY)

/* Somebody with a browse grant, and nothing better. */
static struct actor_how
a_thief(struct world *w, struct family *f)
{
	struct principal *who = world_principal(w, "thief", true, "thief");

	return (struct actor_how){ .who = who,
		.grant = world_grant(w, who, f, MSG_GRANT_BROWSE, 0, false),
		.version = f->current,
		.host = w->hosts[0],
		.window = 1,
		.retry_ms = 6 * WORLD_HOUR,
		.until_ms = w->now_ms + PATIENCE };
}

static void
run(struct world *w, const struct actor_how *a)
{
	actor_add(w, a);
	world_wait(w, a->until_ms + WORLD_MINUTE - w->now_ms);
}

static void
copy(struct world *w)
{
	struct actor_how a = a_thief(w, fleet_any(w));

	a.plan = plan_whole(a.grant->family, a.version);
	run(w, &a);
}

/* What it has copied it reads again, to compare. */
static void
rsync(struct world *w)
{
	struct actor_how a = a_thief(w, fleet_any(w));

	a.plan = plan_whole(a.grant->family, a.version);
	a.cycles = 2;
	run(w, &a);
}

static void
tar(struct world *w)
{
	struct actor_how a = a_thief(w, fleet_any(w));

	a.plan = plan_files(a.grant->family, a.version, &w->dice);
	run(w, &a);
}

/* One large file, from the middle on. */
static void
dd(struct world *w)
{
	struct actor_how a = a_thief(w, fleet_any(w));

	a.plan = plan_part(a.grant->family, a.version, 0.5, 0.5);
	run(w, &a);
}

static void
random_order(struct world *w)
{
	struct actor_how a = a_thief(w, fleet_any(w));

	a.plan = plan_random(a.grant->family, a.version, &w->dice);
	run(w, &a);
}

static void
strided(struct world *w)
{
	struct actor_how a = a_thief(w, fleet_any(w));

	a.plan = plan_strided(a.grant->family, a.version, 64);
	run(w, &a);
}

static void
reverse(struct world *w)
{
	struct actor_how a = a_thief(w, fleet_any(w));

	a.plan = plan_reverse(a.grant->family, a.version);
	run(w, &a);
}

/* Reads of 4 KiB: what a chunk has is asked for again when its key is no longer
 * kept. */
static void
small_reads(struct world *w)
{
	struct actor_how a = a_thief(w, fleet_any(w));

	a.plan = plan_again(plan_random(a.grant->family, a.version, &w->dice),
	    3);
	a.bytes_ms = 50000;
	run(w, &a);
}

/* Reads of 64 MiB are sixteen chunks at once, one release each. */
static void
large_reads(struct world *w)
{
	struct actor_how a = a_thief(w, fleet_any(w));

	a.plan = plan_whole(a.grant->family, a.version);
	a.bytes_ms = 5000000;
	run(w, &a);
}

/* Faults here and there, by 16 threads: so many sessions' worth at once. */
static void
mmap_scrape(struct world *w)
{
	struct actor_how a = a_thief(w, fleet_any(w));

	for (unsigned int i = 1; i < 16; i++) {
		a.plan = plan_part(a.grant->family, a.version, i / 16.0,
		    1 / 16.0);
		actor_add(w, &a);
	}
	a.plan = plan_part(a.grant->family, a.version, 0, 1 / 16.0);
	run(w, &a);
}

/* Nothing is kept in the page cache: each pass is released anew. */
static void
o_direct(struct world *w)
{
	struct actor_how a = a_thief(w, fleet_any(w));

	a.plan = plan_whole(a.grant->family, a.version);
	a.cycles = 4;
	a.one_session = true;
	run(w, &a);
}

/* --- drips --- */

/* One chunk that counts after another, so that it comes to a share of the
 * version in an hour. */
static void
drip_at(struct world *w, struct actor_how *a, double an_hour)
{
	const struct family *f = a->grant->family;
	double ms;

	a->plan = plan_weights(f, a->version,
	    plan_random(f, a->version, &w->dice));
	ms = (double)WORLD_HOUR / (an_hour * (double)a->plan.length);
	a->pause_ms = (uint64_t)(ms / 2);
	a->jitter_ms = (uint64_t)ms;
	a->retry_ms = WORLD_DAY;
}

static void
drip(struct world *w, double an_hour)
{
	struct actor_how a = a_thief(w, fleet_any(w));

	drip_at(w, &a, an_hour);
	a.until_ms = w->now_ms + (an_hour < 0.001 ? YEAR : PATIENCE);
	run(w, &a);
}

static void
drip_10(struct world *w)
{
	drip(w, 0.1);
}

static void
drip_1(struct world *w)
{
	drip(w, 0.01);
}

static void
drip_01(struct world *w)
{
	drip(w, 0.001);
}

static void
drip_001(struct world *w)
{
	drip(w, 0.0001);
}

/* --- together --- */

static void
split(struct world *w, unsigned int n)
{
	struct family *f = fleet_any(w);
	struct actor_how a;

	for (unsigned int i = 0; i < n; i++) {
		a = a_thief(w, f);
		a.host = w->hosts[i];
		a.plan = plan_part(f, a.version, (double)i / n, 1.0 / n);
		actor_add(w, &a);
	}
	world_wait(w, PATIENCE + WORLD_MINUTE);
}

static void
split_2(struct world *w)
{
	split(w, 2);
}

static void
split_4(struct world *w)
{
	split(w, 4);
}

static void
split_8(struct world *w)
{
	split(w, 8);
}

static void
split_16(struct world *w)
{
	split(w, 16);
}

/* Sixteen drips, each at 0.01 % an hour. */
static void
split_drip(struct world *w)
{
	struct family *f = fleet_any(w);
	struct actor_how a;

	for (unsigned int i = 0; i < 16; i++) {
		a = a_thief(w, f);
		a.host = w->hosts[i];
		drip_at(w, &a, 0.0001);
		actor_add(w, &a);
	}
	world_wait(w, PATIENCE + WORLD_MINUTE);
}

/* --- many models, many hosts; under cover --- */

/* One account, taken along: a part from each of eight hosts. */
static void
many_hosts(struct world *w)
{
	struct family *f = fleet_any(w);
	struct actor_how a = a_thief(w, f);

	for (unsigned int i = 0; i < 8; i++) {
		a.host = w->hosts[i];
		a.plan = plan_part(f, a.version, i / 8.0, 0.125);
		a.pause_ms = WORLD_MINUTE;
		actor_add(w, &a);
	}
	world_wait(w, PATIENCE + WORLD_MINUTE);
}

static void
sweep_of(struct world *w, double share)
{
	struct principal *who = NULL;
	struct actor_how a;

	for (unsigned int i = 0; i < 12; i++) {
		struct family *f = fleet_family(w);

		a = a_thief(w, f);
		if (who == NULL)
			who = a.who;
		a.who = who;
		a.grant = world_grant(w, who, f, MSG_GRANT_BROWSE, 0, false);
		a.plan = plan_part(f, a.version, 0.1, share);
		a.start_ms = i * 10 * WORLD_MINUTE;
		actor_add(w, &a);
	}
	world_wait(w, PATIENCE + WORLD_MINUTE);
}

static void
sweep(struct world *w)
{
	sweep_of(w, 0.9);
}

/* Under what is flagged of one model, of each of them. */
static void
sweep_low(struct world *w)
{
	sweep_of(w, 0.004);
}

/* While somebody else's job loads the same. */
static void
under_cover(struct world *w)
{
	struct family *f = fleet_any(w);
	struct principal *job = world_principal(w, "cold mmap load", false,
	    "job");
	struct actor_how load = { .who = job,
		.grant = world_grant(w, job, f, MSG_GRANT_LOAD, 1, false),
		.version = f->current,
		.plan = plan_whole(f, f->current),
		.window = 64 };
	struct actor_how a = a_thief(w, f);

	actor_add(w, &load);
	a.plan = plan_whole(f, a.version);
	run(w, &a);
}

/* --- tricks --- */

/* Every version its own part, by one or by several. */
static void
by_versions(struct world *w, struct family *f, size_t first,
    unsigned int people)
{
	struct principal *who[16];
	struct actor_how a;

	for (unsigned int i = 0; i < people; i++)
		who[i] = world_principal(w, "thief", true, "thief");
	for (size_t v = first; v < f->count; v++) {
		a = a_thief(w, f);
		a.who = who[v % people];
		a.grant = world_grant(w, a.who, f, MSG_GRANT_BROWSE, 0, false);
		a.version = v;
		a.plan = plan_part(f, 0,
		    (double)(v - first) / (double)(f->count - first), 0.03);
		a.start_ms = (v - first) * WORLD_MINUTE;
		actor_add(w, &a);
	}
	world_wait(w, PATIENCE + WORLD_MINUTE);
}

static struct family *
copies_of(struct world *w, double pad)
{
	struct family *f = fleet_family(w);

	for (unsigned int i = 0; i < 50; i++) {
		size_t v = pad > 0 ? family_add_padded(f, &w->dice, 0,
					 dice_share(&w->dice) * pad) :
				     family_add_fork(f, 0);

		world_put(w, f, v, "user:thief");
	}
	return f;
}

static void
forks(struct world *w)
{
	struct family *f = copies_of(w, 0);

	by_versions(w, f, f->count - 50, 1);
}

static void
forks_16(struct world *w)
{
	struct family *f = copies_of(w, 0);

	by_versions(w, f, f->count - 50, 16);
}

/* Two per cent of what is twice as large is four per cent of the half. */
static void
padded(struct world *w)
{
	struct family *f = copies_of(w, 2);

	by_versions(w, f, f->count - 50, 1);
}

static void
padded_16(struct world *w)
{
	struct family *f = copies_of(w, 2);

	by_versions(w, f, f->count - 50, 16);
}

/* First take what there is to take, then put a copy, and so on. */
static void
fork_after(struct world *w)
{
	struct family *f = fleet_family(w);
	struct actor_how a = a_thief(w, f);

	for (unsigned int i = 0; i < 20; i++) {
		a.plan = plan_part(f, 0, i / 20.0, 0.05);
		a.start_ms = 0;
		a.retry_ms = 0;
		actor_add(w, &a);
		world_wait(w, WORLD_DAY);
		a.version = i % 2 == 0 ? family_add_fork(f, 0) :
					 family_add_padded(f, &w->dice, 0, 1);
		world_put(w, f, a.version, "user:thief");
	}
}

const struct scene scene_copies[] = {
	{ "cp", SCENE_COPY, "all files, one after another", NULL, copy },
	{ "rsync", SCENE_COPY, "and compares afterwards", NULL, rsync },
	{ "tar", SCENE_COPY, "files in the directory's order", NULL, tar },
	{ "dd", SCENE_COPY, "one file, from the middle on", NULL, dd },
	{ "random", SCENE_COPY, "chunks by chance", NULL, random_order },
	{ "strided", SCENE_COPY, "each 64th chunk first", NULL, strided },
	{ "reverse", SCENE_COPY, "from the end", NULL, reverse },
	{ "reads of 4 KiB", SCENE_COPY, "by chance", NULL, small_reads },
	{ "reads of 64 MiB", SCENE_COPY, "as fast as can be", NULL,
	    large_reads },
	{ "mmap", SCENE_COPY, "16 threads fault at once", NULL, mmap_scrape },
	{ "O_DIRECT", SCENE_COPY, "each pass released anew", NULL, o_direct },
	{ "drip 10 %/h", SCENE_COPY, "", NULL, drip_10 },
	{ "drip 1 %/h", SCENE_COPY, "", NULL, drip_1 },
	{ "drip 0.1 %/h", SCENE_COPY, "", NULL, drip_01 },
	{ "drip 0.01 %/h", SCENE_COPY, "a year", NULL, drip_001 },
	{ "during a load", SCENE_COPY, "of somebody else's", NULL,
	    under_cover },
	{ "sweep of 12 models", SCENE_COPY, "one after another", NULL, sweep },
	{ "one name, 8 hosts", SCENE_COPY, "a part from each", NULL,
	    many_hosts },
	{ "50 config-only forks", SCENE_TRICK, "a part of each", NULL, forks },
	{ "50 padded copies", SCENE_TRICK, "a part of each", NULL, padded },
	{ "forks afterwards", SCENE_TRICK, "one put after each 2 %", NULL,
	    fork_after },
	{ "split over 2", SCENE_GROUP, "a half each", NULL, split_2 },
	{ "split over 4", SCENE_GROUP, "", NULL, split_4 },
	{ "split over 8", SCENE_GROUP, "", NULL, split_8 },
	{ "split over 16", SCENE_GROUP, "", NULL, split_16 },
	{ "16 drips 0.01 %/h", SCENE_GROUP, "", NULL, split_drip },
	{ "50 forks, by 16", SCENE_GROUP, "", NULL, forks_16 },
	{ "50 padded, by 16", SCENE_GROUP, "", NULL, padded_16 },
	{ "0.4 % of 12 models", SCENE_SPREAD, "one after another", NULL,
	    sweep_low },
	{ 0 },
};
