/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CHECK_H
#define WEIR_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/store.h"
#include "vault/version.h"

/*
 * The sweep: which objects of a store are damaged or missing, and which files
 * they hurt.  Needs manifest keys, no chunk keys: bodies are checked by the
 * digests in their headers.
 */

struct check_totals {
	uint64_t objects; /* looked at */
	uint64_t bytes;
	uint64_t damaged;
	uint64_t missing;
	uint64_t unreferenced; /* in the store, of no version swept */
};

struct check_damage {
	struct digest object;
	bool missing;
	const char *reason; /* "block 3 does not match", borrowed */
};

/*
 * A sweep: begin; one version after another (all objects that it
 * names, each looked at once however many versions share it); end counts
 * what is unreferenced.
 */
struct check;
struct check_how {
	struct store *store;
	bool read_data; /* read whole bodies, not headers and sizes only */
	/* Each damaged object once ... */
	void (*damage)(void *arg, const struct check_damage *d);
	/* ... and each file of a swept version that it hurts. */
	void (*hurts)(void *arg, const struct digest *object, const char *model,
	    const struct digest *version, const char *path);
	void (*progress)(void *arg, const struct check_totals *t);
	void *arg;
};
int check_new(struct check **out, const struct check_how *how) MUST_USE;
void check_free(struct check *c);
OWNED_TYPE(check);

/* A version that cannot even be opened (its manifest is damaged) counts
 * and is told as damage; that is no error of the sweep. */
int check_version(struct check *c, const char *model,
    const struct version_open *v) MUST_USE;
int check_end(struct check *c, struct check_totals *out) MUST_USE;

#endif
