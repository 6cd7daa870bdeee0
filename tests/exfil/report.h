/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_EXFIL_REPORT_H
#define WEIR_EXFIL_REPORT_H

#include <stdbool.h>

#include "tests/exfil/trial.h"

/* What the trials gave, as tables for people or one JSON object. */
struct report_ablation {
	const char *rule;
	size_t unseen; /* attacks flagged less often without it */
	size_t later;  /* flagged after more had leaked */
	char most[40]; /* an attack that it is missed for */
};

struct report {
	const struct trial *trials; /* of attacks, in the table's order */
	size_t count;
	const struct trial_alarms *alarms;
	const struct trial *control; /* budgets off; NULL: not run */
	const struct report_ablation *ablation;
	size_t ablation_count;
	uint64_t first_seed, runs;
	uint64_t minute_bytes;
	double seconds; /* of one CPU */
};

/* Whether what is promised of attacks and honest work holds in all of it. */
bool report_holds(const struct report *r);
void report_text(const struct report *r);
void report_json(const struct report *r);

#endif
