/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_STORY_SECRET_H
#define WEIR_STORY_SECRET_H

#include <stdio.h>

#include "cli/story.h"
#include "vault/entry.h"

/* Entries about the vault's own keys, in words: what opens them, when nothing
 * does, and what was copied. */
void story_secret_tell(struct story *s, const struct entry_view *v, FILE *f);

#endif
