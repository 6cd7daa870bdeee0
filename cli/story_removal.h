/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_STORY_REMOVAL_H
#define WEIR_STORY_REMOVAL_H

#include <stdio.h>

#include "cli/story.h"
#include "vault/entry.h"

/* Versions that go, come back, go for good: what an entry says, in a line. */
void story_removal_tell(struct story *s, const struct entry_view *v, FILE *f);

#endif
