/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "vault/tensor.h"

/* An index that is taken is written the same again. */
int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct tensor_list l = { 0 };
	OWNED_WRITER w = writer_of(n);

	if (tensor_index_parse(&l, bytes, n) == 0 &&
	    (tensor_index_write(&l, &w) != 0 || w.length != n ||
		memcmp(w.bytes, bytes, n) != 0))
		abort();
	tensor_list_clear(&l);
	return 0;
}
