/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_OMSKEY_H
#define WEIR_OMSKEY_H

#include <stddef.h>
#include <stdint.h>

#include "vault/oms.h"

/* Keys of model.sig: PEM files as OpenSSL writes them. */

struct omskey_signature {
	char *key; /* the public key's text */
	uint8_t sig[OMS_SIG_MAX];
	size_t length;
};
void omskey_clear(struct omskey_signature *s);
#define OWNED_OMSKEY                                                           \
	__attribute__((cleanup(omskey_clear))) struct omskey_signature

/* Sign a payload with the private key in a file.  The passphrase of an
 * encrypted one is from passphrase_file, or asked for (passphrase.h).
 * ERR_NOT_FOUND, ERR_FORMAT, ERR_SECRET, said. */
struct omskey_how {
	const char *path;
	const char *passphrase_file;
};
int omskey_sign(struct omskey_signature *out, const struct omskey_how *how,
    const void *payload, size_t n) MUST_USE;

/* The file is there: said before anything is asked. */
int omskey_look(const char *path) MUST_USE;

/* A public key's file; the caller frees.  ERR_NOT_FOUND, ERR_LIMIT, said. */
int omskey_public(char **out, const char *path) MUST_USE;

#endif
