/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/lib/forest.h"
#include "tests/lib/shed.h"
#include "vault/err.h"
#include "vault/walk.h"

#define MANY 2000

static int
walk_paths(struct walk **out, const char *const *paths, size_t count)
{
	const struct walk_how how = { .paths = paths,
		.path_count = count,
		.stdin_name = "stdin" };

	return walk_new(out, &how);
}

static int
walk_one(struct walk **out, const char *path)
{
	return walk_paths(out, &path, 1);
}

static const struct walk_item *
item(const struct walk *w, const char *path)
{
	for (size_t i = 0; i < w->count; i++)
		if (strcmp(w->items[i].path, path) == 0)
			return &w->items[i];
	fail_msg("no item '%s'", path);
	abort();
}

static void
finds_everything_in_manifest_order(void **state)
{
	static const char *const order[] = { "a", "a/b", "a/b/c", "a/x", "a b",
		"a.txt", "link", "z" };
	OWNED(walk) w = NULL;
	OWNED_SHED s;

	(void)state;
	shed_init(&s);
	forest_dir(s.src, "a", 0750);
	forest_dir(s.src, "a/b", 0700);
	forest_file(s.src, "a/b/c", "abc", 3, 0640);
	forest_file(s.src, "a/x", "", 0, 0600);
	forest_file(s.src, "a b", "1", 1, 0644);
	forest_file(s.src, "a.txt", "12", 2, 0755);
	forest_link(s.src, "link", "a/b/c");
	forest_dir(s.src, "z", 0755);
	assert_int_equal(walk_one(&w, s.src), 0);
	assert_int_equal(w->count, 8);
	for (size_t i = 0; i < 8; i++)
		assert_string_equal(w->items[i].path, order[i]);
	assert_int_equal(w->files, 4);
	assert_int_equal(w->bytes, 6);
	assert_int_equal(w->root_mode, 0755);
	assert_false(w->stream);
	assert_int_equal(item(w, "a")->kind, MANIFEST_DIR);
	assert_int_equal(item(w, "a")->mode, 0750);
	assert_int_equal(item(w, "a/b/c")->kind, MANIFEST_FILE);
	assert_int_equal(item(w, "a/b/c")->size, 3);
	assert_int_equal(item(w, "a/b/c")->mode, 0640);
	assert_int_equal(item(w, "link")->kind, MANIFEST_LINK);
	assert_string_equal(item(w, "link")->target, "a/b/c");
	assert_string_equal(s.lines, "");
}

/* The one thing in src is refused, by its name. */
static void
assert_refused(struct shed *s, const char *name, const char *word)
{
	OWNED_MEM(char) path = forest_path(s->src, name);
	OWNED(walk) w = NULL;

	shed_hush(s);
	assert_int_equal(walk_one(&w, s->src), ERR_FORMAT);
	assert_null(w);
	assert_non_null(strstr(s->lines, name));
	assert_non_null(strstr(s->lines, word));
	/* one line */
	assert_ptr_equal(strchr(s->lines, '\n') + 1,
	    s->lines + strlen(s->lines));
	assert_int_equal(unlink(path), 0);
}

static void
refuses_what_is_no_plain_file(void **state)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	OWNED_SHED s;
	int fd;

	(void)state;
	shed_init(&s);
	{
		OWNED_MEM(char) p = forest_path(s.src, "pipe");

		assert_int_equal(mkfifo(p, 0600), 0);
		assert_refused(&s, "pipe", "fifo");
	}
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/sock", s.src);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	close(fd);
	assert_refused(&s, "sock", "socket");
	if (geteuid() == 0) {
		OWNED_MEM(char) p = forest_path(s.src, "null");

		assert_int_equal(mknod(p, S_IFCHR | 0600, 0x103), 0);
		assert_refused(&s, "null", "device");
	}
}

static void
refuses_files_with_special_mode_bits(void **state)
{
	static const mode_t modes[] = { 04755, 02755, 01644 };
	OWNED_SHED s;

	(void)state;
	shed_init(&s);
	for (size_t i = 0; i < 3; i++) {
		forest_file(s.src, "special", "x", 1, modes[i]);
		assert_refused(&s, "special", "setuid");
	}
}

static void
takes_directories_with_special_bits_by_their_permissions(void **state)
{
	OWNED(walk) w = NULL;
	OWNED_SHED s;

	(void)state;
	shed_init(&s);
	forest_dir(s.src, "group", 02775);
	forest_dir(s.src, "tmp", 01777);
	assert_int_equal(walk_one(&w, s.src), 0);
	assert_int_equal(item(w, "group")->mode, 0775);
	assert_int_equal(item(w, "tmp")->mode, 0777);
}

