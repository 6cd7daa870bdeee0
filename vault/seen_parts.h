/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_SEEN_PARTS_H
#define WEIR_SEEN_PARTS_H

#include <jansson.h>

#include "vault/seen.h"

/* For seen*.c alone. */

#define SEEN_FILE "seen.json"
#define SEEN_LOCK "lock"

struct seen {
	struct file *dir;
	struct file *lock;
	char *root; /* NULL: none */
	uint64_t number;
	bool first_use;
	json_t *channels; /* as in the file */
	json_t *revoked;  /* the same, empty if it is not there */
	char *checkpoint; /* NULL: none */
};

/* --- seen_place.c: where it lies --- */

/* A vault's directory, which is made if need be, and is nobody else's. */
int seen_place_open(struct file **out, const char *directory,
    const uint8_t vault[static 16]) MUST_USE;
/* Wait for the lock in s->dir. */
int seen_place_lock(struct seen *s) MUST_USE;

#endif
