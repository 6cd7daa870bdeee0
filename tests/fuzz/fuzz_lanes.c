/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "tests/fuzz/fuzz.h"
#include "vault/lanes.h"

#define ITEMS_MAX 48

/*
 * Buffers hashed side by side and one after another: equal digests.  The first
 * byte is their number; two more for each are where it ends in the rest, and
 * they may overlap.
 */
int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static struct lanes *many, *one;
	struct lanes_bytes in[ITEMS_MAX];
	struct digest a[ITEMS_MAX], b[ITEMS_MAX];
	size_t count = n > 0 ? bytes[0] % (ITEMS_MAX + 1) : 0;
	size_t head = 1 + 2 * count;

	if (many == NULL &&
	    (lanes_new(&one, LANES_ONE) != 0 ||
		(lanes_new(&many, LANES_MANY) != 0 &&
		    lanes_new(&many, LANES_FASTER) != 0)))
		abort();
	if (count == 0 || n < head)
		return 0;
	for (size_t i = 0; i < count; i++) {
		size_t from = bytes[1 + 2 * i] % (n - head + 1);
		size_t left = n - head - from;

		in[i].at = bytes + head + from;
		in[i].length = (bytes[2 + 2 * i] * left + 254) / 255;
	}
	lanes_digest(many, in, count, a);
	lanes_digest(one, in, count, b);
	for (size_t i = 0; i < count; i++)
		if (!digest_equal(&a[i], &b[i]))
			abort();
	return 0;
}
