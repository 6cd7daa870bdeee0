/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_PROPOSAL_H
#define WEIR_PROPOSAL_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/options.h"
#include "cli/roots.h"
#include "cli/subject.h"
#include "keys/client.h"
#include "vault/statement.h"

/*
 * A statement on its way from the person who signs it to keyd.  Nothing is
 * signed that was not shown in full, and agreed to.
 */
struct proposal {
	struct options *o;
	struct options_list keys;    /* --key */
	const char *passphrase_file; /* --key-passphrase-file */
	bool yes;		     /* --yes */
	struct options_list trust;   /* --trust */
	bool first_use;		     /* --trust-on-first-use */
	const char *version;	     /* --version: what join is to be about */
	const char *terms;	     /* of a grant: the same */

	struct client *client;
	struct store *store;
	struct roots roots;
};
void proposal_clear(struct proposal *p);
#define OWNED_PROPOSAL __attribute__((cleanup(proposal_clear))) struct proposal

/* The options of every command that signs: rows for its table. */
#define PROPOSAL_OPTIONS(p)                                                    \
	{ "key", 0, OPTIONS_LIST, &(p)->keys },                                \
	    { "key-passphrase-file", 0, OPTIONS_TEXT, &(p)->passphrase_file }, \
	    { "trust", 0, OPTIONS_LIST, &(p)->trust },                         \
	    { "trust-on-first-use", 0, OPTIONS_FLAG, &(p)->first_use },        \
	{                                                                      \
		"yes", 0, OPTIONS_FLAG, &(p)->yes                              \
	}

/* What --version takes, if anything: MODEL@DIGITS or DIGITS, 32 or more. */
int proposal_check_version(const struct proposal *p) MUST_USE;

/* At least one --key, and each is there: said before anything is asked. */
int proposal_check_keys(const struct proposal *p) MUST_USE;

/* Talk to keyd, and learn the trust root that this host goes by; there must be
 * one, unless first. */
int proposal_open(struct proposal *p, bool first) MUST_USE;

/* What every statement has: vault, time. */
struct statement_fields proposal_fields(const struct proposal *p,
    enum statement_about about, const struct subject *subject);

/*
 * Offer a new statement, whose subject and changes the caller has shown: show
 * it, ask, sign it with each key, send it, print what came of it.
 */
int proposal_offer(struct proposal *p, struct statement *s) MUST_USE;

/* Make it first, saying what a field lacks. */
int proposal_make(struct proposal *p, const struct statement_fields *f,
    const char *trust_json) MUST_USE;

/*
 * Add signatures to one that waits: fetch it, hold it against the version that
 * it is about (or the root that it follows), show all of it, ask, sign the very
 * bytes that were shown.
 */
int proposal_join(struct proposal *p, uint64_t id, enum statement_about about)
    MUST_USE;

/* "P7" or "7": ERR_USAGE for another letter. */
int proposal_number(const struct options *o, const char *text, char letter,
    uint64_t *out) MUST_USE;

/* "1 of 2, waits for carol or dave"; of any reply that has the fields. */
#define PROPOSAL_COUNT 1024
char *proposal_count(const json_t *reply, char buf[static PROPOSAL_COUNT]);

/* A command that takes one back: the words behind its name are argv, and the
 * letter is how its kind is numbered. */
int proposal_withdraw(struct options *o, int argc, char **argv, char letter)
    MUST_USE;

#endif
