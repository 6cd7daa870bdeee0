/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/safetensors.h"

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/source.h"

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct model_source src = source_of(bytes, n);
	struct tensor_list tensors = { 0 };
	char text[200];
	struct why why = { text, sizeof(text) };
	uint64_t header_bytes;

	if (safetensors_parse(&tensors, &header_bytes, &src, &why) == 0)
		tensor_list_clear(&tensors);
	return 0;
}
