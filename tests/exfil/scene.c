/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/exfil/scene.h"

#include <string.h>

static const struct scene *const tables[] = { scene_works, scene_copies,
	scene_loads, scene_quiets };

const struct scene *
scene_at(size_t i)
{
	for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++)
		for (const struct scene *s = tables[t]; s->name != NULL; s++)
			if (i-- == 0)
				return s;
	return NULL;
}

const struct scene *
scene_find(const char *name)
{
	const struct scene *s;

	for (size_t i = 0; (s = scene_at(i)) != NULL; i++)
		if (strcmp(s->name, name) == 0)
			return s;
	return NULL;
}

const char *
scene_kind_name(enum scene_kind k)
{
	static const char *const names[] = {
		[SCENE_BENIGN] = "benign",
		[SCENE_COPY] = "no load grant",
		[SCENE_TRICK] = "shared chunks",
		[SCENE_GROUP] = "coalition",
		[SCENE_SPREAD] = "a little of much",
		[SCENE_LOAD] = "load grant",
		[SCENE_FACT] = "fact",
		[SCENE_HABIT] = "against habit",
		[SCENE_QUIET] = "under the thresholds",
		[SCENE_UNSEEN] = "cannot be seen",
	};

	return names[k];
}

const struct scene *
scene_benign(uint64_t chance)
{
	size_t n = 0;

	while (scene_works[n].name != NULL)
		n++;
	return &scene_works[chance % n];
}
