/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_EXFIL_PLAN_H
#define WEIR_EXFIL_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include "tests/exfil/dice.h"
#include "tests/exfil/family.h"

/* Which rows of a version somebody reads, in order.  Rows are freed by whoever
 * takes the plan (actor.h). */
struct plan {
	uint32_t *rows;
	size_t length;
};

struct plan plan_whole(const struct family *f, size_t version);
struct plan plan_reverse(const struct family *f, size_t version);
/* Each stride-th row, then those next to them, until all are read. */
struct plan plan_strided(const struct family *f, size_t version, size_t stride);
struct plan plan_random(const struct family *f, size_t version, struct dice *d);
/* The files in an order by chance, each from its start. */
struct plan plan_files(const struct family *f, size_t version, struct dice *d);
/* Headers and auxiliary rows: nothing that counts. */
struct plan plan_headers(const struct family *f, size_t version);
/* From a share of the rows on, a share of them. */
struct plan plan_part(const struct family *f, size_t version, double from,
    double share);
/* A plan's first share; a plan with each row told apart, n times over. */
struct plan plan_cut(struct plan p, double share);
struct plan plan_again(struct plan p, size_t n);
/* Rows that count only, to skip what costs nothing. */
struct plan plan_weights(const struct family *f, size_t version, struct plan p);

#endif
