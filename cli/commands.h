/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_COMMANDS_H
#define WEIR_COMMANDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "cli/cmd.h"

/* The table of weir's commands, and what is told of them. */

struct commands_row {
	const char *name;
	cmd_fn *run;
	size_t least, most; /* operands */
	bool stops; /* looks at options.stop: SIGINT is not the end of it */
	const char *line;
	const char *usage; /* a summary, and lines for its options */
};

/* NULL: there is no such row. */
const struct commands_row *commands_row(size_t i);

/* The command whose words the arguments begin with; *words of them.  NULL. */
const struct commands_row *commands_find(int argc, char **argv, int *words);

/* Say that there is none: ERR_USAGE. */
int commands_unknown(int argc, char **argv);

/* How one is used; all, or those whose first word this is, a line each
 * (whether there were any); and what weir is. */
void commands_usage(const struct commands_row *c);
bool commands_list(FILE *f, const char *word);
void commands_help(FILE *f);

#endif
