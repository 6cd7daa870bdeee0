/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_STORY_SIGNED_H
#define WEIR_STORY_SIGNED_H

#include <stdio.h>

#include "vault/entry.h"
#include "vault/owned.h"

/* What people signed, for story.c: later entries name a statement by its
 * number alone. */
struct story_signed;

int story_signed_new(struct story_signed **out) MUST_USE;
void story_signed_free(struct story_signed *s);
OWNED_TYPE(story_signed);

/* Learn from statement.add. */
int story_signed_learn(struct story_signed *s, const struct entry_view *v)
    MUST_USE;

/* The model that an entry's statement is about; NULL: of none, or unknown. */
const char *story_signed_model(const struct story_signed *s,
    const struct entry_view *v);

/* statement.add, .sign and .withdraw, verify, sign.oms. */
void story_signed_tell(const struct story_signed *s, const struct entry_view *v,
    FILE *f);

#endif