static void
refuses_a_file_of_two_names(void **state)
{
	OWNED_SHED s;

	(void)state;
	shed_init(&s);
	forest_file(s.scratch.path, "outside", "x", 1, 0644);
	{
		OWNED_MEM(char) from = forest_path(s.scratch.path, "outside");
		OWNED_MEM(char) to = forest_path(s.src, "inside");

		assert_int_equal(link(from, to), 0);
	}
	assert_refused(&s, "inside", "copy it");
}

static void
refuses_links_that_lead_out(void **state)
{
	static const char *const targets[] = { "/etc/passwd", "..", "../src",
		"x/../..", "./../y", "a/../../b" };
	OWNED_SHED s;

	(void)state;
	shed_init(&s);
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		forest_link(s.src, "escape", targets[i]);
		assert_refused(&s, "escape", "link");
	}
}

static void
refuses_names_that_a_manifest_cannot_hold(void **state)
{
	OWNED(walk) w = NULL;
	OWNED_SHED s;

	(void)state;
	shed_init(&s);
	forest_file(s.src, "bad\xff", "x", 1, 0644);
	assert_int_equal(walk_one(&w, s.src), ERR_FORMAT);
	assert_non_null(strstr(s.lines, "src/bad\\xff"));
	{
		OWNED_MEM(char) p = forest_path(s.src, "bad\xff");
		unlink(p);
	}
	shed_hush(&s);
	forest_file(s.src, "bell\a", "x", 1, 0644);
	assert_int_equal(walk_one(&w, s.src), ERR_FORMAT);
	assert_non_null(strstr(s.lines, "bell\\x07"));
}

static void
does_not_follow_a_link_to_a_directory(void **state)
{
	OWNED(walk) w = NULL;
	OWNED_SHED s;

	(void)state;
	shed_init(&s);
	forest_dir(s.src, "real", 0755);
	forest_file(s.src, "real/f", "x", 1, 0644);
	forest_link(s.src, "way", "real");
	forest_link(s.src, "real/loop", "..");
	assert_int_equal(walk_one(&w, s.src), 0);
	assert_int_equal(w->count, 4);
	assert_int_equal(item(w, "way")->kind, MANIFEST_LINK);
}

static void
calls_several_paths_by_their_last_component(void **state)
{
	OWNED_MEM(char) dir = NULL;
	OWNED_MEM(char) file = NULL;
	OWNED(walk) w = NULL;
	OWNED_SHED s;
	struct stat st;

	(void)state;
	shed_init(&s);
	forest_dir(s.src, "d", 0700);
	forest_dir(s.src, "d/e", 0755);
	forest_file(s.src, "d/e/f", "f", 1, 0644);
	forest_file(s.src, "w.bin", "ww", 2, 0600);
	dir = forest_path(s.src, "d//");
	file = forest_path(s.src, "w.bin");
	{
		const char *const paths[] = { file, dir, "-" };

		assert_int_equal(walk_paths(&w, paths, 3), 0);
	}
	assert_int_equal(w->count, 5);
	assert_string_equal(w->items[0].path, "d");
	assert_string_equal(w->items[1].path, "d/e");
	assert_string_equal(w->items[2].path, "d/e/f");
	assert_string_equal(w->items[3].path, "stdin");
	assert_string_equal(w->items[4].path, "w.bin");
	assert_true(w->stream);
	assert_true(walk_is_stream(w, &w->items[3]));
	assert_false(walk_is_stream(w, &w->items[4]));
	for (size_t i = 2; i < 5; i += 2) {
		OWNED(file) f = NULL;

		assert_int_equal(walk_open(&f, &st, w, &w->items[i]), 0);
		assert_int_equal(st.st_size, w->items[i].size);
	}
}

static void
refuses_two_paths_of_one_name_and_paths_without_one(void **state)
{
	OWNED_MEM(char) a = NULL;
	OWNED_MEM(char) b = NULL;
	OWNED(walk) w = NULL;
	OWNED_SHED s;

	(void)state;
	shed_init(&s);
	forest_dir(s.src, "one", 0755);
	forest_dir(s.src, "two", 0755);
	forest_file(s.src, "one/f", "1", 1, 0644);
	forest_file(s.src, "two/f", "2", 1, 0644);
	a = forest_path(s.src, "one/f");
	b = forest_path(s.src, "two/f");
	{
		const char *const same[] = { a, b };
		const char *const dots[] = { a, "." };
		const char *const root[] = { a, "/" };
		const char *const twice[] = { "-", a, "-" };

		assert_int_equal(walk_paths(&w, same, 2), ERR_CONFLICT);
		assert_non_null(strstr(s.lines, "'f'"));
		assert_int_equal(walk_paths(&w, dots, 2), ERR_USAGE);
		assert_int_equal(walk_paths(&w, root, 2), ERR_USAGE);
		assert_int_equal(walk_paths(&w, twice, 3), ERR_USAGE);
	}
	shed_hush(&s);
	assert_int_equal(walk_one(&w, "/nowhere/at/all"), ERR_NOT_FOUND);
	assert_non_null(strstr(s.lines, "/nowhere/at/all"));
}

