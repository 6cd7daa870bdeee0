/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_PROGRESS_H
#define WEIR_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "vault/check.h"
#include "vault/intake.h"
#include "vault/mirror.h"
#include "vault/owned.h"

/*
 * How far a long command is, on stderr: one line that is redrawn on a
 * terminal, a line every few seconds elsewhere, nothing when quiet.
 */
struct progress;

int progress_new(struct progress **out, bool quiet) MUST_USE;

/* Clears a line that is being redrawn. */
void progress_free(struct progress *p);
OWNED_TYPE(progress);

/* Take the redrawn line away so that others can be printed. */
void progress_clear(struct progress *p);

/* Callbacks of intake, extract and check; arg is the struct progress. */
void progress_intake(void *arg, const struct intake_progress *now);
void progress_extract(void *arg, uint64_t done, uint64_t total);
void progress_check(void *arg, const struct check_totals *now);

/* So many objects were looked at, and so many are gone. */
void progress_sweep(struct progress *p, uint64_t done, uint64_t gone);
/* The same of a mirror. */
void progress_mirror(void *arg, const struct mirror_totals *now);

/* So many of the trail's entries were looked at. */
void progress_entries(struct progress *p, uint64_t done, uint64_t total);

/* Seconds since progress_new. */
double progress_seconds(const struct progress *p);

#endif
