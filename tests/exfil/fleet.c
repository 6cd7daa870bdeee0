/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/exfil/fleet.h"

#include "tests/exfil/scene.h"

struct family *
fleet_family(struct world *w)
{
	struct family *f = world_family(w, "model");
	size_t versions = dice_between(&w->dice, 2, 4);

	family_add(f, &w->dice, dice_between(&w->dice, 1, 3),
	    dice_between(&w->dice, 700, 1100));
	while (f->count < versions)
		if (dice_below(&w->dice, 3) == 0)
			family_add_fork(f, f->count - 1);
		else
			family_add_tuned(f, &w->dice, f->count - 1,
			    dice_share(&w->dice));
	for (size_t v = 0; v < f->count; v++) {
		world_put(w, f, v, "user:uploader");
		world_promote(w, f, v);
	}
	return f;
}

struct family *
fleet_any(struct world *w)
{
	return w->families[dice_below(&w->dice, w->family_count)];
}

void
fleet_fill(struct world *w, size_t families)
{
	while (families-- > 0)
		fleet_family(w);
}

uint64_t
fleet_work(struct world *w, uint64_t loads, uint64_t days)
{
	uint64_t end = w->now_ms + days * WORLD_DAY, begun = 0;
	/* As many on an average day; a scene is about three loads. */
	uint64_t gap = days * WORLD_DAY * 3 / loads;
	const struct scene *s;

	while (begun < loads) {
		s = scene_benign(dice_next(&w->dice));
		begun += s->work(w);
		world_wait(w, dice_below(&w->dice, 2 * gap + 1));
	}
	/* Until the last of them is done. */
	world_wait(w, 2 * WORLD_DAY);
	if (w->now_ms < end)
		world_wait(w, end - w->now_ms);
	return begun;
}
