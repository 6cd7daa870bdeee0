/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_VERSION_PARTS_H
#define WEIR_VERSION_PARTS_H

#include <pthread.h>

#include "vault/cache.h"
#include "vault/version.h"

/* What a version and the reading of its chunks share; for version*.c alone. */

struct version {
	struct store *store;
	struct opened *opened;
	struct page_key *key;
	struct manifest *manifest;
	struct cache *pages;
	struct cache *headers;
	pthread_mutex_t mutex; /* of what follows */
	struct scratch *idle;
	size_t idle_count;
};

/* Hold the header of a chunk. */
int version_header(struct cache_item **out, struct version *v,
    const struct digest *name) MUST_USE;

/* Free what reads left behind for the next ones. */
void version_drop_scratch(struct version *v);

#endif
