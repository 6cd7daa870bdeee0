/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_STORY_VERSION_H
#define WEIR_STORY_VERSION_H

#include <stddef.h>
#include <stdint.h>

#include "keys/client.h"
#include "vault/manifest.h"
#include "vault/owned.h"
#include "vault/store.h"

/* The versions that a trail speaks of: their models, and what rows of their
 * file tables are called. */
struct story_versions;

int story_version_new(struct story_versions **out, struct client *client,
    struct store *store) MUST_USE;
void story_version_free(struct story_versions *s);

/* The version with these 64 digits is one of this model. */
int story_version_learn(struct story_versions *s, const char *digits,
    const char *model) MUST_USE;

/* Borrowed; NULL when not known.  A version's manifest is fetched once. */
const char *story_version_model(const struct story_versions *s,
    const char *digits);
const struct manifest_file *story_version_file(struct story_versions *s,
    const char *digits, uint64_t row);
const char *story_version_path(struct story_versions *s, const char *digits,
    uint64_t row);

/* How many versions could not be opened. */
size_t story_version_unnamed(const struct story_versions *s);

#endif
