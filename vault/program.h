/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_PROGRAM_H
#define WEIR_PROGRAM_H

#include "vault/digest.h"
#include "vault/owned.h"

#define PROGRAM_MAX (UINT64_C(1) << 30)

/*
 * SHA-256 of the file that an open descriptor is of, from its beginning: that
 * of sha256sum(1).  ERR_FORMAT: no plain file; ERR_LIMIT: it has more than
 * PROGRAM_MAX bytes; ERR_IO.  Silent.
 */
int program_digest(int fd, struct digest *out) MUST_USE;

#endif
