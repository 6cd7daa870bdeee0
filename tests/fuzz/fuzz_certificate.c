/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/certificate.h"

#include <stdlib.h>

#include "tests/fuzz/fuzz.h"

#define VKEY                                                                   \
	"weir.example/audit+c5eef1ba+"                                         \
	"AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"

/* Whatever parses is checked, and what does not hold says why. */
int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	OWNED(certificate) c = NULL;
	struct certificate_verdict v;
	char why[CERTIFICATE_WHY];
	struct note_key k;

	if (note_key_parse(&k, VKEY) != 0)
		abort();
	if (certificate_parse(&c, bytes, n, why) != 0)
		return 0;
	if (certificate_payload(c) == NULL)
		abort();
	if (certificate_verify(c, &k, &v, why) != 0 && why[0] == '\0')
		abort();
	return 0;
}
