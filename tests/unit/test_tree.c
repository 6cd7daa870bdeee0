/* SPDX-License-Identifier: Apache-2.0 */
#include "fuse/tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/fault.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/log.h"

static char target[] = "config.json";

/* Ascending, a slash before all else, as manifests are. */
static struct manifest_file files[] = {
	{ .kind = MANIFEST_FILE,
	    .mode = 0644,
	    .path = (char[]){ "a" },
	    .size = 5,
	    .rows = 1 },
	{ .kind = MANIFEST_DIR, .mode = 0750, .path = (char[]){ "dir" } },
	{ .kind = MANIFEST_FILE,
	    .mode = 0400,
	    .path = (char[]){ "dir/x" },
	    .size = 7,
	    .first_row = 1,
	    .rows = 1 },
	{ .kind = MANIFEST_DIR, .mode = 0755, .path = (char[]){ "dir/y" } },
	{ .kind = MANIFEST_FILE, .mode = 0644, .path = (char[]){ "dir/y/z" } },
	{ .kind = MANIFEST_FILE, .mode = 0644, .path = (char[]){ "dir.b" } },
	{ .kind = MANIFEST_LINK,
	    .mode = 0777,
	    .path = (char[]){ "link" },
	    .target = target },
};
#define FILES (sizeof(files) / sizeof(files[0]))

static const struct manifest manifest = { .root_mode = 0711,
	.total_bytes = 12,
	.file_count = FILES,
	.files = files };

static struct tree_version
version(const char *model, const char *channel, uint8_t first)
{
	return (struct tree_version){ .model = model,
		.channel = channel,
		.digest = { .bytes = { first } },
		.manifest = &manifest,
		.created_ms = 1700000000123 + first };
}

#define HEAD_OF_1                                                              \
	"@0100000000000000000000000000000000000000000000000000000000000000"

/* Walk a path from the root. */
static bool
walk(const struct tree *t, const char *path, struct tree_item *out)
{
	OWNED_MEM(char) copy = strdup(path);
	char *rest = copy, *name;

	if (!tree_item(t, TREE_ROOT, out))
		return false;
	while ((name = strsep(&rest, "/")) != NULL)
		if (!tree_lookup(t, out->ino, name, out))
			return false;
	return true;
}

static void
an_extra_file_is_in_the_version_s_root(void **state)
{
	const struct manifest_file extra = { .kind = MANIFEST_FILE,
		.mode = 0444,
		.path = (char[]){ "model.sig" },
		.size = 9 };
	struct tree_version v[2] = { version("llama", "latest", 1),
		version("llama", "prod", 1) };
	OWNED(tree) t = NULL;
	struct tree_item item, dir;

	(void)state;
	v[0].extra = &extra;
	v[1].extra = &extra;
	assert_int_equal(tree_new(&t, v, 2), 0);
	assert_true(walk(t, "llama/" HEAD_OF_1, &dir));
	assert_true(walk(t, "llama/" HEAD_OF_1 "/model.sig", &item));
	assert_true(item.extra && item.within);
	assert_ptr_equal(item.file, &extra);
	assert_int_equal(item.mode, 0444);
	assert_int_equal(item.parent, dir.ino);
	assert_true(walk(t, "llama/" HEAD_OF_1 "/a", &item));
	assert_false(item.extra);
	/* Once, and in its place. */
	assert_true(tree_child(t, dir.ino, 4, &item));
	assert_string_equal(item.name, "model.sig");
	assert_false(tree_child(t, dir.ino, 5, &item));
}

static void
a_channel_links_to_its_version(void **state)
{
	const struct tree_version v = version("llama", "latest", 1);
	OWNED(tree) t = NULL;
	struct tree_item item;

	(void)state;
	assert_int_equal(tree_new(&t, &v, 1), 0);
	assert_true(walk(t, "llama/latest", &item));
	assert_int_equal(item.kind, MANIFEST_LINK);
	assert_string_equal(item.target, HEAD_OF_1);
	assert_true(walk(t, "llama/" HEAD_OF_1, &item));
	assert_int_equal(item.kind, MANIFEST_DIR);
	assert_int_equal(item.mode, 0711);
	assert_true(item.created_ms == 1700000000124);
}

static void
files_are_as_they_were_put(void **state)
{
	const struct tree_version v = version("llama", "", 1);
	OWNED(tree) t = NULL;
	struct tree_item item;

	(void)state;
	assert_int_equal(tree_new(&t, &v, 1), 0);
	assert_false(walk(t, "llama/latest", &item));
	for (size_t i = 0; i < FILES; i++) {
		char path[256];

		snprintf(path, sizeof(path), "llama/" HEAD_OF_1 "/%s",
		    files[i].path);
		assert_true(walk(t, path, &item));
		assert_int_equal(item.kind, files[i].kind);
		assert_int_equal(item.mode, files[i].mode);
		assert_int_equal(item.version, 0);
		assert_ptr_equal(item.file,
		    files[i].kind == MANIFEST_FILE ? &files[i] : NULL);
		assert_ptr_equal(item.target, files[i].target);
	}
	assert_int_equal(tree_count(t), FILES + 2);
	assert_int_equal(tree_bytes(t), 12);
}

