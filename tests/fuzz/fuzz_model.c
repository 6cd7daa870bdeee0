/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/model.h"

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/source.h"

/* The first byte chooses the name; pickles and zips are reached by theirs. */
int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static const char *const names[] = { "a.pt", "a.bin", "a.pkl", "a.json",
		"a" };
	struct model_info info = { 0 };
	struct model_source src;
	char why[200];

	if (n == 0)
		return 0;
	src = source_of(bytes + 1, n - 1);
	if (model_inspect(&info, names[bytes[0] % 5], &src, why, sizeof(why)) ==
	    0)
		model_info_clear(&info);
	return 0;
}
