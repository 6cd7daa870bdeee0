/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/entry.h"

#include <stdlib.h>

#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct entry_view v;
	enum entry_kind kind;
	int64_t time_ms;
	bool peeked = entry_peek(bytes, n, &time_ms, &kind);

	if (entry_parse(&v, bytes, n) != 0)
		return 0;
	if (peeked && (kind != v.kind || time_ms != v.time_ms))
		abort();
	entry_view_clear(&v);
	return 0;
}
