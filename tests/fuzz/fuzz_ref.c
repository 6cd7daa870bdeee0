/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/ref.h"

#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	char *text = strndup((const char *)bytes, n);
	struct ref r;

	if (text == NULL)
		return 0;
	if (ref_parse(&r, text) == 0 && !ref_name_ok(r.name))
		abort();
	(void)ref_principal_ok(text);
	free(text);
	return 0;
}
