/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "tests/lib/test.h"
#include "vault/manifest.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void
good_paths_are_taken(void **state)
{
	static const char *const paths[] = { "a", "a/b", "...", "..a", "a..",
		".hidden", "a b", "a\\b", "~", "-rf", "\xc2\xa0",
		"mod\xc3\xa8le/\xe6\xa8\xa1\xe5\x9e\x8b.bin",
		"\xf0\x9f\xa4\x97", "\xef\xbf\xbd", "\xed\x9f\xbf",
		"\xf4\x8f\xbf\xbf" };

	(void)state;
	for (size_t i = 0; i < COUNT(paths); i++)
		assert_true(manifest_path_ok(paths[i]));
}

static void
bad_paths_are_refused(void **state)
{
	static const char *const paths[] = { "", "/", "/a", "a/", "a//b", ".",
		"..", "./a", "a/.", "a/./b", "a/..", "../a", "a/../b", "\n",
		"a\tb", "a\x7f", "a\x1f_", "\x01",
		"\xc2\x80",		    /* a control character */
		"\xc2\x9f", "\x80", "\xbf", /* no first byte */
		"\xc3", "\xc3/",	    /* cut short */
		"\xe6\xa8", "\xf0\x9f\xa4", "\xc0\xaf", "\xc1\xbf",
		"\xe0\x80\xaf", "\xf0\x80\x80\xaf", "\xe0\x9f\xbf",
		"\xf0\x8f\xbf\xbf",		/* longer than need be */
		"\xed\xa0\x80", "\xed\xbf\xbf", /* surrogates */
		"\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "\xff", "\xfe" };

	(void)state;
	for (size_t i = 0; i < COUNT(paths); i++)
		assert_false(manifest_path_ok(paths[i]));
}

static void
components_have_255_bytes_and_paths_4096(void **state)
{
	char path[MANIFEST_PATH_MAX + 2];

	(void)state;
	memset(path, 'a', sizeof(path));
	path[MANIFEST_NAME_MAX] = '\0';
	assert_true(manifest_path_ok(path));
	path[MANIFEST_NAME_MAX] = 'a';
	path[MANIFEST_NAME_MAX + 1] = '\0';
	assert_false(manifest_path_ok(path));
	memset(path, 'a', sizeof(path));
	for (size_t i = 100; i < sizeof(path); i += 100)
		path[i] = '/';
	path[MANIFEST_PATH_MAX] = '\0';
	assert_true(manifest_path_ok(path));
	path[MANIFEST_PATH_MAX] = 'a';
	path[MANIFEST_PATH_MAX + 1] = '\0';
	assert_false(manifest_path_ok(path));
}

static void
links_may_point_inside(void **state)
{
	static const struct {
		const char *path, *target;
	} cases[] = {
		{ "a", "b" },
		{ "a", "b/c" },
		{ "a", "." },
		{ "a", "./b" },
		{ "a", "b/" },
		{ "a", "b//c" },
		{ "a", "b/./c" },
		{ "a", "..." },
		{ "a", "..b" },
		{ "d/a", ".." },
		{ "d/a", "../b" },
		{ "d/a", "./../b" },
		{ "d/e/a", "../../b" },
		{ "snapshots/x/model", "../../blobs/0123" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_true(manifest_target_ok(cases[i].path, cases[i].target));
}

static void
links_that_leave_or_might_are_refused(void **state)
{
	static const struct {
		const char *path, *target;
	} cases[] = {
		{ "a", "" },
		{ "a", "/" },
		{ "a", "/etc/passwd" },
		{ "a", ".." },
		{ "a", "../a" },
		{ "a", "./.." },
		{ "d/a", "../.." },
		{ "d/a", ".././../x" },
		{ "d/e/a", "../../../x" },
		/* s may be a link to the root itself */
		{ "a", "d/e/s/.." },
		{ "a", "b/../c" },
		{ "d/a", "b/.." },
		{ "d/e/a", "../b/../c" },
		{ "d/a", "../b/../c" },
		{ "a", "b\nc" },
		{ "a", "b\xff" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_false(
		    manifest_target_ok(cases[i].path, cases[i].target));
}

static void
targets_have_4095_bytes(void **state)
{
	char target[4097];

	(void)state;
	memset(target, 'a', sizeof(target));
	for (size_t i = 100; i < sizeof(target); i += 100)
		target[i] = '/';
	target[4095] = '\0';
	assert_true(manifest_target_ok("a", target));
	target[4095] = 'a';
	target[4096] = '\0';
	assert_false(manifest_target_ok("a", target));
	memset(target, 'a', MANIFEST_NAME_MAX + 1);
	target[MANIFEST_NAME_MAX + 1] = '\0';
	assert_false(manifest_target_ok("a", target));
}

static void
a_directory_comes_just_before_what_it_holds(void **state)
{
	static const char *const sorted[] = { "a", "a/a", "a/b", "a/b/c", "a/z",
		"a\x01", "a ", "a!", "a-", "a.", "a.b", "a0", "aa", "b", "\x7f",
		"\xc3\xa8", "\xf0\x9f\xa4\x97" };

	(void)state;
	for (size_t i = 0; i < COUNT(sorted); i++)
		for (size_t j = 0; j < COUNT(sorted); j++) {
			int c = manifest_compare(sorted[i], sorted[j]);

			assert_int_equal(c < 0, i < j);
			assert_int_equal(c > 0, i > j);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_paths_are_taken),
		cmocka_unit_test(bad_paths_are_refused),
		cmocka_unit_test(components_have_255_bytes_and_paths_4096),
		cmocka_unit_test(links_may_point_inside),
		cmocka_unit_test(links_that_leave_or_might_are_refused),
		cmocka_unit_test(targets_have_4095_bytes),
		cmocka_unit_test(a_directory_comes_just_before_what_it_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
