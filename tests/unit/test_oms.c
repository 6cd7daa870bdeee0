/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/oms.h"

#define FILES 8

/* As a manifest orders them: a slash before all else. */
static struct manifest
tree(struct manifest_file files[static FILES])
{
	static char paths[FILES][16] = { ".git", "a", "a/b", "a-b", "c",
		"model.sig", "sub", "sub/model.sig" };

	for (size_t i = 0; i < FILES; i++)
		files[i] = (struct manifest_file){
			.kind = MANIFEST_FILE,
			.path = paths[i],
			.digest = digest_of(paths[i], strlen(paths[i])),
		};
	files[1].kind = MANIFEST_DIR;
	files[6].kind = MANIFEST_DIR;
	return (struct manifest){ .file_count = FILES, .files = files };
}

static void
assert_names(const struct oms_files *f, const char *const *names, size_t n)
{
	assert_int_equal(f->count, n);
	for (size_t i = 0; i < n; i++)
		assert_string_equal(f->items[i].name, names[i]);
}

static void
files_are_ordered_by_their_bytes_without_the_default_ones(void **state)
{
	static const char *const names[] = { "a-b", "a/b", "c",
		"sub/model.sig" };
	struct manifest_file files[FILES];
	const struct manifest m = tree(files);
	char why[OMS_WHY] = "";
	struct oms_files f;

	(void)state;
	assert_int_equal(oms_files_of(&f, &m, NULL, 0, true, why), 0);
	assert_names(&f, names, 4);
	assert_true(digest_equal(&f.items[0].digest, &files[3].digest));
	oms_files_clear(&f);
}

static void
what_is_ignored_is_left_out_with_all_below_it(void **state)
{
	static const char *const ignore[] = { "a", "sub/", "" };
	static const char *const names[] = { "a-b", "c" };
	struct manifest_file files[FILES];
	const struct manifest m = tree(files);
	char why[OMS_WHY] = "";
	struct oms_files f;

	(void)state;
	assert_int_equal(oms_files_of(&f, &m, ignore, 3, true, why), 0);
	assert_names(&f, names, 2);
	oms_files_clear(&f);
}

static void
a_link_is_an_error_where_links_are_not_ignored(void **state)
{
	static const char *const ignore[] = { "c" };
	struct manifest_file files[FILES];
	const struct manifest m = tree(files);
	char why[OMS_WHY] = "";
	struct oms_files f;

	(void)state;
	files[4].kind = MANIFEST_LINK;
	assert_int_equal(oms_files_of(&f, &m, NULL, 0, true, why),
	    ERR_CONFLICT);
	assert_non_null(strstr(why, "'c'"));
	assert_int_equal(oms_files_of(&f, &m, ignore, 1, true, why), 0);
	assert_int_equal(f.count, 3);
	oms_files_clear(&f);
	assert_int_equal(oms_files_of(&f, &m, NULL, 0, false, why), 0);
	assert_int_equal(f.count, 3);
	oms_files_clear(&f);
}

static void
the_root_is_the_digest_of_the_raw_digests_in_order(void **state)
{
	static const char *const names[] = { "a-b", "a/b", "c",
		"sub/model.sig" };
	struct manifest_file files[FILES];
	const struct manifest m = tree(files);
	const struct oms_files none = { 0 };
	struct digest root, wanted, each[4];
	char why[OMS_WHY] = "";
	struct oms_files f;

	(void)state;
	for (size_t i = 0; i < 4; i++)
		each[i] = digest_of(names[i], strlen(names[i]));
	assert_int_equal(oms_files_of(&f, &m, NULL, 0, true, why), 0);
	root = oms_root(&f);
	wanted = digest_of(each, sizeof(each));
	assert_true(digest_equal(&root, &wanted));
	oms_files_clear(&f);
	root = oms_root(&none);
	wanted = digest_of("", 0);
	assert_true(digest_equal(&root, &wanted));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    files_are_ordered_by_their_bytes_without_the_default_ones),
		cmocka_unit_test(what_is_ignored_is_left_out_with_all_below_it),
		cmocka_unit_test(
		    a_link_is_an_error_where_links_are_not_ignored),
		cmocka_unit_test(
		    the_root_is_the_digest_of_the_raw_digests_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
