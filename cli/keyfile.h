/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_KEYFILE_H
#define WEIR_KEYFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keys/keyring.h"
#include "vault/owned.h"
#include "vault/sealed.h"
#include "vault/secret.h"
#include "vault/statement.h"
#include "vault/writer.h"

/* A person's secret key file (FORMAT.md, "Keys of people").  No I/O. */

#define KEYFILE_MAX 4096
#define KEYFILE_SUFFIX ".key"

struct keyfile {
	char name[STATEMENT_NAME_MAX + 1];
	struct keyring_cost cost;
	struct statement_key key;
	uint8_t sealed[SEALED_OVERHEAD + KEY_SIZE];
};

/* [a-z0-9._-]{1,64} */
bool keyfile_name_ok(const char *name);

/* Seal a seed under a passphrase, and append the file to w.  cost: zeros for
 * the default.  ERR_LIMIT for a cost out of bounds, ERR_USAGE for a name. */
struct keyfile_new {
	const char *name;
	const struct secret_text *passphrase;
	struct keyring_cost cost;
	const struct sign_key *seed;
};
int keyfile_write(struct writer *w, const struct keyfile_new *how) MUST_USE;

/* Whether text begins as such a file does. */
bool keyfile_is(const void *text, size_t n);

/* ERR_FORMAT, ERR_LIMIT (a cost out of bounds). */
int keyfile_parse(struct keyfile *out, const void *text, size_t n) MUST_USE;

/* ERR_SECRET: another passphrase; ERR_FORMAT: the seed is not the key's. */
int keyfile_open(const struct keyfile *f, const struct secret_text *passphrase,
    struct sign_key **out) MUST_USE;

/* The public key that belongs to a seed. */
void keyfile_public(struct statement_key *out, const struct sign_key *seed);

#endif
