/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_READS_H
#define WEIR_READS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/audit.h"
#include "cli/cosign.h"
#include "cli/evidence.h"
#include "cli/index.h"
#include "cli/options.h"
#include "vault/proof.h"
#include "vault/question.h"

/* What `weir audit reads` finds out: whether a principal was given bytes of a
 * model. */

/* A session that bears on the answer. */
struct reads_sitting {
	uint64_t id;
	uint64_t opened; /* the index of its opening */
	json_t *opening; /* that entry */
	uint64_t released, told, entries;
	int64_t first_ms, last_ms;
};

/* An entry that says yes. */
struct reads_hit {
	uint64_t index;
	struct question_finding f;
};

struct reads {
	const struct options *o;
	struct question q;
	struct audit *a;
	struct evidence_from from;
	struct question_inquiry *inquiry;
	struct reads_sitting *sittings;
	size_t sitting_count;
	struct reads_hit *hits;
	size_t hit_count;
	uint64_t bytes;
	const struct index *index;
	bool saw_who, saw_model; /* names that some entry has, where all were
				  * looked at */
	uint64_t named;	 /* entries that it named; 0: all were looked at */
	uint64_t start;	 /* the first entry at or after the time */
	uint64_t behind; /* the first that is followed by none of the time */
	enum proof_answer answer;
	struct note_checkpoint then; /* the log as it was at start */
	struct cosigned_note earlier;
	bool has_earlier;
	uint64_t first, end; /* what a no rests on */
};

void reads_clear(struct reads *d);

/*
 * Look, and decide.  d has its question, the audit and where cosigned
 * checkpoints are.  By the index a yes alone is said; for anything else, and
 * with `all`, every entry of the trail is looked at.
 */
int reads_look(struct reads *d, bool all) MUST_USE;

/* Room for one more where count is 0 or a power of two. */
int reads_grow(void *list, size_t count, size_t size) MUST_USE;

#endif
