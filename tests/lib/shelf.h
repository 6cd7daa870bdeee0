/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_SHELF_H
#define WEIR_SHELF_H

#include <stdbool.h>
#include <stddef.h>

#include "tests/lib/sample.h"
#include "tests/lib/scratch.h"
#include "vault/store.h"

/* A directory store, and what tests put into it. */

extern const uint8_t shelf_key[KEY_SIZE]; /* of all objects */

/* A new one in dir. */
struct store *shelf_open(const struct scratch *dir);
/* An object of n bytes, the same for the same n. */
struct sample shelf_chunk(size_t n);
int shelf_put(struct store *s, const struct sample *o, bool *stored);
int shelf_put_later(struct store *s, const struct sample *o);
/* "ab" or "ab/abcdef..." (whole) in the store's directory; to be freed. */
char *shelf_path(const struct scratch *dir, const struct digest *name,
    bool whole);
/* Whether the store gives back exactly this object. */
bool shelf_holds(struct store *s, const struct sample *o);

#endif
