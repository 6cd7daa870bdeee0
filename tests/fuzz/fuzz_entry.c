/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/entry.h"

#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct entry_view v;

	if (entry_parse(&v, bytes, n) == 0)
		entry_view_clear(&v);
	return 0;
}
