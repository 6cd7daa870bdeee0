/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/grant_exe.h"

#include <string.h>

#define HEX (DIGEST_HEX_SIZE - 1)

const char *
grant_exe_wrong(const char *digests)
{
	size_t count = 0;

	while (*digests != '\0') {
		char hex[DIGEST_HEX_SIZE] = "";
		struct digest d;
		size_t n = strcspn(digests, " ");

		if (n == HEX)
			memcpy(hex, digests, HEX);
		if (digest_parse(&d, hex) != 0)
			return "a program is given by the SHA-256 of its file:"
			       " 64 lowercase hex digits";
		if (++count > GRANT_EXES_MAX)
			return "a grant lists at most 8 programs";
		digests += n;
		if (digests[0] == ' ' && digests[1] == '\0')
			return "a program is missing behind the last blank";
		digests += *digests == ' ';
	}
	return NULL;
}

bool
grant_exe_lists(const char *digests, const struct digest *exe)
{
	char hex[DIGEST_HEX_SIZE];

	if (*digests == '\0')
		return true;
	return exe != NULL && strstr(digests, digest_hex(exe, hex)) != NULL;
}
