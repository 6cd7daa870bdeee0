/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/base64.h"

#include <sodium.h>

#include "vault/err.h"

#define VARIANT sodium_base64_VARIANT_ORIGINAL

char *
base64_encode(char *out, const void *bytes, size_t n)
{
	return sodium_bin2base64(out, BASE64_SIZE(n), bytes, n, VARIANT);
}

int
base64_decode(void *out, size_t max, size_t *n, const char *text, size_t length)
{
	size_t got;

	/* libsodium 1.0.18 takes byte 0xaf for a slash. */
	for (size_t i = 0; i < length; i++) {
		if ((text[i] & 0x80) != 0)
			return ERR_FORMAT;
	}
	if (sodium_base642bin(out, max, text, length, NULL, &got, NULL,
		VARIANT) != 0)
		return ERR_FORMAT;
	*n = got;
	return 0;
}
