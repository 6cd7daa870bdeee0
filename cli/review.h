/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_REVIEW_H
#define WEIR_REVIEW_H

#include <stdio.h>

#include "cli/subject.h"
#include "vault/statement.h"
#include "vault/trust.h"

/* What somebody sees before they sign. */

/* Everything that a statement says. */
void review_statement(FILE *f, const struct statement *s);

/* A trust root's people, with the fingerprints of their keys, and its rules. */
void review_root(FILE *f, const struct statement *s,
    const struct trust_root *root);

/* What is different in `to`; from NULL: there is nothing to compare with.
 * deep: chunks and tensors, too. */
int review_changes(FILE *f, const struct subject *from,
    const struct subject *to, bool deep) MUST_USE;

/*
 * A parsed statement against the version that it is about, opened here: root
 * digest, files, bytes, weights, who put it.  ERR_INTEGRITY, said.
 */
int review_agrees(const struct statement *s, const struct subject *subject)
    MUST_USE;

#endif
