/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_ASK_H
#define WEIR_ASK_H

#include <stdbool.h>

#include "cli/options.h"

/*
 * Ask whether to go on, on the terminal; yes: --yes was given.  ERR_USAGE
 * without either; CMD_FAILED when the answer is no.  Both are said.
 */
int ask_yes(const struct options *o, bool yes, const char *question) MUST_USE;

#endif
