/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_LANES_H
#define WEIR_LANES_H

#include <stddef.h>

#include "vault/digest.h"
#include "vault/owned.h"

/*
 * SHA-256 of many buffers side by side: sixteen of them take hardly longer
 * than one where the processor has the registers for it.  Whether they are
 * hashed in lanes (libipsec-mb) or one after another (OpenSSL) is a matter of
 * speed: the digests are the same.  For one thread at a time.
 */
struct lanes;

enum lanes_kind {
	LANES_FASTER, /* by the number of buffers and the machine */
	LANES_ONE,    /* one after another, always */
	LANES_MANY,   /* in lanes, even where that is slower */
};

/* WEIR_LANES=one or =many in the environment stands for LANES_FASTER.
 * LANES_MANY on a machine without the library: ERR_NOT_FOUND.  ERR_NOMEM. */
int lanes_new(struct lanes **out, enum lanes_kind kind) MUST_USE;
void lanes_free(struct lanes *l); /* wipes */
OWNED_TYPE(lanes);

/* Whether it would hash this many buffers in lanes. */
bool lanes_beside(const struct lanes *l, size_t n);

struct lanes_bytes {
	const void *at;
	size_t length;
};

/* The digests of n of them; out has room.  l may be NULL: one after another. */
void lanes_digest(struct lanes *l, const struct lanes_bytes *in, size_t n,
    struct digest *out);

#endif
