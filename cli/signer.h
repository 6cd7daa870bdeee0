/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_SIGNER_H
#define WEIR_SIGNER_H

#include <stddef.h>
#include <stdint.h>

#include "vault/owned.h"
#include "vault/statement.h"

/*
 * A person's signing key, wherever it is: a weir key file, an OpenSSH key file,
 * or ssh-agent.  --key takes
 *
 *	PATH		a weir secret key, or an unencrypted OpenSSH Ed25519 key
 *	PATH.pub	an OpenSSH public key whose secret half ssh-agent has
 *	agent:TEXT	the one key of ssh-agent whose comment or SHA256
 *			fingerprint is TEXT
 *	NAME		NAME.key in the directory of `weir key gen`
 */
struct signer;

/* passphrase_file: NULL to ask on the terminal when one is needed.
 * Says what is wrong: ERR_NOT_FOUND, ERR_FORMAT, ERR_SECRET,
 * ERR_UNREACHABLE (no agent). */
int signer_open(struct signer **out, const char *key,
    const char *passphrase_file) MUST_USE;
/* Only what is public of it: no passphrase is asked for, no agent for
 * PATH.pub.  It cannot sign. */
int signer_public(struct signer **out, const char *key) MUST_USE;
void signer_free(struct signer *s);
OWNED_TYPE(signer);

const struct statement_key *signer_key(const struct signer *s);
/* What messages call it: a name, a comment or a path. */
const char *signer_name(const struct signer *s);

/* Sign bytes: Ed25519 (RFC 8032), nothing put before or behind.  The result is
 * checked against the public key before it is handed out. */
int signer_sign(struct signer *s, const void *bytes, size_t n,
    uint8_t sig[static STATEMENT_SIG]) MUST_USE;

/* Sign a statement and add the signature. */
int signer_sign_statement(struct signer *s, struct statement *st) MUST_USE;

/* The directory of this user's keys: WEIR_KEYS, else $XDG_CONFIG_HOME/weir/keys
 * or ~/.config/weir/keys.  The caller frees. */
int signer_directory(char **out) MUST_USE;

#endif
