/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "vault/trail_index.h"

#define BEFORE_DIGEST 72

/* From where on is any entry, and behind the last one. */
static void
find_all(const struct trail_index *x)
{
	const uint64_t size = trail_index_size(x);
	const uint64_t from[] = { 0, size / 2, size, UINT64_MAX };

	for (size_t k = 0; k < sizeof(from) / sizeof(from[0]); k++) {
		const struct trail_index_query q = {
			.who = k == 0 ? "user:u3" : NULL,
			.since_ms = INT64_MIN,
			.until_ms = INT64_MAX,
			.from = from[k],
			.kinds = TRAIL_INDEX_ALL,
			.context = true,
		};
		struct trail_index_found found;

		if (trail_index_find(x, &q, &found) != 0)
			continue;
		for (size_t i = 0; i < found.count; i++)
			if (found.entries[i] >= size)
				abort();
		free(found.entries);
	}
}

/* A file without its digest, which is put where it belongs: what follows it is
 * looked at, too. */
int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	OWNED_MEM(uint8_t) file = malloc(n + DIGEST_SIZE);
	OWNED(trail_index) x = NULL;
	struct digest root, d;

	if (file == NULL || n < BEFORE_DIGEST)
		return 0;
	d = digest_of(bytes, n);
	memcpy(file, bytes, BEFORE_DIGEST);
	memcpy(file + BEFORE_DIGEST, d.bytes, DIGEST_SIZE);
	memcpy(file + BEFORE_DIGEST + DIGEST_SIZE, bytes + BEFORE_DIGEST,
	    n - BEFORE_DIGEST);
	if (trail_index_parse(&x, &root, file, n + DIGEST_SIZE) == 0)
		find_all(x);
	return 0;
}
