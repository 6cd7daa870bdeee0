/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_BASE64_H
#define WEIR_BASE64_H

#include <stddef.h>
#include <stdint.h>

#include "vault/owned.h"

/* Base64 with the standard alphabet and padding (RFC 4648, section 4). */

/* With the NUL. */
#define BASE64_SIZE(n) (((n) + 2) / 3 * 4 + 1)

/* out has BASE64_SIZE(n) bytes; returns it. */
char *base64_encode(char *out, const void *bytes, size_t n);

/*
 * Strict: the alphabet, the padding, no bits left over, nothing else.
 * ERR_FORMAT, also for more than max bytes.
 */
int base64_decode(void *out, size_t max, size_t *n, const char *text,
    size_t length) MUST_USE;

/*
 * The same for what other programs wrote: the URL-safe alphabet (section 5),
 * padded or not, will do as well.  Not both alphabets in one text.
 */
int base64_decode_any(void *out, size_t max, size_t *n, const char *text,
    size_t length) MUST_USE;

#endif
