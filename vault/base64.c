/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/base64.h"

#include <sodium.h>
#include <string.h>

#include "vault/err.h"

#define VARIANT sodium_base64_VARIANT_ORIGINAL

char *
base64_encode(char *out, const void *bytes, size_t n)
{
	return sodium_bin2base64(out, BASE64_SIZE(n), bytes, n, VARIANT);
}

static int
decode(void *out, size_t max, size_t *n, const char *text, size_t length,
    int variant)
{
	size_t got;

	/* libsodium 1.0.18 takes byte 0xaf for a slash. */
	for (size_t i = 0; i < length; i++) {
		if ((text[i] & 0x80) != 0)
			return ERR_FORMAT;
	}
	if (sodium_base642bin(out, max, text, length, NULL, &got, NULL,
		variant) != 0)
		return ERR_FORMAT;
	*n = got;
	return 0;
}

int
base64_decode(void *out, size_t max, size_t *n, const char *text, size_t length)
{
	return decode(out, max, n, text, length, VARIANT);
}

int
base64_decode_any(void *out, size_t max, size_t *n, const char *text,
    size_t length)
{
	int variant = VARIANT;

	if (memchr(text, '-', length) != NULL ||
	    memchr(text, '_', length) != NULL || length % 4 != 0)
		variant = length % 4 == 0 ?
		    sodium_base64_VARIANT_URLSAFE :
		    sodium_base64_VARIANT_URLSAFE_NO_PADDING;
	return decode(out, max, n, text, length, variant);
}
