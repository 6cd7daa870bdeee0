/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_COMPLETE_H
#define WEIR_COMPLETE_H

#include <jansson.h>
#include <stddef.h>

#include "cli/options.h"
#include "cli/usage.h"

/*
 * What may stand at the end of a command line, for shells.  Commands come from
 * the table of commands.h, options from what each command gives to
 * options_parse, values and operands from its usage text: what a command takes
 * is completed, without another list.
 */
struct complete {
	json_t *words;	   /* {word, about}, owned; what fits only */
	unsigned int what; /* usage_what: to be added by who knows of it */
	/* What was typed of the last word; what words begin with. */
	const char *typed;
	/* What stands before it, which is typed already: "--out=". */
	char lead[64];
	/* Of the command line; borrowed, NULL if they are not there. */
	const char *vault;
};

/* The words behind "weir"; the last one is not typed to its end, "" if it is
 * not begun.  ERR_NOMEM. */
int complete_line(struct complete *c, struct options *o, int argc,
    char *const *argv) MUST_USE;

/* One word more, if it begins as the one that was typed does. */
int complete_add(struct complete *c, const char *word, const char *about)
    MUST_USE;

void complete_clear(struct complete *c);
#define OWNED_COMPLETE __attribute__((cleanup(complete_clear))) struct complete

/* The usage text of the options that every command takes. */
const char *complete_shared(void);

#endif
