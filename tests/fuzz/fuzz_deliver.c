/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/deliver.h"

#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	char text[256] = "";
	const struct why why = { text, sizeof(text) };
	struct deliver d;

	if (deliver_parse(&d, (const char *)bytes, n, &why) != 0) {
		if (strncmp(text, "line ", 5) != 0)
			abort();
		return 0;
	}
	if (d.keep == 0 || d.hook_timeout == 0 || d.webhook_timeout == 0)
		abort();
	if ((d.hook[0] != '\0' && d.hook[0] != '/') ||
	    (d.webhook[0] != '\0' && strncmp(d.webhook, "http", 4) != 0))
		abort();
	return 0;
}
