/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_OPTIONS_H
#define WEIR_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keys/unlock.h"
#include "vault/owned.h"

/*
 * The command line.  Options that every command takes stand in one table and
 * may come before or after the verb; a command adds a table of its own.  The
 * functions here say a line on stderr when they return ERR_USAGE.
 */

#define OPTIONS_LIST_MAX 256

struct options_list {
	const char *items[OPTIONS_LIST_MAX];
	size_t count;
};

enum options_kind {
	OPTIONS_FLAG, /* to: bool * */
	OPTIONS_TEXT, /* to: const char **, borrowed from argv */
	OPTIONS_LIST, /* to: struct options_list *; may be repeated */
};

struct options_own {
	const char *name; /* NULL ends a table: OPTIONS_END */
	char letter;	  /* or 0 */
	enum options_kind kind;
	void *to;
};

#define OPTIONS_END                                                            \
	{                                                                      \
		.name = NULL                                                   \
	}

/* What all commands share. */
struct options {
	const char
	    *program;	   /* "weir put", for messages; NULL before the verb */
	const char *vault; /* from -V, else WEIR_VAULT, else NULL */
	struct unlock_source unlock;
	bool allow_swap; /* a keyd or a mount that must be started, too */
	bool json;
	bool quiet;
	bool help;
	bool version;	    /* before the verb only */
	const char *usage;  /* the command's, for what is missing; or NULL */
	size_t least, most; /* operands the command takes */
	/* Not NULL: nothing is parsed.  Each option of the call's, without
	 * its place to go, is handed to this, and the call ends with
	 * ERR_USAGE and no word. */
	void (*tell)(void *to, const struct options_own *row);
	void *tell_to;
	const volatile bool *stop; /* set by SIGINT and SIGTERM */
};

/* The environment's part; everything else off. */
void options_init(struct options *o, const volatile bool *stop);

/* Operands, in order.  before is how many of them stood before a "--"; count
 * when there was none. */
struct options_operands {
	char **items; /* borrowed from argv, with a NULL behind */
	size_t count;
	size_t before;
	bool divided; /* there was a "--" */
};

/* Parse what stands before the verb; *next is the verb's place in argv. */
int options_globals(struct options *o, int argc, char **argv, int *next)
    MUST_USE;

/* Parse a command's arguments; argv[0] is the verb.  own may be NULL. */
int options_parse(struct options *o, const struct options_own *own, int argc,
    char **argv, struct options_operands *out) MUST_USE;

/* The vault directory that was asked for. */
int options_vault(const struct options *o, const char **out) MUST_USE;

/* Say a usage line ("weir put: ...; see 'weir help put'"): ERR_USAGE. */
int options_wrong(const struct options *o, const char *fmt, ...)
    PRINTF_LIKE(2, 3);

/* A whole number 0 .. max. */
int options_number(const struct options *o, const char *name, const char *text,
    uint64_t max, uint64_t *out) MUST_USE;

/*
 * A moment, in ms since 1970: a date or time as entry_time_parse takes it, or
 * a distance from now ("90s", "30m", "12h", "7d", "2w") in direction -1 (ago)
 * or 1 (ahead).
 */
int options_time(const struct options *o, const char *name, const char *text,
    int direction, int64_t *out) MUST_USE;

/* A span of time in ms: "90s", "30m", "12h", "7d", "2w", or "0". */
int options_span(const struct options *o, const char *name, const char *text,
    uint64_t *out) MUST_USE;

/* user:<name>, with a hint when only the name was given. */
int options_principal(const struct options *o, const char *text) MUST_USE;

#endif
