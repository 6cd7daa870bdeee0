/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_STORY_TEXT_H
#define WEIR_STORY_TEXT_H

#include <stdint.h>

#include "vault/entry.h"

/* What stands in an entry, for people: "" and 0 where nothing does. */
static inline const char *
story_text(const struct entry_view *v, const char *key)
{
	const char *text = entry_view_text(v, key);

	return text != NULL ? text : "";
}

static inline uint64_t
story_number(const struct entry_view *v, const char *key)
{
	uint64_t n;

	return entry_view_number(v, key, &n) == 0 ? n : 0;
}

#endif
