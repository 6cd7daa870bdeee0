/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_SPENT_H
#define WEIR_SPENT_H

#include <stddef.h>

#include "vault/digest.h"
#include "vault/owned.h"
#include "vault/store.h"

/*
 * Objects that were read to their end, and that nobody is likely to read again
 * soon: the plain bytes are in the page cache, and the sealed ones would take
 * as much room once more.  The host is told that it need not keep them
 * (store_uncache), each once SPENT_KEPT others were read to their end, since
 * threads that read parts of one overtake each other.  Thread-safe; the lock
 * is held over memory only.
 */
struct spent;

#define SPENT_KEPT 16

int spent_new(struct spent **out, struct store *s) MUST_USE; /* borrowed */
void spent_free(struct spent *p);
OWNED_TYPE(spent);

/* The object's end was read.  One that is among the last ones stays there. */
void spent_add(struct spent *p, const struct digest *name);

/* Nothing is read any more: those that are left, too. */
void spent_flush(struct spent *p);

#endif
