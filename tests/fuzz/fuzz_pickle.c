/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/pickle.h"

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/source.h"

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct model_source src = source_of(bytes, n);
	struct model_imports imports = { 0 };
	char text[200];
	struct why why = { text, sizeof(text) };
	OWNED_STREAM s = { 0 };

	if (stream_open(&s, &src, 0, n) == 0 &&
	    pickle_list(&imports, &s, &why) == 0 && n == 0)
		__builtin_trap(); /* nothing is no pickle */
	model_imports_clear(&imports);
	return 0;
}
