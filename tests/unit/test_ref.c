/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/ref.h"

#define HEX "0123456789abcdef"
#define HEX64 HEX HEX HEX HEX

static void
a_reference_comes_apart(void **state)
{
	struct ref r;

	(void)state;
	assert_int_equal(ref_parse(&r, "llama"), 0);
	assert_string_equal(r.name, "llama");
	assert_string_equal(r.channel, "");
	assert_string_equal(r.digits, "");
	assert_int_equal(ref_parse(&r, "meta/llama-3.1_x:prod"), 0);
	assert_string_equal(r.name, "meta/llama-3.1_x");
	assert_string_equal(r.channel, "prod");
	assert_string_equal(r.digits, "");
	assert_int_equal(ref_parse(&r, "llama@01234567"), 0);
	assert_string_equal(r.channel, "");
	assert_string_equal(r.digits, "01234567");
	assert_int_equal(ref_parse(&r, "llama@" HEX64), 0);
	assert_string_equal(r.digits, HEX64);
}

static void
what_is_no_reference_is_refused(void **state)
{
	static const char *const wrong[] = { "", ":", "@", ":latest", "@" HEX64,
		"llama:", "llama@", "Llama", "ll ama", "/llama", "llama/",
		"a//b", "a/b/c", ".", "..", "a/..", "../a", ".hidden", "a/.b",
		"llama:PROD", "llama:a/b", "llama:..", "llama:a:b",
		"llama:a@" HEX64, "llama@" HEX64 ":a", "llama@0123456",
		"llama@" HEX64 "0", "llama@0123456g", "llama@0123456A",
		"llama@ 1234567", "ll\xc3\xa4ma", "llama\n", "a\tb", "-\x7f" };
	struct ref r = { .name = "untouched" };

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (ref_parse(&r, wrong[i]) != ERR_FORMAT)
			fail_msg("'%s' was taken", wrong[i]);
	assert_string_equal(r.name, "untouched");
}

/* prefix and n times 'a' */
static char *
long_text(const char *prefix, size_t n)
{
	size_t length = strlen(prefix);
	char *s = malloc(length + n + 1);

	assert_non_null(s);
	memcpy(s, prefix, length);
	memset(s + length, 'a', n);
	s[length + n] = '\0';
	return s;
}

static void
lengths_hold_to_the_byte(void **state)
{
	struct ref r;
	char *s;

	(void)state;
	for (size_t n = 127; n <= 129; n++) {
		s = long_text("", n);
		assert_int_equal(ref_parse(&r, s), n <= 128 ? 0 : ERR_FORMAT);
		assert_int_equal(ref_name_ok(s), n <= 128);
		free(s);
	}
	for (size_t n = 0; n <= 33; n++) {
		s = long_text("x:", n);
		assert_int_equal(ref_parse(&r, s),
		    n >= 1 && n <= 32 ? 0 : ERR_FORMAT);
		assert_int_equal(ref_channel_ok(s + 2), n >= 1 && n <= 32);
		free(s);
	}
	for (size_t n = 0; n <= 65; n++) {
		s = long_text("x@", n);
		assert_int_equal(ref_parse(&r, s),
		    n >= 8 && n <= 64 ? 0 : ERR_FORMAT);
		free(s);
	}
}

static void
a_name_is_bare(void **state)
{
	(void)state;
	assert_true(ref_name_ok("llama"));
	assert_true(ref_name_ok("a/b"));
	assert_false(ref_name_ok("llama:latest"));
	assert_false(ref_name_ok("llama@01234567"));
	assert_false(ref_name_ok(""));
}

static void
a_principal_is_a_user(void **state)
{
	static const char *const wrong[] = { "", "user", "user:", "bob",
		"group:bob", "user:a b", "user:a/b", "user:a:b", "USER:a",
		"user:\xc3\xa4", "user:a\n" };
	char *s;

	(void)state;
	assert_true(ref_principal_ok("user:bob"));
	assert_true(ref_principal_ok("user:Bob.X_y-z@example.org"));
	assert_true(ref_principal_ok("user:1000"));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(ref_principal_ok(wrong[i]));
	for (size_t n = 63; n <= 65; n++) {
		s = long_text("user:", n);
		assert_int_equal(ref_principal_ok(s), n <= 64);
		free(s);
	}
}

/* Every byte in every place of a small reference: taken iff of the alphabet. */
static void
no_other_byte_is_taken(void **state)
{
	static const char set[] = "abcdefghijklmnopqrstuvwxyz0123456789._-";
	char text[] = "ab";
	struct ref r;

	(void)state;
	for (int c = 1; c < 256; c++) {
		bool fits = strchr(set, c) != NULL;

		text[1] = (char)c;
		assert_int_equal(ref_parse(&r, text) == 0, fits);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reference_comes_apart),
		cmocka_unit_test(what_is_no_reference_is_refused),
		cmocka_unit_test(lengths_hold_to_the_byte),
		cmocka_unit_test(a_name_is_bare),
		cmocka_unit_test(a_principal_is_a_user),
		cmocka_unit_test(no_other_byte_is_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
