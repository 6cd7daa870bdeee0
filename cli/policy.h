/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_POLICY_H
#define WEIR_POLICY_H

#include <jansson.h>
#include <stddef.h>

#include "cli/options.h"
#include "vault/statement.h"
#include "vault/trust.h"

/* A trust root's predicate (FORMAT.md, "Trust root") in the making. */

struct policy_person {
	char name[STATEMENT_NAME_MAX + 1];
	struct statement_key key;
};
struct policy_people {
	struct policy_person items[TRUST_KEYS_MAX];
	size_t count;
};

/*
 * Add a public key: what --key takes, or a line "ssh-ed25519 ...", with NAME=
 * before it if named.  Its name is that, else what the key is called up to an
 * '@'.  A key that is there already keeps the name it was given by NAME=.
 * ERR_USAGE, said.
 */
int policy_add(struct policy_people *p, const struct options *o,
    const char *text, bool named) MUST_USE;

/*
 * One rule for all: one signs a version, revokes, or rolls back; more than half
 * promote, and sign the next trust root.  Principals are user:NAME.
 * The people are put in order.
 */
int policy_default(json_t **out, struct policy_people *p) MUST_USE;

/* Read one from a file ('-': standard input): ERR_USAGE with the offset. */
int policy_load(json_t **out, const struct options *o, const char *path)
    MUST_USE;

/* As statement_new takes it: without what is put in there, with the log.  The
 * caller frees. */
int policy_text(char **out, json_t *policy, const char *log) MUST_USE;

#endif
