/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/forest.h"
#include "tests/lib/scratch.h"
#include "vault/sandbox.h"

/* A directory that may be read, another that may not, and what the process was
 * before. */
struct yard {
	struct scratch scratch;
	char *in;
	char *out;
	int dir;
	int status; /* of /proc/self/status, opened within the fork */
};

static int
setup(void **state)
{
	struct yard *y = calloc(1, sizeof(*y));

	assert_non_null(y);
	y->scratch = scratch_new();
	forest_dir(y->scratch.path, "in", 0755);
	forest_dir(y->scratch.path, "in/ab", 0755);
	forest_file(y->scratch.path, "in/ab/object", "sealed", 6, 0644);
	forest_file(y->scratch.path, "out", "secret", 6, 0644);
	y->in = forest_path(y->scratch.path, "in");
	y->out = forest_path(y->scratch.path, "out");
	y->dir = open(y->in, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(y->dir >= 0);
	*state = y;
	return 0;
}

static int
teardown(void **state)
{
	struct yard *y = *state;

	close(y->dir);
	free(y->in);
	free(y->out);
	scratch_free(&y->scratch);
	free(y);
	return 0;
}

/* What a probe says in a child: 0, or the errno of what it tried. */
static int
probe(struct yard *y, bool enter, int (*try)(struct yard *y))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		y->status = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
		if (enter && sandbox_enter(y->dir) != 0)
			_exit(255);
		_exit(try(y));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_not_equal(WEXITSTATUS(status), 255);
	return WEXITSTATUS(status);
}

static int
result(long r)
{
	return r < 0 ? errno : 0;
}

static int
read_beneath(struct yard *y)
{
	char buf[6];
	int fd = openat(y->dir, "ab/object", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return errno;
	return read(fd, buf, 6) == 6 && memcmp(buf, "sealed", 6) == 0 ? 0 : EIO;
}

static int
read_outside(struct yard *y)
{
	return result(open(y->out, O_RDONLY | O_CLOEXEC));
}

static int
read_through_dots(struct yard *y)
{
	return result(openat(y->dir, "../out", O_RDONLY | O_CLOEXEC));
}

static int
write_beneath(struct yard *y)
{
	return result(openat(y->dir, "ab/object", O_WRONLY | O_CLOEXEC));
}

static int
create_beneath(struct yard *y)
{
	return result(
	    openat(y->dir, "ab/new", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static int
cut_beneath(struct yard *y)
{
	char *path = forest_path(y->in, "ab/object");

	return result(truncate(path, 6));
}

static int
make_socket(struct yard *y)
{
	(void)y;
	return result(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

/* glibc falls back from clone3; what comes is a process for one system call. */
static int
make_process(struct yard *y)
{
	pid_t pid = fork();

	(void)y;
	if (pid == 0)
		_exit(0);
	return result(pid);
}

static int
run_program(struct yard *y)
{
	static char name[] = "true";
	char *const argv[] = { name, NULL };

	(void)y;
	execv("/bin/true", argv);
	return errno;
}

static int
signal_parent(struct yard *y)
{
	(void)y;
	return result(kill(getppid(), 0));
}

static int
signal_parents_thread(struct yard *y)
{
	(void)y;
	return result(syscall(SYS_tgkill, getppid(), getppid(), 0));
}

static int
trace(struct yard *y)
{
	(void)y;
	return result(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
}

static int
raise_parents_limits(struct yard *y)
{
	struct rlimit limit;

	(void)y;
	return result(
	    syscall(SYS_prlimit64, getppid(), RLIMIT_NOFILE, NULL, &limit));
}

static void *
nothing(void *arg)
{
	return arg;
}

static int
make_thread(struct yard *y)
{
	pthread_t thread;
	int r = pthread_create(&thread, NULL, nothing, y);

	return r != 0 ? r : pthread_join(thread, NULL);
}

static int
use_memory(struct yard *y)
{
	char *p = malloc(64U << 20);

	(void)y;
	if (p == NULL)
		return ENOMEM;
	memset(p, 1, 64U << 20);
	p = realloc(p, 128U << 20);
	free(p);
	return p != NULL ? 0 : ENOMEM;
}

/* 0: no capability is left, in no set, and none can come. */
static int
hold_nothing(struct yard *y)
{
	char buf[8192], *line;
	ssize_t n = pread(y->status, buf, sizeof(buf) - 1, 0);
	static const char *const zero[] = { "CapInh:", "CapPrm:", "CapEff:",
		"CapAmb:" };

	if (n <= 0)
		return EIO;
	buf[n] = '\0';
	for (size_t i = 0; i < sizeof(zero) / sizeof(zero[0]); i++) {
		line = strstr(buf, zero[i]);
		if (line == NULL || strtoull(line + 7, NULL, 16) != 0)
			return EPERM;
	}
	line = strstr(buf, "NoNewPrivs:");
	if (line == NULL || strtol(line + 11, NULL, 10) != 1)
		return EPERM;
	line = strstr(buf, "Seccomp:");
	return line != NULL && strtol(line + 8, NULL, 10) == 2 ? 0 : EPERM;
}

static void
what_it_needs_goes_on(void **state)
{
	assert_int_equal(probe(*state, true, read_beneath), 0);
	assert_int_equal(probe(*state, true, make_thread), 0);
	assert_int_equal(probe(*state, true, use_memory), 0);
}

/* Each of these is possible before: or it would prove nothing. */
static void
no_process_no_program_no_socket(void **state)
{
	int (*const tries[])(struct yard * y) = { make_socket, make_process,
		run_program, signal_parent, signal_parents_thread, trace,
		raise_parents_limits };

	for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		assert_int_equal(probe(*state, false, tries[i]), 0);
		assert_int_equal(probe(*state, true, tries[i]), EPERM);
	}
}

static void
nothing_is_written_and_nothing_else_read(void **state)
{
	int (*const tries[])(struct yard * y) = { read_outside,
		read_through_dots, write_beneath, create_beneath };

	if (sandbox_landlock() == 0) {
		print_message("SKIP: this kernel has no Landlock\n");
		skip();
	}
	for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		assert_int_equal(probe(*state, false, tries[i]), 0);
		assert_int_equal(probe(*state, true, tries[i]), EACCES);
	}
	assert_int_equal(probe(*state, false, cut_beneath), 0);
	assert_int_equal(probe(*state, true, cut_beneath), EPERM);
}

static void
no_capability_is_left(void **state)
{
	assert_int_equal(probe(*state, false, hold_nothing), EPERM);
	assert_int_equal(probe(*state, true, hold_nothing), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_it_needs_goes_on, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(no_process_no_program_no_socket,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(
		    nothing_is_written_and_nothing_else_read, setup, teardown),
		cmocka_unit_test_setup_teardown(no_capability_is_left, setup,
		    teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
