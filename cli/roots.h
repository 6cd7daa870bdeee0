/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_ROOTS_H
#define WEIR_ROOTS_H

#include <stdint.h>

#include "keys/client.h"
#include "vault/statement.h"
#include "vault/trust.h"

/* A vault's trust root, as keyd shows it: each from the first on must be
 * accepted by the one before. */
struct roots {
	uint64_t number; /* 0: there is none */
	struct statement *newest;
	struct trust_root *root;
};
void roots_clear(struct roots *r);
#define OWNED_ROOTS __attribute__((cleanup(roots_clear))) struct roots

/* ERR_INTEGRITY, said, when what keyd shows does not follow. */
int roots_fetch(struct roots *out, struct client *client) MUST_USE;

/* The same; ERR_NOT_FOUND, said with what to do, when there is none. */
int roots_need(struct roots *out, struct client *client) MUST_USE;

#endif
