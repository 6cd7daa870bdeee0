/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_INVENTORY_H
#define WEIR_INVENTORY_H

#include <jansson.h>

#include "keys/client.h"
#include "vault/manifest.h"
#include "vault/store.h"

/*
 * What `weir ls --long` tells beside what keyd lists: parameters, types
 * of tensors and formats of files, from each version's manifest and
 * tensor index.  Added to the versions of the list; one that cannot be
 * opened gets `unread`, why.
 */
int inventory_add(json_t *models, struct client *c, struct store *s) MUST_USE;

/* `formats` of a manifest's files of weights, added to v. */
int inventory_formats(json_t *v, const struct manifest *m) MUST_USE;

/* The list as a table. */
int inventory_print(const json_t *models) MUST_USE;

#endif