static void
directories_count_their_links(void **state)
{
	const struct tree_version v = version("llama", "latest", 1);
	OWNED(tree) t = NULL;
	struct tree_item item;

	(void)state;
	assert_int_equal(tree_new(&t, &v, 1), 0);
	assert_true(tree_item(t, TREE_ROOT, &item));
	assert_int_equal(item.links, 3);
	assert_int_equal(item.parent, TREE_ROOT);
	assert_true(walk(t, "llama/" HEAD_OF_1, &item));
	assert_int_equal(item.links, 3);
	assert_true(walk(t, "llama/" HEAD_OF_1 "/dir", &item));
	assert_int_equal(item.links, 3);
	assert_true(walk(t, "llama/" HEAD_OF_1 "/dir/y", &item));
	assert_int_equal(item.links, 2);
	assert_true(walk(t, "llama/" HEAD_OF_1 "/a", &item));
	assert_int_equal(item.links, 1);
}

static void
children_come_by_name_and_once(void **state)
{
	static const char *const names[] = { "a", "dir", "dir.b", "link" };
	const struct tree_version v = version("llama", "latest", 1);
	OWNED(tree) t = NULL;
	struct tree_item dir, item;

	(void)state;
	assert_int_equal(tree_new(&t, &v, 1), 0);
	assert_true(walk(t, "llama/" HEAD_OF_1, &dir));
	for (uint64_t i = 0; i < 4; i++) {
		assert_true(tree_child(t, dir.ino, i, &item));
		assert_string_equal(item.name, names[i]);
		assert_int_equal(item.parent, dir.ino);
	}
	assert_false(tree_child(t, dir.ino, 4, &item));
	assert_false(tree_child(t, dir.ino, UINT64_MAX, &item));
}

static void
inodes_are_the_same_however_they_are_reached(void **state)
{
	const struct tree_version v = version("llama", "latest", 1);
	OWNED(tree) t = NULL;
	struct tree_item item, again;

	(void)state;
	assert_int_equal(tree_new(&t, &v, 1), 0);
	for (uint64_t ino = TREE_ROOT; ino <= tree_count(t) + 1; ino++) {
		assert_true(tree_item(t, ino, &item));
		assert_int_equal(item.ino, ino);
		if (ino == TREE_ROOT)
			continue;
		assert_true(tree_lookup(t, item.parent, item.name, &again));
		assert_int_equal(again.ino, ino);
	}
}

static void
what_is_not_there_is_not_found(void **state)
{
	const struct tree_version v = version("llama", "latest", 1);
	OWNED(tree) t = NULL;
	struct tree_item item;

	(void)state;
	assert_int_equal(tree_new(&t, &v, 1), 0);
	assert_false(tree_item(t, 0, &item));
	assert_false(tree_item(t, tree_count(t) + 2, &item));
	assert_false(tree_item(t, UINT64_MAX, &item));
	assert_false(tree_lookup(t, 0, "llama", &item));
	assert_false(tree_lookup(t, UINT64_MAX, "llama", &item));
	assert_false(tree_child(t, 0, 0, &item));
	assert_false(tree_lookup(t, TREE_ROOT, "", &item));
	assert_false(tree_lookup(t, TREE_ROOT, "llam", &item));
	assert_false(tree_lookup(t, TREE_ROOT, "llamas", &item));
	assert_true(walk(t, "llama/" HEAD_OF_1 "/a", &item));
	assert_false(tree_lookup(t, item.ino, "a", &item));
}

static void
models_of_two_parts_share_their_first_directory(void **state)
{
	const struct tree_version v[] = { version("org/a", "latest", 1),
		version("org/b", "latest", 2), version("org", "prod", 3) };
	OWNED(tree) t = NULL;
	struct tree_item item;

	(void)state;
	assert_int_equal(tree_new(&t, v, 3), 0);
	assert_true(walk(t, "org/a/latest", &item));
	assert_int_equal(item.version, 0);
	assert_true(walk(t, "org/b/latest", &item));
	assert_int_equal(item.version, 1);
	assert_true(walk(t, "org/prod", &item));
	assert_int_equal(item.version, 2);
	assert_true(tree_child(t, TREE_ROOT, 0, &item));
	assert_false(tree_child(t, TREE_ROOT, 1, &item));
}

