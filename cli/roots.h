/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_ROOTS_H
#define WEIR_ROOTS_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/options.h"
#include "keys/client.h"
#include "vault/statement.h"
#include "vault/trust.h"

/* A vault's trust root: each must be accepted by the one before. */
struct roots {
	uint64_t number; /* 0: there is none */
	bool by_keyd;	 /* from root 1 on, which nobody here vouches for */
	struct statement *newest;
	struct trust_root *root;
};
void roots_clear(struct roots *r);
#define OWNED_ROOTS __attribute__((cleanup(roots_clear))) struct roots

/* What somebody who signs goes by, beside what this host has pinned or seen. */
struct roots_how {
	struct options_list trust;	 /* --trust */
	bool first_use;			 /* --trust-on-first-use */
	bool may_lack;			 /* the vault may have none yet */
	const struct statement_key *own; /* of those who sign */
	size_t own_count;
};

/*
 * For who signs: from what is pinned, seen, or signed by one of their own keys
 * to keyd's newest, as a mount does (keys/chain.h), and this host remembers it.
 * ERR_INTEGRITY, said, and noted on this host; ERR_NOT_FOUND, said with what to
 * do, when there is none, or nothing to go by.
 */
int roots_follow(struct roots *out, struct client *client,
    const struct roots_how *how) MUST_USE;

/*
 * For who looks: the same where a root is pinned on this host, or it has seen
 * the vault; else from root 1 on as keyd shows it: by_keyd.  None is no error.
 */
int roots_look(struct roots *out, struct client *client) MUST_USE;

/* What is to be said of roots that are by_keyd. */
extern const char roots_by_keyd[];

/* The same; ERR_NOT_FOUND, said with what to do, when there is none. */
int roots_need(struct roots *out, struct client *client) MUST_USE;

#endif
