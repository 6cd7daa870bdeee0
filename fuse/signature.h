/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_SIGNATURE_H
#define WEIR_SIGNATURE_H

#include <stddef.h>

#include "vault/manifest.h"

/*
 * A version's model.sig (FORMAT.md, "model.sig") as a file of the mount: made
 * of the version's manifest and of what was recorded when it was signed, kept
 * in memory, and read without any key.
 */

#define SIGNATURE_MAX (64U << 20)

struct signature {
	char *bytes; /* NULL: there is none */
	struct manifest_file file;
};
void signature_clear(struct signature *s);

/*
 * record is channel.proof's `oms` (NULL: none); shown is what messages call the
 * version.  There is none either when the version has something of that name,
 * or when the record does not belong to it, which is said.  ERR_NOMEM.
 */
int signature_make(struct signature *out, const struct manifest *m,
    const char *record, const char *shown) MUST_USE;

#endif
