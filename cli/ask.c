/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/ask.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "cli/cmd.h"
#include "vault/log.h"

int
ask_yes(const struct options *o, bool yes, const char *question)
{
	char line[16] = "";

	if (yes)
		return 0;
	if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
		return options_wrong(o,
		    "%s There is no terminal to ask this on; --yes answers it",
		    question);
	fprintf(stderr, "%s [y/N] ", question);
	fflush(stderr);
	if (fgets(line, sizeof(line), stdin) == NULL)
		fputc('\n', stderr);
	line[strcspn(line, "\n")] = '\0';
	if (strcasecmp(line, "y") == 0 || strcasecmp(line, "yes") == 0)
		return 0;
	log_info("nothing was done");
	return CMD_FAILED;
}
