/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"
#include "vault/object.h"

/* Headers of every type, and what lies behind them, without their names. */
int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	uint8_t key[KEY_SIZE];
	uint32_t header;

	for (uint8_t i = 0; i < KEY_SIZE; i++)
		key[i] = (uint8_t)(0x20 + i);
	if (n < OBJECT_HEADER_FIXED || object_peek(bytes, &header) != 0 ||
	    header > n)
		return 0;
	for (unsigned int t = OBJECT_CHUNK; t <= OBJECT_TENSOR_INDEX; t++) {
		OWNED(object) o = NULL;
		OWNED_MEM(uint8_t) plain = NULL;

		if (object_parse(&o, bytes, header, (enum object_type)t,
			NULL) == 0 &&
		    object_open(o, key, bytes + header, n - header, &plain) !=
			0)
			continue;
	}
	return 0;
}
