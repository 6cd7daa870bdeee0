/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "vault/filesums.h"

#define BEFORE_DIGEST 24

/* A file without its digest, which is put where it belongs.  What is read is
 * written as it was. */
int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	OWNED_WRITER w = writer_of(4U << 20);
	OWNED_MEM(uint8_t) file = malloc(n + DIGEST_SIZE);
	OWNED(filesums) s = NULL;
	struct digest d;

	if (file == NULL || n < BEFORE_DIGEST)
		return 0;
	d = digest_of(bytes, n);
	memcpy(file, bytes, BEFORE_DIGEST);
	memcpy(file + BEFORE_DIGEST, d.bytes, DIGEST_SIZE);
	memcpy(file + BEFORE_DIGEST + DIGEST_SIZE, bytes + BEFORE_DIGEST,
	    n - BEFORE_DIGEST);
	if (filesums_parse(&s, file, n + DIGEST_SIZE) != 0)
		return 0;
	filesums_write(s, &w);
	if (!writer_ok(&w) || w.length != n + DIGEST_SIZE ||
	    memcmp(w.bytes, file, w.length) != 0)
		abort();
	return 0;
}
