/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_PICKLE_H
#define WEIR_PICKLE_H

#include "vault/model.h"
#include "vault/owned.h"
#include "vault/stream.h"
#include "vault/why.h"

/*
 * Python pickles, protocols 0 to 5.  Nothing is ever unpickled: the opcodes are
 * walked with a stack and a memo in which a value is either a short string or
 * something else, so that the names which STACK_GLOBAL takes from the stack
 * are the ones that Python would take.  What such a walk tells is what a
 * pickle imports; that nothing harmful can be built from allowed imports is
 * the reason for the list being short, not something that is proven here.
 */
#define PICKLE_STACK_MAX (4U << 20)    /* values, and marks */
#define PICKLE_STRINGS_MAX (16U << 20) /* bytes; what is beyond is not known */
#define PICKLE_NAME_MAX 255 /* bytes of a module's or object's name */

/*
 * Add to imports what the pickles in s import: one pickle after another to
 * the end, or, in a file that torch.save wrote without a zip, the five
 * before the raw data.  A name that cannot be told counts as refused, and
 * stands there with a '?'.  Memory is at most about 200 MiB.
 *
 * ERR_FORMAT, with a reason in why, where Python's own unpickler would stop
 * with an error; ERR_LIMIT where it might go on but weir cannot follow (a
 * limit above, a number not written as Python writes it, a frame that ends
 * in the middle of something).  In both cases the
 * imports up to there have been added.  ERR_NOMEM, or what the stream says.
 */
int pickle_list(struct model_imports *imports, struct stream *s,
    const struct why *why) MUST_USE;

#endif
