/* SPDX-License-Identifier: Apache-2.0 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "vault/lockbox.h"

/* A page that is taken is written the same again. */
int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	OWNED(lockbox) b = NULL;
	OWNED_WRITER w = writer_of(n);

	if (n <= 12 || sodium_init() < 0)
		return 0;
	if (lockbox_parse(&b, bytes, n, bytes[12]) == 0 &&
	    (lockbox_write(b, &w) != 0 || w.length != n ||
		memcmp(w.bytes, bytes, n) != 0))
		abort();
	return 0;
}
