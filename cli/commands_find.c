/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/near.h"
#include "vault/err.h"
#include "vault/log.h"

#define NAME_SIZE 256

/* "put" is the command "put", and "role" the first word of three. */
static bool
first_word_is(const struct commands_row *c, const char *word)
{
	size_t n = strlen(word);

	return strncmp(c->name, word, n) == 0 &&
	    (c->name[n] == '\0' || c->name[n] == ' ');
}

static const char *
second_word(const struct commands_row *c)
{
	const char *space = strchr(c->name, ' ');

	return space != NULL ? space + 1 : NULL;
}

const struct commands_row *
commands_find(int argc, char **argv, int *words)
{
	const struct commands_row *c;

	for (size_t i = 0; argc > 0 && (c = commands_row(i)) != NULL; i++) {
		const char *second = second_word(c);

		if (!first_word_is(c, argv[0]))
			continue;
		if (second == NULL) {
			*words = 1;
			return c;
		}
		if (argc > 1 && strcmp(argv[1], second) == 0) {
			*words = 2;
			return c;
		}
	}
	return NULL;
}

int
commands_unknown(int argc, char **argv)
{
	char said[NAME_SIZE], name[NAME_SIZE];
	const struct commands_row *c, *near = NULL;
	unsigned int best = 3;
	bool group = false;

	for (size_t i = 0; (c = commands_row(i)) != NULL; i++) {
		unsigned int d;

		if (first_word_is(c, argv[0]))
			group = true;
		snprintf(said, sizeof(said), "%s%s%s", argv[0],
		    argc > 1 && second_word(c) ? " " : "",
		    argc > 1 && second_word(c) ? argv[1] : "");
		if ((d = near_distance(said, c->name)) < best) {
			best = d;
			near = c;
		}
	}

	if (group && argc > 1)
		snprintf(said, sizeof(said), "%s %s", argv[0], argv[1]);
	else
		snprintf(said, sizeof(said), "%s", argv[0]);
	log_name(name, sizeof(name), said, strlen(said));
	if (group && argc == 1)
		return log_err(ERR_USAGE, "%s what? 'weir help %s' lists them",
		    name, name);
	if (near != NULL)
		return log_err(ERR_USAGE,
		    "no command '%s'; did you mean 'weir %s'? 'weir help' "
		    "lists them all",
		    name, near->name);
	return log_err(ERR_USAGE, "no command '%s'; 'weir help' lists them all",
	    name);
}

void
commands_usage(const struct commands_row *c)
{
	printf("usage: weir %s%s%s", c->name, c->usage[0] != '\n' ? " " : "",
	    c->usage);
	if (c->run == cmd_audit_ls) {
		puts("The kinds are");
		cmd_audit_kinds(stdout);
	}
	printf("\nEvery command takes -V DIR, --key-file FILE, "
	       "--passphrase-file FILE,\n"
	       "--allow-swap, --json, --quiet and --help, too; see weir(1).\n");
}

bool
commands_list(FILE *f, const char *word)
{
	const struct commands_row *c;
	bool any = false;

	for (size_t i = 0; (c = commands_row(i)) != NULL; i++) {
		if (word != NULL && !first_word_is(c, word))
			continue;
		fprintf(f, "  weir %-17s %s\n", c->name, c->line);
		any = true;
	}
	return any;
}

void
commands_help(FILE *f)
{
	fprintf(f,
	    "weir keeps model weights encrypted, mounts them for those who "
	    "were granted them,\nand records who was given which bytes.\n\n"
	    "usage: weir [-V DIR] [--key-file FILE] COMMAND ...\n"
	    "       weir --version\n\n");
	commands_list(f, NULL);
	fprintf(f, "\n'weir help COMMAND' tells more, weir(1) everything.\n");
}
