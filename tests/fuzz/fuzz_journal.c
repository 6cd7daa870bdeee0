/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/journal_scan.h"

#include <stdlib.h>

#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static const struct journal_id id = { { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
	    11, 12, 13, 14, 15, 16 } };
	struct journal_scan end;

	if (n == 0 || journal_scan_bytes(&id, 0, bytes, n, &end) != 0)
		return 0;
	if (end.offset > n || end.next * JOURNAL_SCAN_OVERHEAD > end.offset)
		abort();
	return 0;
}
