/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_OMSDIR_H
#define WEIR_OMSDIR_H

#include <stddef.h>

#include "cli/options.h"
#include "vault/oms.h"
#include "vault/survey.h"

/* A plain directory (or file) that is signed or verified, and what is to be
 * left out of it. */
struct omsdir {
	const struct options *o;
	char *real;	     /* its absolute path */
	const char **ignore; /* below it */
	size_t count;
	char **owned;
	size_t owned_count;
	struct survey survey;
};
void omsdir_clear(struct omsdir *d);
#define OWNED_OMSDIR __attribute__((cleanup(omsdir_clear))) struct omsdir

/* ERR_NOT_FOUND, said. */
int omsdir_open(struct omsdir *out, const struct options *o, const char *path)
    MUST_USE;

/* Leave out a path that a user named: below the directory, or absolute.
 * ERR_USAGE, said, for what cannot be in it. */
int omsdir_ignore(struct omsdir *d, const char *path) MUST_USE;

/* Leave out what a bundle says, borrowed; and the bundle itself when it lies in
 * there (it need not exist yet). */
int omsdir_ignore_all(struct omsdir *d, const char *const *paths, size_t count)
    MUST_USE;
int omsdir_ignore_bundle(struct omsdir *d, const char *path) MUST_USE;

/* List what is left. */
int omsdir_walk(struct omsdir *d) MUST_USE;

/* Hash what is wanted, telling how far it is. */
int omsdir_hash(struct omsdir *d) MUST_USE;

#endif
