/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/fault.h"
#include "tests/lib/scratch.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/file.h"
#include "vault/log.h"

static int lines;
static char last[4096];

static void
hear(void *arg, const char *line)
{
	(void)arg;
	lines++;
	snprintf(last, sizeof(last), "%s", line);
}

static int
begin(void **state)
{
	(void)state;
	log_sink(hear, NULL);
	return 0;
}

/* Expect err, told by this many lines since the last time. */
#define expect(call, err, told)                                                \
	do {                                                                   \
		lines = 0;                                                     \
		assert_int_equal(call, err);                                   \
		assert_int_equal(lines, told);                                 \
	} while (0)

static void
put(const struct scratch *s, const char *path, const char *text)
{
	assert_int_equal(file_replace(s->dir, path, text, strlen(text), 0600),
	    0);
}

static void
assert_holds(const struct scratch *s, const char *path, const char *text)
{
	uint8_t *bytes = NULL;
	size_t n = 0;

	assert_int_equal(file_load(s->dir, path, 1 << 20, &bytes, &n), 0);
	assert_int_equal(n, strlen(text));
	assert_string_equal((char *)bytes, text);
	free(bytes);
}

/* How many entries of the directory begin so. */
static int
count_named(const struct scratch *s, const char *prefix)
{
	DIR *dir = opendir(s->path);
	struct dirent *e;
	int n = 0;

	assert_non_null(dir);
	while ((e = readdir(dir)) != NULL)
		if (strcmp(e->d_name, ".") != 0 &&
		    strcmp(e->d_name, "..") != 0 &&
		    strncmp(e->d_name, prefix, strlen(prefix)) == 0)
			n++;
	closedir(dir);
	return n;
}

static void
assert_old_or_new(const struct scratch *s, const char *path)
{
	uint8_t *bytes = NULL;
	size_t n = 0;

	assert_int_equal(file_load(s->dir, path, 3, &bytes, &n), 0);
	assert_int_equal(n, 3);
	assert_true(
	    memcmp(bytes, "old", 3) == 0 || memcmp(bytes, "new", 3) == 0);
	free(bytes);
}

static void
a_file_carries_its_name(void **state)
{
	OWNED_SCRATCH s = scratch_new();
	OWNED(file) f = NULL;
	char want[4096];

	(void)state;
	assert_int_equal(file_open(&f, s.dir, "new", O_RDWR | O_CREAT | O_EXCL,
			     0600),
	    0);
	snprintf(want, sizeof(want), "%s/new", s.path);
	assert_string_equal(f->name, want);
	assert_true((fcntl(f->fd, F_GETFD) & FD_CLOEXEC) != 0);
}

static void
a_name_is_fit_to_be_printed(void **state)
{
	OWNED_SCRATCH s = scratch_new();
	OWNED(file) f = NULL;
	char wild[] = "a\nb'\x1b", want[4096], *longer;

	(void)state;
	assert_int_equal(file_open(&f, s.dir, wild, O_RDWR | O_CREAT, 0600), 0);
	snprintf(want, sizeof(want), "%s/a\\x0ab\\x27\\x1b", s.path);
	assert_string_equal(f->name, want);

	file_free(f);
	f = NULL;
	longer = malloc(5000);
	memset(longer, 'x', 4999);
	longer[4999] = '\0';
	assert_int_equal(file_adopt(&f, dup(s.dir->fd), longer), 0);
	assert_true(strlen(f->name) < 1100);
	assert_non_null(strstr(f->name, "xxx..."));
	free(longer);
}

static void
an_absent_file_is_not_found_and_not_told(void **state)
{
	OWNED_SCRATCH s = scratch_new();
	struct file *f = NULL;
	uint8_t *bytes;
	size_t n;

	(void)state;
	expect(file_open(&f, s.dir, "no", O_RDONLY, 0), ERR_NOT_FOUND, 0);
	expect(file_open(&f, s.dir, "no/no", O_RDONLY, 0), ERR_NOT_FOUND, 0);
	expect(file_open(&f, NULL, "/no/such", O_RDONLY, 0), ERR_NOT_FOUND, 0);
	expect(file_load(s.dir, "no", 1, &bytes, &n), ERR_NOT_FOUND, 0);
	expect(file_remove(s.dir, "no"), 0, 0);
	expect(file_remove(s.dir, "no/no"), 0, 0);
	assert_null(f);
}

