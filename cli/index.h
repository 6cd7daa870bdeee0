/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_INDEX_H
#define WEIR_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/audit.h"
#include "vault/owned.h"
#include "vault/trail_index.h"

/*
 * The index by which this user's commands find entries of a long trail: a file
 * in the user's state directory, made from the trail when it is missing,
 * behind, damaged or of another log.  What it names is read from the trail and
 * checked as everything is; what it leaves out is not looked at.
 */
struct index;

/* Shorter trails are read whole. */
#define INDEX_LEAST 4096

/*
 * *out is NULL where there is no index to go by: the trail is short, or
 * nothing can be kept here (which is said).  a is borrowed.
 */
int index_open(struct index **out, struct audit *a) MUST_USE;
void index_free(struct index *x);
OWNED_TYPE(index);

/* Entries that the index covers; those from there on are looked at all. */
uint64_t index_size(const struct index *x);
const struct trail_index *index_content(const struct index *x);

/* What q asks for and all from index_size on, in order. */
int index_each(const struct index *x, const struct trail_index_query *q,
    int (*each)(void *arg, uint64_t index, const uint8_t *entry, size_t n),
    void *arg) MUST_USE;

/* Of the entries before from, in order, those that the ones from there to the
 * trail's end need: trail_index_query's context. */
int index_before(struct index *x, uint64_t from,
    int (*each)(void *arg, uint64_t index, const uint8_t *entry, size_t n),
    void *arg) MUST_USE;

/*
 * Make this user's index anew, where there is one, and compare.  ERR_INTEGRITY,
 * said, when it was another; then the new one is kept.  *entries: how many it
 * covers; 0: there is none.
 */
int index_check(struct audit *a, uint64_t *entries) MUST_USE;

#endif
