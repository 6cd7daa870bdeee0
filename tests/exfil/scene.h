/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_EXFIL_SCENE_H
#define WEIR_EXFIL_SCENE_H

#include <stddef.h>
#include <stdint.h>

#include "tests/exfil/world.h"

/* What a scene is of, and so what must hold for it. */
enum scene_kind {
	SCENE_BENIGN,
	SCENE_COPY,   /* no load grant: flagged, and blocked at 2 % */
	SCENE_TRICK,  /* the same, by versions that share chunks */
	SCENE_GROUP,  /* the same, by several: blocked at 5 % */
	SCENE_SPREAD, /* a little of much: flagged, and blocked nowhere */
	SCENE_LOAD,   /* with a load grant: stopped after the loads granted */
	SCENE_FACT,   /* flagged at the first chunk, or before it */
	SCENE_HABIT,  /* granted, but not when or where it is done */
	SCENE_QUIET,  /* under every threshold: how much a year? */
	SCENE_UNSEEN, /* nothing here can see it */
};

struct scene {
	const char *name;
	enum scene_kind kind;
	const char *about;
	/* Benign: people begin it, time does the rest; how many loads it is. */
	uint64_t (*work)(struct world *w);
	/* The others: from its begin to its end. */
	void (*play)(struct world *w);
};

/* All of them, in the order in which they are shown; NULL past the last. */
const struct scene *scene_at(size_t i);
const struct scene *scene_find(const char *name);
const char *scene_kind_name(enum scene_kind k);
/* A benign one by chance. */
const struct scene *scene_benign(uint64_t chance);

/* The tables. */
extern const struct scene scene_works[];
extern const struct scene scene_copies[];
extern const struct scene scene_loads[];
extern const struct scene scene_quiets[];

#endif
