/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/watch_rules.h"

#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

/* What is taken is printed, and that is read back as the same. */
int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	char said[200];
	const struct why why = { said, sizeof(said) };
	struct watch_rules r, back;
	char *text;

	if (watch_rules_parse(&r, (const char *)bytes, n, &why) != 0)
		return 0;
	text = watch_rules_text(&r);
	if (text == NULL ||
	    watch_rules_parse(&back, text, strlen(text), &why) != 0 ||
	    memcmp(&r, &back, sizeof(r)) != 0)
		abort();
	free(text);
	return 0;
}
