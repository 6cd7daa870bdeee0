/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys/grant_host.h"
#include "tests/lib/test.h"

static void
a_pattern_is_of_the_whole_name(void **state)
{
	static const struct {
		const char *patterns, *host;
		bool matches;
	} cases[] = {
		{ "gpu-1", "gpu-1", true }, { "gpu-1", "gpu-10", false },
		{ "gpu-1", "xgpu-1", false }, { "gpu-1", "", false },
		{ "GPU-1.Example.ORG", "gpu-1.example.org", true },
		{ "gpu-*", "gpu-", true },
		{ "gpu-*", "gpu-7.rack.example", true },
		{ "gpu-*", "gpu", false }, { "*", "", true },
		{ "*", "anything", true }, { "?", "", false },
		{ "?", "a", true }, { "?", "ab", false },
		{ "node-??", "node-07", true }, { "node-??", "node-7", false },
		{ "*-gpu-*", "a-gpu-b", true }, { "*a*b", "xxaxxbxxb", true },
		{ "*a*b", "xxaxxbxxc", false }, { "a**b", "ab", true },
		{ "*.example", "evil.example.org", false },
		{ "gpu-1", "gpu-1 ", false }, { "one two", "two", true },
		{ "one two", "one", true }, { "one two", "one two", false },
		{ "one two", "three", false }, { "", "any", true },
		{ "[a-z]*", "abc", false }, /* no sets */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (grant_host_matches(cases[i].patterns, cases[i].host) !=
		    cases[i].matches)
			fail_msg("'%s' and '%s'", cases[i].patterns,
			    cases[i].host);
}

/* The slow way: as the rule is said. */
static bool
slowly(const char *p, const char *h)
{
	if (*p == '\0')
		return *h == '\0';
	if (*p == '*')
		return slowly(p + 1, h) || (*h != '\0' && slowly(p, h + 1));
	return *h != '\0' && (*p == '?' || *p == *h) && slowly(p + 1, h + 1);
}

/* Every pattern and name of up to five of these. */
static void
it_is_what_the_rule_says(void **state)
{
	static const char letters[] = "ab*?";

	(void)state;
	for (unsigned int i = 0; i < 1024; i++)
		for (unsigned int k = 0; k < 32; k++) {
			char pattern[6] = "", host[6] = "";

			for (unsigned int n = 0; n < 5; n++) {
				pattern[n] = letters[i >> 2 * n & 3];
				host[n] = letters[k >> n & 1];
			}
			for (size_t cut = 0; cut <= 5; cut++) {
				host[5 - cut] = '\0';
				assert_int_equal(grant_host_matches(pattern,
						     host),
				    slowly(pattern, host));
			}
		}
}

static void
a_hostile_pattern_takes_no_time(void **state)
{
	char pattern[GRANT_HOST_MAX + 1], host[65536];

	(void)state;
	for (size_t i = 0; i < GRANT_HOST_MAX; i++)
		pattern[i] = i % 2 == 0 ? '*' : 'a';
	pattern[GRANT_HOST_MAX - 1] = 'b';
	pattern[GRANT_HOST_MAX] = '\0';
	memset(host, 'a', sizeof(host) - 1);
	host[sizeof(host) - 1] = '\0';
	assert_null(grant_host_wrong(pattern));
	assert_false(grant_host_matches(pattern, host));
}

static void
what_is_no_pattern_is_refused(void **state)
{
	static const char *const wrong[] = { " ", "a ", " a", "a  b", "a/b",
		"a\tb", "a\nb", "g\xc3\xbc", "[a]", "a,b", "a;b", "\x1b[1m" };

	(void)state;
	assert_null(grant_host_wrong(""));
	assert_null(grant_host_wrong("gpu-*.Example.org node_?"));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_non_null(grant_host_wrong(wrong[i]));
}

static void
there_are_16_patterns_of_253_and_1023_bytes_at_most(void **state)
{
	char text[2000];

	(void)state;
	memset(text, 'a', sizeof(text));
	text[GRANT_HOST_MAX] = '\0';
	assert_null(grant_host_wrong(text));
	text[GRANT_HOST_MAX] = 'a';
	text[GRANT_HOST_MAX + 1] = '\0';
	assert_non_null(grant_host_wrong(text));

	for (size_t i = 0; i < 40; i++)
		text[i] = i % 2 == 0 ? 'a' : ' ';
	text[31] = '\0';
	assert_null(grant_host_wrong(text));
	text[31] = ' ';
	text[33] = '\0';
	assert_non_null(grant_host_wrong(text));

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = i % 128 == 127 ? ' ' : 'a';
	text[1023] = '\0';
	assert_null(grant_host_wrong(text));
	text[1023] = 'a';
	text[1024] = '\0';
	assert_non_null(grant_host_wrong(text));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pattern_is_of_the_whole_name),
		cmocka_unit_test(it_is_what_the_rule_says),
		cmocka_unit_test(a_hostile_pattern_takes_no_time),
		cmocka_unit_test(what_is_no_pattern_is_refused),
		cmocka_unit_test(
		    there_are_16_patterns_of_253_and_1023_bytes_at_most),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
