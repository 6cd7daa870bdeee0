/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_PROOF_TLOG_H
#define WEIR_PROOF_TLOG_H

#include "vault/proof.h"

/*
 * The proof that an entry is the log's in the form of others (C2SP tlog-proof;
 * FORMAT.md, "Proof file"): `extra` is the entry.  Pure.
 */

#define PROOF_TLOG_MAGIC "c2sp.org/tlog-proof@v1\n"

/* Of a proof that has one entry, with its inclusion.  ERR_USAGE for another,
 * ERR_LIMIT. */
int proof_tlog_write(struct writer *w, const struct proof *p) MUST_USE;

/* Whether a file begins as one does. */
bool proof_tlog_is(const void *bytes, size_t n);

/* As proof_parse: the question is of that entry, the answer yes.  One without
 * `extra`, from elsewhere, is ERR_FORMAT: nobody could say what was logged. */
int proof_tlog_parse(struct proof **out, const void *bytes, size_t n,
    char why[static PROOF_WHY]) MUST_USE;

#endif
