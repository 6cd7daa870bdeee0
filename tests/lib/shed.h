/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_SHED_H
#define WEIR_SHED_H

#include "tests/lib/fakekeys.h"
#include "tests/lib/scratch.h"
#include "vault/intake.h"
#include "vault/version.h"

/* A store, keys, and a tree to be put, in a scratch directory.  What cannot
 * be made ends the program. */
struct shed {
	struct scratch scratch;
	char *src;     /* an empty directory, mode 0755 */
	char *objects; /* of the store */
	struct store *store;
	struct fakekeys keys;
	struct filesums
	    *filesums;	       /* for shed_put; NULL unless a test sets it */
	struct opened *opened; /* for shed_open; NULL unless a test sets it */
	char lines[4096]; /* what was logged since shed_init or shed_hush */
};

void shed_init(struct shed *s);
void shed_clear(struct shed *s);
#define OWNED_SHED __attribute__((cleanup(shed_clear))) struct shed

/* Forget the lines. */
void shed_hush(struct shed *s);

/* Take one path in. */
int shed_put(struct shed *s, const char *path, struct intake_result *out)
    MUST_USE;

/* Give bytes as standard input (they are in scratch/stream) and take it in. */
int shed_put_stream(struct shed *s, const char *name, const uint8_t *bytes,
    size_t n, struct intake_result *out) MUST_USE;

/* Open a version, and load its keys. */
int shed_open(struct shed *s, const struct intake_result *r,
    struct version **out) MUST_USE;

/* Write it out to a path. */
int shed_get(struct shed *s, struct version *v, const char *dest) MUST_USE;

/* Put src, write it out to scratch/dest (a new directory), and assert that both
 * are the same and that nothing was logged. */
void shed_round_trip(struct shed *s, struct intake_result *r);

/* The file of an object, in a buffer from malloc. */
char *shed_object(const struct shed *s, const struct digest *name);

#endif
