/* SPDX-License-Identifier: Apache-2.0 */
/* Honest work: the rows of "Telling a thief from a load". */
#include "tests/exfil/actor.h"
#include "tests/exfil/fleet.h"
#include "tests/exfil/scene.h"

#define LOAD_WINDOW 64

static const char *
some_host(struct world *w)
{
	return w->hosts[dice_below(&w->dice, WORLD_HOSTS)];
}

/* A load of the current version, under a grant of so many, by somebody new. */
static struct actor_how
a_load_of(struct world *w, const char *row, struct family *f, uint32_t loads,
    bool per_day)
{
	struct principal *who = world_principal(w, row, false, "job");
	struct world_grant *g = world_grant(w, who, f, MSG_GRANT_LOAD, loads,
	    per_day);

	g->pinned = dice_below(&w->dice, 3) == 0;
	g->mounter = dice_below(&w->dice, 2) == 0;
	return (struct actor_how){ .who = who,
		.grant = g,
		.version = f->current,
		.host = some_host(w),
		.window = LOAD_WINDOW,
		.bytes_ms = dice_between(&w->dice, 300000, 3000000) };
}

static struct actor_how
a_load(struct world *w, const char *row, uint32_t loads, bool per_day)
{
	return a_load_of(w, row, fleet_any(w), loads, per_day);
}

static struct actor_how
a_look(struct world *w, const char *row)
{
	struct family *f = fleet_any(w);
	struct principal *who = world_principal(w, row, false, "person");

	return (struct actor_how){ .who = who,
		.grant = world_grant(w, who, f, MSG_GRANT_BROWSE, 0, false),
		.version = f->current,
		.host = some_host(w),
		.window = 1 };
}

static uint64_t
cold_mmap(struct world *w)
{
	struct actor_how a = a_load(w, "cold mmap load", 1, false);

	a.plan = plan_files(a.grant->family, a.version, &w->dice);
	actor_add(w, &a);
	return 1;
}

/* All ranks on one host read all of it: the page cache gives it to the later
 * ones, but for what it had no room for. */
static uint64_t
tp8_default(struct world *w)
{
	struct actor_how a = a_load(w, "tp=8, each rank all", 1, false);

	a.plan = plan_whole(a.grant->family, a.version);
	a.cycles = (unsigned int)dice_between(&w->dice, 1, 2);
	a.one_session = true;
	actor_add(w, &a);
	return 1;
}

/* Each rank a mount of its own, and its part. */
static uint64_t
tp8_sharded(struct world *w)
{
	struct actor_how a = a_load(w, "tp=8, sharded", 1, false);

	for (unsigned int i = 0; i < 8; i++) {
		a.plan = plan_part(a.grant->family, a.version, i / 8.0, 0.125);
		a.start_ms = dice_below(&w->dice, 20 * WORLD_SECOND);
		actor_add(w, &a);
	}
	return 1;
}

static uint64_t
on_hosts(struct world *w, const char *row, struct family *f, uint32_t hosts,
    uint64_t spread_ms)
{
	struct actor_how a = a_load_of(w, row, f, hosts, false);

	for (uint32_t i = 0; i < hosts; i++) {
		a.plan = plan_whole(a.grant->family, a.version);
		a.host = w->hosts[i % WORLD_HOSTS];
		a.start_ms = dice_below(&w->dice, spread_ms + 1);
		actor_add(w, &a);
	}
	return hosts;
}

static uint64_t
resume(struct world *w)
{
	return on_hosts(w, "distributed resume", fleet_any(w),
	    (uint32_t)dice_between(&w->dice, 2, 16), 30 * WORLD_SECOND);
}

static uint64_t
replicas(struct world *w)
{
	return on_hosts(w, "50 replicas at once", fleet_any(w), 50,
	    10 * WORLD_SECOND);
}

/* Of a version that is new; who reads what came before goes on. */
static uint64_t
rolling(struct world *w)
{
	struct family *f = fleet_any(w);
	size_t v = family_add_tuned(f, &w->dice, f->current,
	    dice_share(&w->dice) / 2);

	world_put(w, f, v, "user:uploader");
	world_promote(w, f, v);
	return on_hosts(w, "rolling deploy", f,
	    (uint32_t)dice_between(&w->dice, 4, 20), 4 * WORLD_HOUR);
}

static uint64_t
subset(struct world *w)
{
	struct actor_how a = a_load(w, "evaluation of a subset", 1, false);

	/* Of any version, which the grant names. */
	a.version = dice_below(&w->dice, a.grant->family->count);
	a.grant = world_grant_version(w, a.who, a.grant->family, a.version, 1);
	a.plan = plan_part(a.grant->family, a.version,
	    dice_share(&w->dice) * 0.6, 0.05 + dice_share(&w->dice) * 0.35);
	actor_add(w, &a);
	return 1;
}

static uint64_t
conversion(struct world *w)
{
	struct actor_how a = a_load(w, "conversion", 1, false);

	a.plan = plan_whole(a.grant->family, a.version);
	a.bytes_ms = dice_between(&w->dice, 20000, 200000);
	actor_add(w, &a);
	return 1;
}

static uint64_t
smoke(struct world *w)
{
	struct actor_how a = a_look(w, "header-only smoke test");

	a.plan = plan_headers(a.grant->family, a.version);
	actor_add(w, &a);
	return 1;
}

/* Dies early: each start reads the headers and a little more. */
static uint64_t
crash_loop(struct world *w)
{
	struct actor_how a = a_load(w, "crash loop, every 30 s", 4, true);

	a.cycles = (unsigned int)dice_between(&w->dice, 20, 2000);
	a.plan = plan_part(a.grant->family, a.version, 0,
	    dice_share(&w->dice) * 3.0 / a.cycles);
	a.gap_ms = 30 * WORLD_SECOND;
	actor_add(w, &a);
	return 1;
}

