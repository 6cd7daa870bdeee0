/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_USAGE_H
#define WEIR_USAGE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * What a usage text of the command table says of options and operands, for
 * shells.  It has a summary, whose later lines begin with 11 blanks, and then
 * lines for its options, which begin with two.
 */

/* What may stand somewhere; bits. */
enum usage_what {
	USAGE_FILES = 1,
	USAGE_DIRECTORIES = 2,
	USAGE_PROGRAMS = 4, /* of the host */
	USAGE_MODELS = 8,
	USAGE_VERSIONS = 16, /* MODEL@DIGITS */
	USAGE_CHANNELS = 32, /* MODEL:CHANNEL */
	USAGE_PRINCIPALS = 64,
	USAGE_ACCOUNTS = 128,
	USAGE_MOUNTS = 256,
	USAGE_KEYS = 512, /* of people */
	USAGE_KINDS = 1024,
	USAGE_ROLES = 2048,
	USAGE_COMMANDS = 4096, /* weir's */
};

#define USAGE_WORDS 8 /* that can be typed as they stand: auto|off|max */
#define USAGE_WORD 24

struct usage_place {
	unsigned int what;
	char words[USAGE_WORDS][USAGE_WORD];
	size_t count;
};

/* The value of --name.  false: there is none, or it is called something that
 * is not known here. */
bool usage_value(const char *usage, const char *name, struct usage_place *out);

/* Operand n, counted from 0; where one may be repeated, whatever may stand
 * there.  false as above, and
 * where no operand n may be. */
bool usage_operand(const char *usage, size_t n, struct usage_place *out);

/* Whether --name is told of at all. */
bool usage_has(const char *usage, const char *name);

/* What its line says of --name, "" if it has none. */
#define USAGE_ABOUT 160
void usage_about(const char *usage, const char *name,
    char out[static USAGE_ABOUT]);

#endif
