/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_ROLE_H
#define WEIR_ROLE_H

#include <stdbool.h>

#include "vault/owned.h"

/* What a principal may ask of keyd (PROTOCOL.md, "Roles").  Pure. */

/* Bits, so that what a principal holds is one number. */
enum role {
	ROLE_OWNER = 1,
	ROLE_MANAGER = 2,
	ROLE_UPLOADER = 4, /* of one family */
	ROLE_REVIEWER = 8,
	ROLE_MOUNTER = 16,
};
#define ROLE_ANY 31U /* any role at all */

/* ERR_FORMAT for a word that is no role. */
int role_parse(enum role *out, const char *name) MUST_USE;
const char *role_name(enum role r);

/* Whether a role is handed out for a family: uploader only. */
bool role_has_family(enum role r);

/* Whether who holds these may do what one of `wanted` may: an owner may do
 * what any role may; 0 is wanted of nobody. */
bool role_may(unsigned int held, unsigned int wanted);

#endif