static void
sees_a_file_that_changed_since_it_was_found(void **state)
{
	static const char *const names[] = { "grown", "other", "link", "gone",
		"linked" };
	OWNED(walk) w = NULL;
	OWNED_SHED s;
	struct stat st;

	(void)state;
	shed_init(&s);
	for (size_t i = 0; i < 5; i++)
		forest_file(s.src, names[i], "12", 2, 0644);
	assert_int_equal(walk_one(&w, s.src), 0);
	forest_file(s.src, "grown", "123", 3, 0644);
	for (size_t i = 1; i < 4; i++) {
		OWNED_MEM(char) p = forest_path(s.src, names[i]);

		assert_int_equal(unlink(p), 0);
	}
	forest_file(s.src, "another", "12", 2, 0644);
	forest_file(s.src, "other", "12", 2, 0644);
	forest_link(s.src, "link", "grown");
	{
		OWNED_MEM(char) from = forest_path(s.src, "linked");
		OWNED_MEM(char) to = forest_path(s.src, "second");

		assert_int_equal(link(from, to), 0);
	}
	for (size_t i = 0; i < 5; i++) {
		OWNED(file) f = NULL;

		shed_hush(&s);
		assert_int_not_equal(walk_open(&f, &st, w, item(w, names[i])),
		    0);
		assert_null(f);
		assert_non_null(strstr(s.lines, names[i]));
	}
}

static void
goes_as_deep_as_a_path_can_be(void **state)
{
	char path[4200];
	OWNED(walk) w = NULL;
	OWNED_SHED s;
	int fd, next;
	size_t n = 0;

	(void)state;
	shed_init(&s);
	fd = open(s.src, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (; n + 2 < 4095; n += 2) {
		memcpy(path + n, n == 0 ? "d" : "/d", n == 0 ? 2 : 3);
		n -= n == 0;
		assert_int_equal(mkdirat(fd, "d", 0755), 0);
		next = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(next >= 0);
		close(fd);
		fd = next;
	}
	assert_int_equal(walk_one(&w, s.src), 0);
	assert_int_equal(w->count, 2047);
	assert_string_equal(w->items[w->count - 1].path, path);
	/* Too deep for who removes the rest. */
	for (size_t i = 0; i < w->count; i++) {
		next = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		close(fd);
		fd = next;
		assert_int_equal(unlinkat(fd, "d", AT_REMOVEDIR), 0);
	}
	close(fd);
}

static void
finds_many_files(void **state)
{
	OWNED(walk) w = NULL;
	OWNED_SHED s;

	(void)state;
	shed_init(&s);
	for (int i = 0; i < MANY; i++) {
		char name[32];

		snprintf(name, sizeof(name), "f%d", i);
		forest_file(s.src, name, name, strlen(name), 0644);
	}
	assert_int_equal(walk_one(&w, s.src), 0);
	assert_int_equal(w->count, MANY);
	for (size_t i = 1; i < w->count; i++)
		assert_true(manifest_compare(w->items[i - 1].path,
				w->items[i].path) < 0);
}

static void
stops_when_asked_to(void **state)
{
	const volatile bool stop = true;
	struct walk_how how = { .path_count = 1, .stop = &stop };
	OWNED(walk) w = NULL;
	const char *path;
	OWNED_SHED s;

	(void)state;
	shed_init(&s);
	forest_file(s.src, "f", "x", 1, 0644);
	path = s.src;
	how.paths = &path;
	assert_int_equal(walk_new(&w, &how), ERR_CONFLICT);
	assert_string_equal(s.lines, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_everything_in_manifest_order),
		cmocka_unit_test(refuses_what_is_no_plain_file),
		cmocka_unit_test(refuses_files_with_special_mode_bits),
		cmocka_unit_test(
		    takes_directories_with_special_bits_by_their_permissions),
		cmocka_unit_test(refuses_a_file_of_two_names),
		cmocka_unit_test(refuses_links_that_lead_out),
		cmocka_unit_test(refuses_names_that_a_manifest_cannot_hold),
		cmocka_unit_test(does_not_follow_a_link_to_a_directory),
		cmocka_unit_test(calls_several_paths_by_their_last_component),
		cmocka_unit_test(
		    refuses_two_paths_of_one_name_and_paths_without_one),
		cmocka_unit_test(sees_a_file_that_changed_since_it_was_found),
		cmocka_unit_test(goes_as_deep_as_a_path_can_be),
		cmocka_unit_test(finds_many_files),
		cmocka_unit_test(stops_when_asked_to),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