static void
other_failures_are_told_once(void **state)
{
	OWNED_SCRATCH s = scratch_new();
	struct file *f = NULL;

	(void)state;
	put(&s, "there", "");
	expect(file_open(&f, s.dir, "there", O_RDWR | O_CREAT | O_EXCL, 0600),
	    ERR_CONFLICT, 1);
	assert_non_null(strstr(last, "there"));
	expect(file_open(&f, s.dir, ".", O_RDWR, 0), ERR_FORMAT, 1);
	expect(file_replace(s.dir, "no/file", "", 0, 0600), ERR_NOT_FOUND, 1);
	expect(file_mkdir(s.dir, "no/dir", 0700), ERR_NOT_FOUND, 1);
	assert_null(f);
}

static void
nothing_leads_out_of_the_directory(void **state)
{
	static const char *const paths[] = { "..", "../x", "in/../../x",
		"/etc/passwd", "up/x", "up", "abs", "in/link/x", "loop",
		"/proc/self/root/etc/passwd" };
	OWNED_SCRATCH s = scratch_new();
	struct file *f = NULL;
	uint8_t *bytes = NULL;
	size_t n;

	(void)state;
	assert_int_equal(file_mkdir(s.dir, "in", 0700), 0);
	put(&s, "in/x", "inside");
	assert_return_code(symlinkat("..", s.dir->fd, "up"), errno);
	assert_return_code(symlinkat("/etc/passwd", s.dir->fd, "abs"), errno);
	assert_return_code(symlinkat("../in", s.dir->fd, "in/link"), errno);
	assert_return_code(symlinkat("loop", s.dir->fd, "loop"), errno);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		expect(file_open(&f, s.dir, paths[i], O_RDONLY, 0), ERR_FORMAT,
		    1);
		expect(file_load(s.dir, paths[i], 1000, &bytes, &n), ERR_FORMAT,
		    1);
		assert_null(f);
		assert_null(bytes);
	}
	expect(file_replace(s.dir, "up/x", "", 0, 0600), ERR_FORMAT, 1);
	expect(file_replace(s.dir, "../x", "", 0, 0600), ERR_FORMAT, 1);
	expect(file_replace(s.dir, "/tmp/x", "", 0, 0600), ERR_FORMAT, 1);
	expect(file_mkdir(s.dir, "up/x", 0700), ERR_FORMAT, 1);
	expect(file_remove(s.dir, "in/link/x"), ERR_FORMAT, 1);
	assert_holds(&s, "in/x", "inside");
}

static void
a_path_of_the_user_is_followed(void **state)
{
	OWNED_SCRATCH s = scratch_new();
	uint8_t *bytes = NULL;
	char path[4096];
	size_t n = 0;

	(void)state;
	put(&s, "file", "text");
	assert_return_code(symlinkat("file", s.dir->fd, "link"), errno);
	snprintf(path, sizeof(path), "%s/../%s/link", s.path,
	    strrchr(s.path, '/') + 1);
	assert_int_equal(file_load(NULL, path, 4, &bytes, &n), 0);
	assert_int_equal(n, 4);
	free(bytes);
}

static void
a_link_is_replaced_and_not_written_through(void **state)
{
	OWNED_SCRATCH s = scratch_new();
	struct stat st;

	(void)state;
	put(&s, "target", "old");
	assert_return_code(symlinkat("target", s.dir->fd, "link"), errno);
	put(&s, "link", "new");
	assert_holds(&s, "target", "old");
	assert_holds(&s, "link", "new");

	assert_return_code(symlinkat("target", s.dir->fd, "link2"), errno);
	assert_int_equal(file_remove(s.dir, "link2"), 0);
	assert_int_equal(fstatat(s.dir->fd, "target", &st, 0), 0);
}

static void
paths_that_name_no_file_are_refused(void **state)
{
	static const char *const paths[] = { "", ".", "a/", "a/.", "/" };
	OWNED_SCRATCH s = scratch_new();

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		expect(file_replace(s.dir, paths[i], "", 0, 0600), ERR_USAGE,
		    1);
		expect(file_mkdir(s.dir, paths[i], 0700), ERR_USAGE, 1);
		expect(file_remove(s.dir, paths[i]), ERR_USAGE, 1);
	}
}

