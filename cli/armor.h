/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_ARMOR_H
#define WEIR_ARMOR_H

#include <stdbool.h>
#include <stddef.h>

#include "vault/writer.h"

/*
 * Bytes as text between "-----BEGIN label-----" and "-----END label-----", as
 * key files are kept.  No I/O.
 */

/* Whether text begins as an armour of this label does. */
bool armor_is(const void *text, size_t n, const char *label);

/*
 * Append what the armour holds to w.  Nothing but line ends may stand before,
 * between or behind.  ERR_FORMAT, ERR_NOMEM.
 */
int armor_decode(struct writer *w, const void *text, size_t n,
    const char *label) MUST_USE;

/* Append an armour around n bytes to w, in lines of 64. */
int armor_encode(struct writer *w, const void *bytes, size_t n,
    const char *label) MUST_USE;

#endif
