/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_GRANT_EXE_H
#define WEIR_GRANT_EXE_H

#include <stdbool.h>

#include "vault/digest.h"

/*
 * The programs that a grant expects to read (PROTOCOL.md, "Programs"): SHA-256
 * of their files, 64 lowercase hex digits each, a blank between two.  Others
 * are flagged, and let read.  Pure.
 */
#define GRANT_EXES_MAX 8
#define GRANT_EXES_SIZE (GRANT_EXES_MAX * DIGEST_HEX_SIZE)

/* NULL, or a sentence that says what is wrong.  Empty is well: any program. */
const char *grant_exe_wrong(const char *digests);

/* Whether this program is one of them; an empty list is of all.  NULL: a
 * program that could not be seen. */
bool grant_exe_lists(const char *digests, const struct digest *exe);

#endif