static void
one_version_under_two_names_has_one_directory(void **state)
{
	const struct tree_version v[] = { version("m", "latest", 1),
		version("m", "prod", 1), version("m", "", 1),
		version("m", "latest", 1) };
	OWNED(tree) t = NULL;
	struct tree_item item;

	(void)state;
	assert_int_equal(tree_new(&t, v, 4), 0);
	assert_int_equal(tree_count(t), 1 + 2 + 1 + FILES);
	assert_true(walk(t, "m/prod", &item));
	assert_string_equal(item.target, HEAD_OF_1);
	assert_true(walk(t, "m/" HEAD_OF_1 "/a", &item));
	assert_int_equal(item.version, 0);
}

static void
keep_line(void *arg, const char *line)
{
	snprintf(arg, 1024, "%s", line);
}

static void
names_that_fall_together_are_refused_by_name(void **state)
{
	const struct tree_version one[] = { version("a", "b", 1),
		version("a/b", "latest", 2) };
	const struct tree_version other[] = { version("a/b", "latest", 2),
		version("a", "b", 1) };
	const struct tree_version moved[] = { version("a", "b", 1),
		version("a", "b", 2) };
	char line[1024] = "";
	struct tree *t = NULL;

	(void)state;
	log_sink(keep_line, line);
	assert_int_equal(tree_new(&t, one, 2), ERR_CONFLICT);
	assert_non_null(strstr(line, "a/b"));
	line[0] = '\0';
	assert_int_equal(tree_new(&t, other, 2), ERR_CONFLICT);
	assert_non_null(strstr(line, "a/b"));
	assert_int_equal(tree_new(&t, moved, 2), ERR_CONFLICT);
	log_sink(NULL, NULL);
	assert_null(t);
}

static void
a_file_without_its_parent_is_refused(void **state)
{
	struct manifest_file orphan = { .kind = MANIFEST_FILE,
		.mode = 0644,
		.path = (char[]){ "gone/x" } };
	const struct manifest m = { .file_count = 1, .files = &orphan };
	struct tree_version v = version("m", "", 1);
	struct tree *t = NULL;

	(void)state;
	v.manifest = &m;
	assert_int_equal(tree_new(&t, &v, 1), ERR_FORMAT);
	assert_null(t);
}

#define MANY 100000

static void
a_hundred_thousand_files_are_found_by_name(void **state)
{
	struct manifest_file *many = calloc(MANY, sizeof(*many));
	struct manifest m = { .file_count = MANY, .files = many };
	struct tree_version v = version("m", "", 1);
	OWNED(tree) t = NULL;
	struct tree_item dir, item;

	(void)state;
	assert_non_null(many);
	for (uint32_t i = 0; i < MANY; i++) {
		many[i].kind = MANIFEST_FILE;
		assert_true(asprintf(&many[i].path, "f%06u", i) > 0);
	}
	v.manifest = &m;
	assert_int_equal(tree_new(&t, &v, 1), 0);
	assert_true(walk(t, "m/" HEAD_OF_1, &dir));
	for (uint32_t i = 0; i < MANY; i++) {
		assert_true(tree_lookup(t, dir.ino, many[i].path, &item));
		assert_ptr_equal(item.file, &many[i]);
	}
	for (uint32_t i = 0; i < MANY; i++)
		free(many[i].path);
	free(many);
}

static void
survives_every_failed_allocation(void **state)
{
	const struct tree_version v[] = { version("org/a", "latest", 1),
		version("m", "latest", 2) };

	(void)state;
	for (unsigned int n = 1;; n++) {
		OWNED(tree) t = NULL;
		int err;

		fault_fail(FAULT_MEMORY, n, 0);
		err = tree_new(&t, v, 2);
		if (!fault_off()) {
			assert_int_equal(err, 0);
			break;
		}
		assert_int_equal(err, ERR_NOMEM);
		assert_null(t);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_channel_links_to_its_version),
		cmocka_unit_test(an_extra_file_is_in_the_version_s_root),
		cmocka_unit_test(files_are_as_they_were_put),
		cmocka_unit_test(directories_count_their_links),
		cmocka_unit_test(children_come_by_name_and_once),
		cmocka_unit_test(inodes_are_the_same_however_they_are_reached),
		cmocka_unit_test(what_is_not_there_is_not_found),
		cmocka_unit_test(
		    models_of_two_parts_share_their_first_directory),
		cmocka_unit_test(one_version_under_two_names_has_one_directory),
		cmocka_unit_test(names_that_fall_together_are_refused_by_name),
		cmocka_unit_test(a_file_without_its_parent_is_refused),
		cmocka_unit_test(a_hundred_thousand_files_are_found_by_name),
		cmocka_unit_test(survives_every_failed_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
