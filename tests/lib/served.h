/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_SERVED_H
#define WEIR_SERVED_H

#include <stdint.h>

#include "tests/lib/moody.h"
#include "tests/lib/scratch.h"
#include "vault/manifest.h"
#include "vault/secret.h"
#include "vault/store.h"
#include "vault/version.h"

/* A small version in a store, with its keys at hand.  What cannot be made ends
 * the program. */
struct served {
	struct scratch scratch;
	struct store *store;
	struct store *read_through; /* by the version */
	struct moody *moody;	    /* which is this */
	struct page_key *key;
	struct version *version;
	const struct manifest *manifest;
	struct digest object;	   /* of the manifest */
	uint8_t **content;	   /* by row of the file table */
	uint8_t (*keys)[KEY_SIZE]; /* by chunk row */
	uint32_t *lengths;
	struct digest *names;
};

/*
 *	big		bytes of noise, in chunks of this length
 *	dir/		mode 0750
 *	dir/small	100 bytes in one chunk, mode 0600, no weights
 *	empty
 *	link		to dir/small
 */
enum served_row {
	SERVED_BIG,
	SERVED_DIR,
	SERVED_SMALL,
	SERVED_EMPTY,
	SERVED_LINK,
	SERVED_ROWS
};
struct served *served_new(uint64_t bytes, uint32_t chunk);
void served_free(struct served *s);

/* Where an object lies; returns buf. */
#define SERVED_PATH_SIZE 512
char *served_path(const struct served *s, const struct digest *name,
    char buf[static SERVED_PATH_SIZE]);

#endif
