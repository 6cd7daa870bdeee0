/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_MANIFEST_RULES_H
#define WEIR_MANIFEST_RULES_H

#include "vault/manifest.h"

/* What holds of every manifest, whoever made it.  For manifest*.c. */

/* The longest target that Linux lets a link have. */
#define MANIFEST_TARGET_MAX 4095

/*
 * Whether m obeys FORMAT.md, "Manifest": both what was parsed and what is to
 * be written.  first_row is looked at only where there are rows.  In the order
 * of the number of files and pages.  ERR_FORMAT.
 */
int manifest_rules_check(const struct manifest *m) MUST_USE;

/* Whether this many chunk rows can hold this many bytes. */
bool manifest_rules_span(uint64_t rows, uint64_t bytes);

#endif
