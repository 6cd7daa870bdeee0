/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/note.h"

#include <stdlib.h>

#include "tests/fuzz/fuzz.h"

#define VKEY                                                                   \
	"weir.example/audit+c5eef1ba+"                                         \
	"AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct note_checkpoint c;
	struct note_key k;

	if (note_key_parse(&k, VKEY) != 0)
		abort();
	if (note_checkpoint_read(&c, (const char *)bytes, n, &k) != 0)
		return 0;
	return 0;
}
