/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_COSIGN_H
#define WEIR_COSIGN_H

#include "cli/cosigned.h"
#include "vault/owned.h"
#include "vault/trail.h"
#include "vault/witness.h"

/*
 * Have the policy's witnesses cosign the checkpoint that the reader is of,
 * those that have not yet, and keep the note.  alarm is ERR_INTEGRITY when one
 * of them has seen another history (which is said); the others are asked all
 * the same.  A witness that does not answer is warned of.
 */
struct cosign_result {
	char *note; /* with all cosignatures */
	struct witness_verdict verdict;
	int alarm;
};
void cosign_result_clear(struct cosign_result *r);

int cosign_ask(struct cosign_result *out, struct trail_reader *reader,
    const struct cosigned_where *where) MUST_USE;

#endif
