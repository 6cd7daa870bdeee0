/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_STORY_GRANT_H
#define WEIR_STORY_GRANT_H

#include <stdio.h>

#include "vault/entry.h"

/* Entries about grants and roles, told to people; for story.c. */
struct story;
void story_grant_tell_add(struct story *s, const struct entry_view *v, FILE *f);
void story_grant_tell_rm(struct story *s, const struct entry_view *v, FILE *f);
void story_grant_tell_reset(struct story *s, const struct entry_view *v,
    FILE *f);
void story_grant_tell_role(struct story *s, const struct entry_view *v,
    FILE *f);

#endif