static void
a_directory_is_made_once_and_may_be_there(void **state)
{
	OWNED_SCRATCH s = scratch_new();
	char path[4096];
	struct stat st;

	(void)state;
	expect(file_mkdir(s.dir, "a", 0700), 0, 0);
	expect(file_mkdir(s.dir, "a", 0755), 0, 0);
	expect(file_mkdir(s.dir, "a/b", 0711), 0, 0);
	assert_int_equal(fstatat(s.dir->fd, "a", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0700);

	put(&s, "a/file", "");
	expect(file_mkdir(s.dir, "a/file", 0700), ERR_CONFLICT, 1);
	assert_return_code(symlinkat("b", s.dir->fd, "a/link"), errno);
	expect(file_mkdir(s.dir, "a/link", 0700), ERR_CONFLICT, 1);

	snprintf(path, sizeof(path), "%s/c", s.path);
	expect(file_mkdir(NULL, path, 0700), 0, 0);
}

static void
reads_and_writes_are_whole(void **state)
{
	OWNED_SCRATCH s = scratch_new();
	OWNED(file) f = NULL;
	uint64_t size;
	char buf[16];
	size_t got;

	(void)state;
	assert_int_equal(file_open(&f, s.dir, "f", O_RDWR | O_CREAT, 0600), 0);
	for (unsigned int n = 1; n < 4; n++) {
		fault_short(n);
		expect(file_write_at(f, "0123456789", 10, 6), 0, 0);
		fault_off();
	}
	assert_int_equal(file_size(f, &size), 0);
	assert_int_equal(size, 16);
	expect(file_read_at(f, buf, 10, 6), 0, 0);
	assert_memory_equal(buf, "0123456789", 10);

	expect(file_read_at(f, buf, 11, 6), ERR_FORMAT, 0);
	expect(file_read_at(f, buf, 1, 16), ERR_FORMAT, 0);
	expect(file_read_at(f, buf, 0, 16), 0, 0);
	expect(file_read_some(f, buf, 16, 6, &got), 0, 0);
	assert_int_equal(got, 10);
	expect(file_read_some(f, buf, 16, 1 << 20, &got), 0, 0);
	assert_int_equal(got, 0);
}

static void
offsets_beyond_what_the_kernel_takes_are_refused(void **state)
{
	OWNED_SCRATCH s = scratch_new();
	OWNED(file) f = NULL;
	char c = 'c';

	(void)state;
	assert_int_equal(file_open(&f, s.dir, "f", O_RDWR | O_CREAT, 0600), 0);
	expect(file_read_at(f, &c, 1, INT64_MAX), ERR_LIMIT, 1);
	expect(file_read_at(f, &c, 1, UINT64_MAX), ERR_LIMIT, 1);
	expect(file_write_at(f, &c, 1, INT64_MAX), ERR_LIMIT, 1);
	expect(file_write_at(f, &c, 1, UINT64_MAX), ERR_LIMIT, 1);
}

static void
loading_stops_at_the_limit(void **state)
{
	static const size_t sizes[] = { 0, 1, 4095, 4096, 4097, 8192, 100000 };
	OWNED_SCRATCH s = scratch_new();

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		const size_t n = sizes[i];
		uint8_t *bytes = malloc(n + 1), *back = NULL;
		size_t length = 0;

		for (size_t k = 0; k < n; k++)
			bytes[k] = (uint8_t)(k % 251);
		assert_int_equal(file_replace(s.dir, "f", bytes, n, 0600), 0);
		expect(file_load(s.dir, "f", n, &back, &length), 0, 0);
		assert_int_equal(length, n);
		assert_memory_equal(back, bytes, n);
		assert_int_equal(back[n], 0);
		free(back);
		back = NULL;
		if (n > 0)
			expect(file_load(s.dir, "f", n - 1, &back, &length),
			    ERR_LIMIT, 1);
		assert_null(back);
		free(bytes);
	}
}

