/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_STORY_H
#define WEIR_STORY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keys/client.h"
#include "vault/entry.h"
#include "vault/manifest.h"
#include "vault/owned.h"
#include "vault/store.h"

/*
 * The trail told to people.  Entries hold digests, session numbers and rows
 * of file tables; what they mean was said by earlier entries (which model a
 * version is of, whose a session is) or stands in a manifest (the name of a
 * file), which keyd gives the key of to whoever may see it.
 */
struct story;

/* client and store are borrowed; NULL: no file is named. */
int story_new(struct story **out, struct client *client, struct store *store)
    MUST_USE;
void story_free(struct story *s);
OWNED_TYPE(story);

/* Learn what an entry says.  Entries must come in the trail's order. */
int story_learn(struct story *s, const struct entry_view *v) MUST_USE;

/* Whether an entry is of a session, a version or a statement of which none that
 * was learnt has told. */
bool story_lacks(const struct story *s, const struct entry_view *v);

/* Whether an entry is about this model, or done by or for this principal,
 * the sessions that it belongs to included. */
bool story_about(const struct story *s, const struct entry_view *v,
    const char *model);
bool story_by(const struct story *s, const struct entry_view *v,
    const char *principal);

/* The entry in a line; the caller frees. */
int story_tell(struct story *s, const struct entry_view *v, char **out)
    MUST_USE;

/*
 * The entry's own JSON with what can be told of it: index, model, and path,
 * or paths for a list of reads (null where a name is not known).  The caller
 * drops it.
 */
int story_json(struct story *s, uint64_t index, const struct entry_view *v,
    json_t **out) MUST_USE;

/* The model of an entry about a version or a model, and a row of its version's
 * file table; NULL when not known.  Borrowed until the next call. */
const char *story_model(const struct story *s, const struct entry_view *v);
const struct manifest_file *story_file(struct story *s,
    const struct entry_view *v, uint64_t row);

/* Versions whose files could not be named. */
size_t story_unnamed(const struct story *s);

#endif
