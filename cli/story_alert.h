/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_STORY_ALERT_H
#define WEIR_STORY_ALERT_H

#include <stdio.h>

#include "vault/entry.h"

/* What an entry about an alert or a decoy says, without a line's end: for
 * story.c. */
void story_alert_tell(const struct entry_view *v, FILE *f);

#endif
