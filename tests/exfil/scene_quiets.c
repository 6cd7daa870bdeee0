/* SPDX-License-Identifier: Apache-2.0 */
/* Thieves who know every threshold, and stay at 0.9 of each, for a year. */
#include "keys/watch_rules.h"
#include "tests/exfil/actor.h"
#include "tests/exfil/fleet.h"
#include "tests/exfil/scene.h"

#define YEAR (365 * WORLD_DAY)
#define STAY 0.9

/* What is flagged of one, and of all together. */
static double
flagged_ppm(const struct world *w)
{
	uint64_t half = w->how.rules->browse_half;
	uint64_t month = w->how.rules->burst[WATCH_MONTH];

	return (double)(half < month ? half : month);
}

static double
flagged_pool_ppm(const struct world *w)
{
	return (double)w->how.rules->pool_near;
}

/* So many ppm in any 30 days, a chunk at a time, as evenly as can be. */
static void
quiet(struct world *w, struct family *f, double ppm)
{
	struct principal *who = world_principal(w, "thief", true, "thief");
	struct actor_how a = { .who = who,
		.grant = world_grant(w, who, f, MSG_GRANT_BROWSE, 0, false),
		.version = f->current,
		.host = w->hosts[0],
		.window = 1,
		.stay_ppm = (uint32_t)(STAY * flagged_ppm(w)),
		.stay_pool_ppm = (uint32_t)(STAY * flagged_pool_ppm(w)),
		.retry_ms = WORLD_HOUR,
		.until_ms = w->now_ms + YEAR };
	double chunks;

	a.plan = plan_weights(f, a.version,
	    plan_random(f, a.version, &w->dice));
	chunks = (double)a.plan.length * ppm / 1e6;
	a.pause_ms = (uint64_t)(30 * (double)WORLD_DAY /
	    (chunks > 1 ? chunks : 1));
	a.start_ms = dice_below(&w->dice, a.pause_ms + 1);
	actor_add(w, &a);
}

static void
alone(struct world *w)
{
	quiet(w, fleet_any(w), STAY * flagged_ppm(w));
	world_wait(w, YEAR + WORLD_MINUTE);
}

/* Sixteen, who share what is a flag for the sum of them. */
static void
together(struct world *w)
{
	struct family *f = fleet_any(w);

	for (unsigned int i = 0; i < 16; i++)
		quiet(w, f, STAY * flagged_pool_ppm(w) / 16);
	world_wait(w, YEAR + WORLD_MINUTE);
}

const struct scene scene_quiets[] = {
	{ "0.9 of the thresholds", SCENE_QUIET, "one, a year", NULL, alone },
	{ "0.9, by 16 together", SCENE_QUIET, "a year", NULL, together },
	{ 0 },
};
