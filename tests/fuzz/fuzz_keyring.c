/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/keyring_slot.h"

#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct reader r = reader_of(bytes, n);
	struct keyring_slot slot;

	while (keyring_slot_read(&slot, &r) == 0)
		continue;
	return 0;
}