/* Dies when all is loaded; the pauses grow to five minutes. */
static uint64_t
crash_late(struct world *w)
{
	struct actor_how a = a_load(w, "crash loop, after the load", 20, true);

	a.cycles = (unsigned int)dice_between(&w->dice, 2, 15);
	a.plan = plan_whole(a.grant->family, a.version);
	a.gap_ms = dice_between(&w->dice, 30, 300) * WORLD_SECOND;
	actor_add(w, &a);
	return 1;
}

static uint64_t
nightly_check(struct world *w)
{
	struct watch_event e = { .kind = ENTRY_CHECK, .by = "user:owner" };

	world_record(w, &e);
	return 1;
}

/* Once to warm the cache, once for the load: in one session. */
static uint64_t
prefetch(struct world *w)
{
	struct actor_how a = a_load(w, "prefetch", 1, false);

	a.plan = plan_whole(a.grant->family, a.version);
	a.cycles = 2;
	a.one_session = true;
	actor_add(w, &a);
	return 1;
}

static uint64_t
lora(struct world *w)
{
	struct actor_how a = a_load(w, "LoRA on a base", 1, false);
	struct family *adapter = world_family(w, "adapter");

	a.plan = plan_whole(a.grant->family, a.version);
	actor_add(w, &a);
	family_add(adapter, &w->dice, 1, dice_between(&w->dice, 500, 900));
	world_put(w, adapter, 0, "user:uploader");
	world_promote(w, adapter, 0);
	a.grant = world_grant(w, a.who, adapter, MSG_GRANT_LOAD, 1, false);
	a.version = 0;
	a.plan = plan_whole(adapter, 0);
	actor_add(w, &a);
	return 2;
}

/* du, find, ls -R: names and sizes, and no chunk. */
static uint64_t
listing(struct world *w)
{
	struct actor_how a = a_look(w, "du, find, ls -R");

	a.plan = plan_cut(plan_headers(a.grant->family, a.version), 0);
	actor_add(w, &a);
	return 1;
}

/* One account for all runners: headers of one model, on each of them. */
static uint64_t
runners(struct world *w)
{
	struct actor_how a = a_look(w, "smoke test on 12 runners");

	for (unsigned int i = 0; i < 12; i++) {
		a.plan = plan_headers(a.grant->family, a.version);
		a.host = w->hosts[i];
		a.start_ms = dice_below(&w->dice, WORLD_HOUR);
		actor_add(w, &a);
	}
	return 12;
}

/* An index of all models: their headers. */
static uint64_t
indexer(struct world *w)
{
	struct actor_how a = a_look(w, "headers of all models");

	for (size_t i = 0; i < w->family_count; i++) {
		struct family *f = w->families[i];

		a.grant = world_grant(w, a.who, f, MSG_GRANT_BROWSE, 0, false);
		a.version = f->current;
		a.plan = plan_headers(f, a.version);
		actor_add(w, &a);
	}
	return 1;
}

/* A person looks at a few tensors, over some days. */
static uint64_t
notebook(struct world *w)
{
	struct actor_how a = a_look(w, "a look at a few tensors");

	a.plan = plan_cut(plan_random(a.grant->family, a.version, &w->dice),
	    0.0005 + dice_share(&w->dice) * 0.002);
	a.jitter_ms = dice_between(&w->dice, 1, 8) * WORLD_HOUR;
	actor_add(w, &a);
	return 1;
}

/* The same job each night. */
static uint64_t
nightly(struct world *w)
{
	struct actor_how a = a_load(w, "nightly job", 1, true);

	a.plan = plan_whole(a.grant->family, a.version);
	a.cycles = (unsigned int)dice_between(&w->dice, 3, 14);
	a.gap_ms = WORLD_DAY;
	actor_add(w, &a);
	return a.cycles;
}

/* A manager takes the grant away while the job loads. */
static uint64_t
cut_off(struct world *w)
{
	struct actor_how a = a_load(w, "grant removed in a load", 1, false);

	a.plan = plan_whole(a.grant->family, a.version);
	a.bytes_ms = 100000;
	actor_add(w, &a);
	world_wait(w, dice_between(&w->dice, 1, 20) * WORLD_SECOND);
	world_grant_rm(w, a.grant);
	return 1;
}

const struct scene scene_works[] = {
	{ .name = "cold mmap load", .work = cold_mmap },
	{ .name = "tp=8, each rank all", .work = tp8_default },
	{ .name = "tp=8, sharded", .work = tp8_sharded },
	{ .name = "distributed resume", .work = resume },
	{ .name = "evaluation of a subset", .work = subset },
	{ .name = "conversion", .work = conversion },
	{ .name = "header-only smoke test", .work = smoke },
	{ .name = "50 replicas at once", .work = replicas },
	{ .name = "crash loop, every 30 s", .work = crash_loop },
	{ .name = "crash loop, after the load", .work = crash_late },
	{ .name = "nightly check", .work = nightly_check },
	{ .name = "prefetch", .work = prefetch },
	{ .name = "rolling deploy", .work = rolling },
	{ .name = "LoRA on a base", .work = lora },
	{ .name = "du, find, ls -R", .work = listing },
	{ .name = "smoke test on 12 runners", .work = runners },
	{ .name = "headers of all models", .work = indexer },
	{ .name = "a look at a few tensors", .work = notebook },
	{ .name = "nightly job", .work = nightly },
	{ .name = "grant removed in a load", .work = cut_off },
	{ 0 },
};
