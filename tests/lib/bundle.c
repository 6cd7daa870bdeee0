/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/bundle.h"

#include <stdio.h>
#include <string.h>

#include "tests/lib/test.h"
#include "vault/file.h"

#define TEXT_MAX (1U << 16)

char *
bundle_vector(const char *name, const char *ending)
{
	char path[128];
	uint8_t *bytes;
	size_t n;

	snprintf(path, sizeof(path), "tests/vectors/oms-%s%s", name, ending);
	assert_int_equal(file_load(NULL, path, TEXT_MAX, &bytes, &n), 0);
	return (char *)bytes;
}

char *
bundle_edited(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);
	char *out;

	if (at == NULL)
		fail_msg("no '%s' in %s", from, text);
	assert_true(asprintf(&out, "%.*s%s%s", (int)(at - text), text, to,
			at + strlen(from)) > 0);
	return out;
}

int
bundle_verify(const char *bundle, const char *key, struct oms_doc **out,
    char why[static OMS_WHY])
{
	why[0] = '\0';
	return oms_verify(out, bundle, strlen(bundle), key, why);
}