static void
a_pipe_can_be_loaded(void **state)
{
	char path[64];
	uint8_t *bytes = NULL;
	size_t n = 0;
	int ends[2];

	(void)state;
	assert_return_code(pipe(ends), errno);
	assert_int_equal(write(ends[1], "secret", 6), 6);
	close(ends[1]);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", ends[0]);
	expect(file_load(NULL, path, 6, &bytes, &n), 0, 0);
	close(ends[0]);
	assert_int_equal(n, 6);
	assert_string_equal((char *)bytes, "secret");
	free(bytes);
}

static void
a_pipe_in_place_of_a_file_of_ours_is_refused(void **state)
{
	OWNED_SCRATCH s = scratch_new();
	uint8_t *bytes = NULL;
	size_t n = 0;

	(void)state;
	assert_return_code(mkfifoat(s.dir->fd, "pipe", 0600), errno);
	assert_int_equal(file_mkdir(s.dir, "in", 0700), 0);
	alarm(60); /* or this would hang */
	expect(file_load(s.dir, "pipe", 6, &bytes, &n), ERR_FORMAT, 1);
	expect(file_load(s.dir, "in", 6, &bytes, &n), ERR_FORMAT, 1);
	alarm(0);
	assert_null(bytes);
}

static void
a_file_is_replaced_with_its_mode(void **state)
{
	OWNED_SCRATCH s = scratch_new();
	struct stat st;

	(void)state;
	assert_int_equal(file_replace(s.dir, "f", "one", 3, 0600), 0);
	assert_int_equal(file_replace(s.dir, "f", "two", 3, 0400), 0);
	assert_holds(&s, "f", "two");
	assert_int_equal(fstatat(s.dir->fd, "f", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0400);
}

static void
what_is_created_takes_nobodys_name(void **state)
{
	OWNED_SCRATCH s = scratch_new();
	struct stat st;

	(void)state;
	expect(file_create(s.dir, "f", "one", 3, 0600), 0, 0);
	expect(file_create(s.dir, "f", "two", 3, 0600), ERR_CONFLICT, 0);
	assert_holds(&s, "f", "one");
	assert_int_equal(fstatat(s.dir->fd, "f", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(symlinkat("nowhere", s.dir->fd, "link"), 0);
	expect(file_create(s.dir, "link", "two", 3, 0600), ERR_CONFLICT, 0);
	assert_int_equal(file_mkdir(s.dir, "d", 0700), 0);
	expect(file_create(s.dir, "d", "two", 3, 0600), ERR_CONFLICT, 0);
	/* No temporary file stays behind. */
	assert_int_equal(count_named(&s, ""), 3);
}

static void
what_is_created_has_one_name_on_any_file_system(void **state)
{
	OWNED_SCRATCH s = scratch_new();

	(void)state;
	fault_fail(FAULT_RENAME, 1, EINVAL); /* knows no RENAME_NOREPLACE */
	expect(file_create(s.dir, "f", "one", 3, 0600), 0, 0);
	fault_fail(FAULT_RENAME, 1, EINVAL);
	expect(file_create(s.dir, "f", "two", 3, 0600), ERR_CONFLICT, 0);
	assert_true(fault_off());
	assert_holds(&s, "f", "one");
	assert_int_equal(count_named(&s, ""), 1);
}

static void
a_directory_is_not_replaced_or_removed(void **state)
{
	OWNED_SCRATCH s = scratch_new();

	(void)state;
	assert_int_equal(file_mkdir(s.dir, "d", 0700), 0);
	lines = 0;
	assert_true(file_replace(s.dir, "d", "", 0, 0600) < 0);
	assert_true(file_remove(s.dir, "d") < 0);
	assert_int_equal(lines, 2);
	assert_int_equal(count_named(&s, ""), 1);
}

static void
a_replace_that_fails_leaves_the_old_file_and_no_other(void **state)
{
	static const int errnums[] = { EIO, ENOSPC };
	OWNED_SCRATCH s = scratch_new();

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		unsigned int n;

		for (n = 1;; n++) {
			int err;

			put(&s, "f", "old");
			lines = 0;
			fault_fail(FAULT_MEMORY | FAULT_DISK, n, errnums[i]);
			err = file_replace(s.dir, "f", "new", 3, 0600);
			if (!fault_off()) {
				assert_int_equal(err, 0);
				break;
			}
			assert_true(err < 0);
			assert_int_equal(lines, 1);
			assert_int_equal(count_named(&s, ""), 1);
			assert_old_or_new(&s, "f");
		}
		/* two files opened, a write, two syncs, a rename */
		assert_true(n > 6);
		assert_holds(&s, "f", "new");
	}
}

static void
a_replace_that_is_killed_leaves_the_old_or_the_new(void **state)
{
	OWNED_SCRATCH s = scratch_new();
	unsigned int n;

	(void)state;
	for (n = 1;; n++) {
		int status;
		pid_t pid;

		put(&s, "f", "old");
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			fault_exit(FAULT_DISK, n);
			_exit(file_replace(s.dir, "f", "new", 3, 0600) != 0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		if (WEXITSTATUS(status) == 0)
			break;
		assert_int_equal(WEXITSTATUS(status), FAULT_STATUS);
		assert_old_or_new(&s, "f");
	}
	assert_int_equal(n, 5); /* write, fsync, rename, fsync: all killed */
	assert_holds(&s, "f", "new");
}

static void
what_is_left_of_a_killed_replace_can_be_told(void **state)
{
	OWNED_SCRATCH s = scratch_new();
	int status;
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		fault_exit(FAULT_RENAME, 1);
		_exit(file_replace(s.dir, "f", "new", 3, 0600) != 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), FAULT_STATUS);
	assert_int_equal(count_named(&s, ""), 1);
	assert_int_equal(count_named(&s, FILE_TEMPORARY), 1);
}

static void
every_sync_that_fails_is_told(void **state)
{
	OWNED_SCRATCH s = scratch_new();

	(void)state;
	fault_fail_from(FAULT_SYNC, 1, EIO);
	expect(file_sync(s.dir), ERR_IO, 1);
	expect(file_sync_data(s.dir), ERR_IO, 1);
	expect(file_mkdir(s.dir, "d", 0700), ERR_IO, 1);
	expect(file_remove(s.dir, "d/none"), ERR_IO, 1);
	expect(file_replace(s.dir, "f", "", 0, 0600), ERR_IO, 1);
	assert_true(fault_off());
	expect(file_sync(s.dir), 0, 0);
	expect(file_sync_data(s.dir), 0, 0);
}

static void
adopting_fails_closed(void **state)
{
	struct file *f = NULL;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_true(fd >= 0);
	fault_fail(FAULT_MEMORY, 1, 0);
	expect(file_adopt(&f, fd, "null"), ERR_NOMEM, 1);
	assert_true(fault_off());
	assert_null(f);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_int_equal(errno, EBADF);
	file_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_carries_its_name),
		cmocka_unit_test(a_name_is_fit_to_be_printed),
		cmocka_unit_test(an_absent_file_is_not_found_and_not_told),
		cmocka_unit_test(other_failures_are_told_once),
		cmocka_unit_test(nothing_leads_out_of_the_directory),
		cmocka_unit_test(a_path_of_the_user_is_followed),
		cmocka_unit_test(a_link_is_replaced_and_not_written_through),
		cmocka_unit_test(paths_that_name_no_file_are_refused),
		cmocka_unit_test(a_directory_is_made_once_and_may_be_there),
		cmocka_unit_test(reads_and_writes_are_whole),
		cmocka_unit_test(
		    offsets_beyond_what_the_kernel_takes_are_refused),
		cmocka_unit_test(loading_stops_at_the_limit),
		cmocka_unit_test(a_pipe_can_be_loaded),
		cmocka_unit_test(a_pipe_in_place_of_a_file_of_ours_is_refused),
		cmocka_unit_test(a_file_is_replaced_with_its_mode),
		cmocka_unit_test(what_is_created_takes_nobodys_name),
		cmocka_unit_test(
		    what_is_created_has_one_name_on_any_file_system),
		cmocka_unit_test(a_directory_is_not_replaced_or_removed),
		cmocka_unit_test(
		    a_replace_that_fails_leaves_the_old_file_and_no_other),
		cmocka_unit_test(
		    a_replace_that_is_killed_leaves_the_old_or_the_new),
		cmocka_unit_test(what_is_left_of_a_killed_replace_can_be_told),
		cmocka_unit_test(every_sync_that_fails_is_told),
		cmocka_unit_test(adopting_fails_closed),
	};

	return cmocka_run_group_tests(tests, begin, NULL);
}
