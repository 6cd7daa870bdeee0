/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_SSHKEY_H
#define WEIR_SSHKEY_H

#include <stdbool.h>
#include <stddef.h>

#include "vault/owned.h"
#include "vault/secret.h"
#include "vault/statement.h"

/* OpenSSH's secret key files ("openssh-key-v1").  No I/O. */

#define SSHKEY_MAX (64U << 10)
#define SSHKEY_COMMENT 256

enum sshkey_kind {
	SSHKEY_PLAIN,	  /* an Ed25519 key, not encrypted */
	SSHKEY_ENCRYPTED, /* an Ed25519 key behind a passphrase */
	SSHKEY_SK,	  /* a FIDO security key's handle */
	SSHKEY_OTHER,	  /* another kind of key */
};

struct sshkey {
	enum sshkey_kind kind;
	char type[64];		      /* "ssh-rsa", escaped */
	struct statement_key key;     /* PLAIN and ENCRYPTED */
	struct sign_key *seed;	      /* PLAIN; owned */
	char comment[SSHKEY_COMMENT]; /* PLAIN; escaped, may be empty */
};
void sshkey_clear(struct sshkey *k);
#define OWNED_SSHKEY __attribute__((cleanup(sshkey_clear))) struct sshkey

/* Whether text begins as such a file does. */
bool sshkey_is(const void *text, size_t n);

/* ERR_FORMAT: damaged, several keys, or halves that do not belong together. */
int sshkey_parse(struct sshkey *out, const void *text, size_t n) MUST_USE;

#endif
