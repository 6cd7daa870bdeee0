/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "vault/trail_index.h"

#define BEFORE_DIGEST 72

/* A file without its digest, which is put where it belongs: what follows it is
 * looked at, too. */
int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	const struct trail_index_query q = {
		.who = "user:u3",
		.since_ms = INT64_MIN,
		.until_ms = INT64_MAX,
		.kinds = TRAIL_INDEX_ALL,
		.context = true,
	};
	OWNED_MEM(uint8_t) file = malloc(n + DIGEST_SIZE);
	struct trail_index_found found;
	OWNED(trail_index) x = NULL;
	struct digest root, d;

	if (file == NULL || n < BEFORE_DIGEST)
		return 0;
	d = digest_of(bytes, n);
	memcpy(file, bytes, BEFORE_DIGEST);
	memcpy(file + BEFORE_DIGEST, d.bytes, DIGEST_SIZE);
	memcpy(file + BEFORE_DIGEST + DIGEST_SIZE, bytes + BEFORE_DIGEST,
	    n - BEFORE_DIGEST);
	if (trail_index_parse(&x, &root, file, n + DIGEST_SIZE) != 0 ||
	    trail_index_find(x, &q, &found) != 0)
		return 0;
	for (size_t i = 0; i < found.count; i++)
		if (found.entries[i] >= trail_index_size(x))
			abort();
	free(found.entries);
	return 0;
}
