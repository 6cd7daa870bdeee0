/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_LANES_H
#define WEIR_LANES_H

#include <stddef.h>

#include "vault/digest.h"
#include "vault/owned.h"

/*
 * SHA-256 of many short things at once, side by side in the lanes of wide
 * registers, with libipsec-mb where it is (x86-64) and does as OpenSSL does;
 * otherwise with OpenSSL, one after another.  The digests are the same.  For one
 * thread.
 */
struct lanes;
int lanes_new(struct lanes **out) MUST_USE;
void lanes_free(struct lanes *l);
OWNED_TYPE(lanes);

struct lanes_bytes {
	const void *at;
	size_t length;
};
/* l may be NULL: one after another.  out has room for n. */
void lanes_digest(struct lanes *l, const struct lanes_bytes *in, size_t n,
    struct digest *out);

/* Whether they are side by side. */
bool lanes_are_wide(const struct lanes *l);

#endif
