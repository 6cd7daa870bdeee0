/* SPDX-License-Identifier: Apache-2.0 */

/* A bundle that would take more memory than it is worth. */
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/bundle.h"
#include "vault/err.h"

/* The separators of JSON without escapes in its strings. */
static size_t
separators_of(const char *json)
{
	bool quoted = false;
	size_t n = 0;

	for (; *json != '\0'; json++) {
		quoted = quoted != (*json == '"');
		n += !quoted && strchr("[{,:", *json) != NULL;
	}
	return n;
}

/* With a list of so many numbers, which has one comma less. */
static char *
with_numbers(const char *bundle, size_t count)
{
	static const char before[] = "\"tlogEntries\":[";
	OWNED_MEM(char) list = calloc(2 * count + sizeof(before), 1);

	assert_non_null(list);
	memcpy(list, before, sizeof(before));
	for (size_t i = 0; i < count; i++)
		memcpy(list + strlen(before) + 2 * i, i > 0 ? ",0" : " 0", 2);
	return bundle_edited(bundle, before, list);
}

static void
a_bundle_has_few_values(void **state)
{
	OWNED_MEM(char) bundle = bundle_vector("p256", ".sig");
	OWNED_MEM(char) key = bundle_vector("p256", ".pub");
	const size_t left = OMS_SEPARATORS_MAX - separators_of(bundle) + 1;
	OWNED_MEM(char) most = with_numbers(bundle, left);
	OWNED_MEM(char) more = with_numbers(bundle, left + 1);
	OWNED_MEM(char) text = calloc(OMS_SEPARATORS_MAX + 2, 1);
	OWNED_MEM(char) hint = NULL;
	OWNED_MEM(char) quoted = NULL;
	OWNED(oms_doc) doc = NULL;
	OWNED(oms_doc) none = NULL;
	OWNED(oms_doc) other = NULL;
	char why[OMS_WHY];

	(void)state;
	assert_int_equal(separators_of(most), OMS_SEPARATORS_MAX);
	assert_int_equal(bundle_verify(most, key, &doc, why), 0);
	assert_int_equal(bundle_verify(more, key, &none, why), ERR_LIMIT);
	assert_non_null(strstr(why, "more values"));
	/* In strings they are none, behind a quote in one either. */
	memset(text, '[', OMS_SEPARATORS_MAX + 1);
	assert_true(asprintf(&hint, "\"x\":\"\\\"%s\",\"hint\"", text) > 0);
	quoted = bundle_edited(bundle, "\"hint\"", hint);
	assert_int_equal(bundle_verify(quoted, key, &other, why), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bundle_has_few_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
