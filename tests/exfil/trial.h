/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_EXFIL_TRIAL_H
#define WEIR_EXFIL_TRIAL_H

#include "tests/exfil/scene.h"

/* A scene, played with many seeds, and what came of it. */

/* Thresholds were set on the seeds before this one. */
#define TRIAL_FIRST_SEED 30

struct trial_figure {
	double median, p95, worst;
};

struct trial {
	const struct scene *scene;
	size_t runs, flagged, blocked, baseline;
	/* In model-equivalents: by those flagged, or blocked. */
	struct trial_figure flag_leak, block_leak;
	struct trial_figure flag_seconds;
	/* By all: in the end; one principal's and all of them's in any 30 days;
	 * for each load granted. */
	struct trial_figure held, most_one, most_all, loaded;
	char rule[40]; /* that flagged most of them first */
};

/* One run: a few models and some honest work on them, then the scene. */
void trial_play(const struct scene *s, const struct world_how *how,
    struct score *out);
void trial_run(const struct scene *s, const struct world_how *how, size_t runs,
    struct trial *out);

/* Honest work for at least so many loads, a world for each seed. */
struct trial_alarms {
	struct world_alarm *list;
	size_t count;
	uint64_t loads, releases, worlds;
	uint64_t minute_peak; /* bytes of one principal */
};
void trial_work(const struct world_how *how, uint64_t loads,
    struct trial_alarms *out);
void trial_alarms_clear(struct trial_alarms *a);

/* With 95 % the mean is not above this, when n were seen. */
double trial_poisson_bound(uint64_t n);

#endif
