/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_BUNDLE_H
#define WEIR_BUNDLE_H

#include "vault/oms.h"

/* Bundles to test with.  What fails fails the test; texts are the caller's. */

/* A vector: the file tests/vectors/oms-NAME with this ending. */
char *bundle_vector(const char *name, const char *ending);

/* text with the first `from` made `to`; it must be there. */
char *bundle_edited(const char *text, const char *from, const char *to);

/* oms_verify of a text, with an empty why unless it says something. */
int bundle_verify(const char *bundle, const char *key, struct oms_doc **out,
    char why[static OMS_WHY]) MUST_USE;

#endif
