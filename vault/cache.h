/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CACHE_H
#define WEIR_CACHE_H

#include <stddef.h>

#include "vault/digest.h"
#include "vault/owned.h"

/*
 * A bounded cache of values by digest.  Thread-safe; its lock is never held
 * over anything slow.  The value least recently asked for goes first; one that
 * somebody holds is freed when the last holder lets go.
 */
struct cache;

/* At most max values (> 0); drop frees one. */
int cache_new(struct cache **out, size_t max, void (*drop)(void *value))
    MUST_USE;
void cache_free(struct cache *c); /* no item of it may be held any more */
OWNED_TYPE(cache);

/* A value that is held. */
struct cache_item;
const void *cache_item_value(const struct cache_item *i);
void cache_item_free(struct cache_item *i); /* let go */
OWNED_TYPE(cache_item);

/* Hold the value of this key; NULL when it is not there. */
struct cache_item *cache_get(struct cache *c, const struct digest *key);

/*
 * Take over value, also on failure, and hold it.  Where another thread was
 * first with this key, value is dropped and the one there is held.  ERR_NOMEM.
 */
int cache_add(struct cache_item **out, struct cache *c,
    const struct digest *key, void *value) MUST_USE;

#endif
