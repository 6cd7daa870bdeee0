/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_VERIFIED_H
#define WEIR_VERIFIED_H

#include <stdbool.h>

#include "cli/options.h"
#include "cli/subject.h"
#include "keys/client.h"

/* keyd's verifier, which must have opened every chunk of a version and hashed
 * every file before anybody signs it. */

/*
 * Have a version verified, and wait for it, telling how far it is.  no_wait:
 * only look.  ERR_INTEGRITY: it is not what its manifest says; ERR_CONFLICT:
 * not yet; CMD_INTERRUPTED.  All are said.
 */
int verified_wait(const struct options *o, struct client *client,
    const struct subject *subject, bool no_wait) MUST_USE;

#endif
