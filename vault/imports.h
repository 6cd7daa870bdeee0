/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_IMPORTS_H
#define WEIR_IMPORTS_H

#include <stdbool.h>

#include "vault/model.h"
#include "vault/owned.h"

/* What a pickle imports, and which of it is accepted without asking. */
#define IMPORTS_MAX 1024 /* distinct ones */
#define IMPORTS_SIZE 512 /* the longest is a byte less */

/* Whether "module name" is on the allowed list. */
bool imports_allowed(const char *import);

/*
 * Add one, escaped (log_name); refused unless it is on the list, which what
 * begins with a '?' never is.  Nothing is added twice.  ERR_LIMIT, ERR_NOMEM.
 */
int imports_add(struct model_imports *i, const char *import) MUST_USE;

#endif
