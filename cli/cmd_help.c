/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>

#include "cli/cmd.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "vault/err.h"

#ifndef WEIR_VERSION
#define WEIR_VERSION "0.1"
#endif

int
cmd_help(struct options *o, int argc, char **argv)
{
	struct options_operands words;
	const struct commands_row *c;
	int r, used;

	if ((r = options_parse(o, NULL, argc, argv, &words)) != 0)
		return r;
	if (words.count == 0) {
		commands_help(stdout);
		return 0;
	}
	c = commands_find((int)words.count, words.items, &used);
	if (c != NULL) {
		commands_usage(c);
		return 0;
	}
	if (words.count == 1 && commands_list(stdout, words.items[0]))
		return 0;
	return commands_unknown((int)words.count, words.items);
}

int
cmd_version_print(const struct options *o)
{
	OWNED_JSON j = NULL;

	if (!o->json) {
		printf("weir %s\n", WEIR_VERSION);
		return 0;
	}
	if ((j = json_pack("{s:s}", "version", WEIR_VERSION)) == NULL)
		return ERR_NOMEM;
	return out_json(j);
}

int
cmd_version(struct options *o, int argc, char **argv)
{
	struct options_operands none;
	int r = options_parse(o, NULL, argc, argv, &none);

	return r != 0 ? r : cmd_version_print(o);
}
