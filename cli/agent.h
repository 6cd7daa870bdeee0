/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_AGENT_H
#define WEIR_AGENT_H

#include <stddef.h>
#include <stdint.h>

#include "vault/owned.h"
#include "vault/statement.h"

/*
 * ssh-agent, for keys that it holds: its own, a hardware token's, a forwarded
 * agent's.  The agent is not believed: what it signs is verified by who asked.
 */

#define AGENT_KEYS_MAX 256
#define AGENT_COMMENT 256
#define AGENT_MESSAGE_MAX (256U << 10)

struct agent_key {
	struct statement_key key;
	char comment[AGENT_COMMENT]; /* escaped */
};
/* The Ed25519 keys; how many of other kinds there are. */
struct agent_keys {
	struct agent_key *items;
	size_t count;
	size_t security_keys; /* sk-ssh-... */
	size_t others;
};
void agent_keys_clear(struct agent_keys *k);
#define OWNED_AGENT_KEYS                                                       \
	__attribute__((cleanup(agent_keys_clear))) struct agent_keys

struct agent;

/* Connect to the agent at $SSH_AUTH_SOCK.  ERR_UNREACHABLE, said. */
int agent_open(struct agent **out) MUST_USE;
void agent_free(struct agent *a);
OWNED_TYPE(agent);

/* ERR_UNREACHABLE, ERR_FORMAT, said. */
int agent_list(struct agent *a, struct agent_keys *out) MUST_USE;

/* Sign n bytes as they are.  Waits as long as somebody may need to touch a
 * token.  ERR_DENIED: the agent refuses; said. */
int agent_sign(struct agent *a, const struct statement_key *k,
    const void *bytes, size_t n, uint8_t sig[static STATEMENT_SIG]) MUST_USE;

/* Its answers, from their type byte on.  ERR_FORMAT, ERR_LIMIT (too many
 * keys), ERR_DENIED (a failure), ERR_NOMEM; silent. */
int agent_identities_parse(struct agent_keys *out, const void *answer, size_t n)
    MUST_USE;
int agent_signature_parse(uint8_t sig[static STATEMENT_SIG], const void *answer,
    size_t n) MUST_USE;

#endif
