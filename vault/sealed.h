/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_SEALED_H
#define WEIR_SEALED_H

#include <stddef.h>
#include <stdint.h>

#include "vault/owned.h"
#include "vault/reader.h"
#include "vault/secret.h"
#include "vault/writer.h"

/* Sealed record (FORMAT.md, "Keyring"): a small secret under a key. */

#define SEALED_SALT 32
#define SEALED_OVERHEAD (SEALED_SALT + 4 + 16)
#define SEALED_MAX 4096 /* plain bytes */

/* Seal n bytes under key with a fresh random salt; appended to w.  purpose
 * (at most 512 bytes) is the info and the AAD.  ERR_LIMIT when n is over
 * SEALED_MAX or w has no room, ERR_NOMEM. */
int sealed_write(struct writer *w, const uint8_t key[static KEY_SIZE],
    const char *purpose, const void *secret, size_t n) MUST_USE;

/* The same with the salt given, for keys that depend on it (slots). */
int sealed_write_salted(struct writer *w, const uint8_t key[static KEY_SIZE],
    const uint8_t salt[static SEALED_SALT], const char *purpose,
    const void *secret, size_t n) MUST_USE;

/* Borrow the salt of the record that starts at r, without moving r; NULL if
 * it is not there. */
const uint8_t *sealed_salt(const struct reader *r);

/*
 * Open the record at r into out, which must have exactly its length n.
 * ERR_FORMAT for another length or truncation, ERR_SECRET when the tag does
 * not match (a wrong key; out is wiped).
 */
int sealed_read(struct reader *r, const uint8_t key[static KEY_SIZE],
    const char *purpose, void *out, size_t n) MUST_USE;

#endif
