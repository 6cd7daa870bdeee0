/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_DIGEST_H
#define WEIR_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/owned.h"

/* SHA-256, and the one place where digests are parsed. */

#define DIGEST_SIZE 32
#define DIGEST_HEX_SIZE 65 /* 64 lowercase hex and a NUL */

struct digest {
	uint8_t bytes[DIGEST_SIZE];
};

bool digest_equal(const struct digest *a, const struct digest *b);
int digest_compare(const struct digest *a, const struct digest *b);
bool digest_is_zero(const struct digest *d);

/* buf as 64 lowercase hex digits; returns buf. */
char *digest_hex(const struct digest *d, char buf[static DIGEST_HEX_SIZE]);

/* Exactly 64 lowercase hex digits and the end of the string, else
 * ERR_FORMAT. */
int digest_parse(struct digest *out, const char *hex) MUST_USE;

struct digest digest_of(const void *bytes, size_t n);
struct digest digest_of2(const void *a, size_t an, const void *b, size_t bn);

/* A digest in the making.  Never fails once it is made. */
struct digester;
int digester_new(struct digester **out) MUST_USE;
void digester_add(struct digester *d, const void *bytes, size_t n);
struct digest digester_end(struct digester *d); /* ready for the next one */
void digester_free(struct digester *d);
OWNED_TYPE(digester);

/*
 * HKDF-SHA-256 (RFC 5869), extract and expand; n is 1 .. 255 * 32.  salt may
 * be NULL with salt_length 0.  info is at most 1,024 bytes.  Like the digests
 * above it has no failure to return: out of memory stops the process.
 */
struct kdf_input {
	const uint8_t *key;
	size_t key_length;
	const uint8_t *salt;
	size_t salt_length;
	const void *info;
	size_t info_length;
};
void digest_hkdf(uint8_t *out, size_t n, const struct kdf_input *in);

/* Only its second half (RFC 5869 section 3.3), for keys that are uniformly
 * random already. */
void digest_hkdf_expand(uint8_t *out, size_t n, const uint8_t key[static 32],
    const void *info, size_t info_length);

#endif
