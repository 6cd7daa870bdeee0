/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_EXTENDS_H
#define WEIR_EXTENDS_H

#include "cli/audit.h"
#include "cli/options.h"

/* A checkpoint in a file that this log signed; what is wrong with it is said.
 * *note, if wanted, is the caller's. */
int extends_read(const char *path, const struct note_key *key,
    struct note_checkpoint *out, char **note) MUST_USE;

/*
 * `weir audit verify --since`: whether the log as it is now extends what was
 * kept, by a consistency proof; and what was added.  ERR_INTEGRITY for a fork,
 * both sides of which are shown, and for a log that was cut.
 */
int extends_check(const struct options *o, const struct audit *a,
    const char *path) MUST_USE;

#endif
