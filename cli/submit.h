/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_SUBMIT_H
#define WEIR_SUBMIT_H

#include "vault/owned.h"
#include "vault/trail.h"
#include "vault/witness.h"

/*
 * A witness is shown the newest checkpoint and asked to cosign it (C2SP
 * tlog-witness).  note is the log's; *line is the cosignature line, checked;
 * the caller frees.
 *
 * ERR_INTEGRITY: the witness has seen another history than the one that is
 * here, which is said.  ERR_UNREACHABLE: no answer, or none that is one.
 */
int submit_to(char **line, const struct witness *w, struct trail_reader *reader)
    MUST_USE;

#endif
