/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_PATTERN_H
#define WEIR_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * How a file is read through one handle: one row behind another, in runs with
 * gaps between them (a rank that takes its slice of each tensor), or anywhere.
 * Pure.  Rows are counted from the file's first.
 *
 * Reads that go on near each other's end are a run, also when threads overtake
 * each other; several may be under way at once.  A run's length is predicted
 * once a jump like the one before it was seen before: what followed that one
 * then is expected now.  So equal strides are known from the third run on, and
 * tensors of several sizes from the second layer of the model on.
 */
#define PATTERN_RUNS 16
#define PATTERN_STEPS 32

enum pattern_kind {
	PATTERN_SEQUENTIAL, /* or nothing is known yet */
	PATTERN_STRIDED,    /* in a run whose length is predicted */
	PATTERN_RANDOM,	    /* nearly every read is somewhere else */
};

struct pattern_run {
	uint64_t start;
	uint64_t next;	 /* the row behind its last one */
	uint64_t length; /* as predicted; 0: nothing is, or it was wrong */
	uint64_t used;	 /* 0: no run */
};

/* From the start of a run to that of the next one. */
struct pattern_step {
	uint64_t length; /* of the run */
	int64_t stride;
};

struct pattern {
	uint64_t clock;
	size_t last; /* the run that was read last */
	struct pattern_run runs[PATTERN_RUNS];
	struct pattern_step steps[PATTERN_STEPS]; /* the latest one last */
	size_t step_count;
	unsigned int jumps; /* less those that were followed by more */
};

void pattern_init(struct pattern *p);

/* A read takes count (> 0) rows from row on.  To be told once of each. */
void pattern_note(struct pattern *p, uint64_t row, uint32_t count);

enum pattern_kind pattern_kind(const struct pattern *p);

/* How far the keys of rows are warranted. */
struct pattern_ahead {
	uint64_t end; /* the first row that is not; UINT64_MAX: nobody knows */
	bool sure;    /* all of them up to there are expected to be read */
};

/* For a read that was noted, by its first row.  Of random reads: nothing but
 * what the read itself needs (end is the row). */
struct pattern_ahead pattern_ahead(const struct pattern *p, uint64_t row);

#endif
