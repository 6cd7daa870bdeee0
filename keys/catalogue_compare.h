/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CATALOGUE_COMPARE_H
#define WEIR_CATALOGUE_COMPARE_H

#include <jansson.h>

#include "keys/catalogue.h"

/*
 * Whether a catalogue is what the trail's entries add up to: they are applied
 * to an empty one in memory, by the code that keyd applies them with, and the
 * two are compared row by row.  Wrapped keys and the numbers of chunks are in
 * no entry: they are taken over, and not compared.
 */
struct catalogue_compare;

/* Nobody else may have it open: ERR_CONFLICT.  It is only read. */
int catalogue_compare_begin(struct catalogue_compare **out, const char *path)
    MUST_USE;
void catalogue_compare_free(struct catalogue_compare *c);
OWNED_TYPE(catalogue_compare);

/* How many entries it says it has taken in; those are to be applied, in
 * order.  ERR_INTEGRITY, said, as catalogue_apply. */
uint64_t catalogue_compare_applied(const struct catalogue_compare *c);
int catalogue_compare_apply(struct catalogue_compare *c, uint64_t index,
    const struct entry_view *entry) MUST_USE;

/* A row that only one of the two has; what each returns ends it. */
struct catalogue_difference {
	const char *table;
	bool extra; /* the catalogue has it, and the trail does not say so */
	const json_t *row;
};
int catalogue_compare_end(struct catalogue_compare *c,
    int (*each)(void *arg, const struct catalogue_difference *d), void *arg)
    MUST_USE;

#endif
