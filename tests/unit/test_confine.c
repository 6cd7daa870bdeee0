/* SPDX-License-Identifier: Apache-2.0 */
#include "fuse/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/scratch.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/log.h"
#include "vault/sandbox.h"

#define ALICE 4242 /* no account is needed for these */
#define KEYD 4343
#define NOBODY 65534

/* A store with one file, of somebody and with this mode. */
struct place {
	struct scratch scratch;
	char objects[512];
	int dir;
};

static void
make_place(struct place *p, uid_t owner, gid_t group, mode_t mode)
{
	char path[600];
	int fd;

	p->scratch = scratch_new();
	snprintf(p->objects, sizeof(p->objects), "%s/objects", p->scratch.path);
	assert_int_equal(mkdir(p->objects, 0755), 0);
	snprintf(path, sizeof(path), "%s/file", p->objects);
	fd = open(path, O_CREAT | O_WRONLY, 0644);
	assert_true(fd >= 0);
	close(fd);
	p->dir = open(p->objects, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(p->dir >= 0);
	if (geteuid() == 0)
		assert_int_equal(chown(path, owner, group), 0);
	if (geteuid() == 0)
		assert_int_equal(chown(p->objects, owner, group), 0);
	assert_int_equal(chmod(path, mode & 0666), 0);
	assert_int_equal(chmod(p->objects, mode), 0);
}

static void
drop_place(struct place *p)
{
	close(p->dir);
	scratch_free(&p->scratch);
}

static bool
readable(void *arg)
{
	const struct place *p = arg;
	OWNED_FD fd = openat(p->dir, "file", O_RDONLY | O_CLOEXEC);

	return fd >= 0;
}

static bool
forbidden(const char *path, int flags)
{
	OWNED_FD fd = open(path, flags | O_CLOEXEC, 0600);

	return fd < 0 && errno == EACCES;
}

/* In the child: 0 when all is as it should be, or which step is not. */
static int
check_inside(struct place *p, uid_t want)
{
	char path[600];
	uid_t uid, euid, saved;

	if (getresuid(&uid, &euid, &saved) != 0 || uid != want ||
	    euid != want || saved != want)
		return 2;
	if (want != 0 && setuid(0) == 0)
		return 3;
	if (!readable(p))
		return 4;
	if (sandbox_landlock() == 0)
		return 0;
	snprintf(path, sizeof(path), "%s/new", p->objects);
	if (!forbidden("/etc/passwd", O_RDONLY) ||
	    !forbidden("/dev/null", O_RDWR) || !forbidden("/", O_RDONLY) ||
	    !forbidden("/proc/self/status", O_RDONLY))
		return 5;
	return forbidden(path, O_CREAT | O_WRONLY) ? 0 : 6;
}

/* Whom a mount for uid becomes; its exit status is check_inside's, or 100 less
 * the error. */
static int
confined(struct place *p, uid_t uid, uid_t want)
{
	const struct confine_how how = { .store = p->dir,
		.last = 1023,
		.uid = uid,
		.gid = uid,
		.readable = readable,
		.arg = p };
	pid_t pid = fork();
	int status, err;

	assert_true(pid >= 0);
	if (pid == 0) {
		log_sink(test_hush, NULL);
		err = confine_worker(&how);
		_exit(err != 0 ? 100 - err : check_inside(p, want));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
need_root(void)
{
	if (geteuid() != 0)
		skip();
}

static void
a_worker_reads_beneath_its_store_and_nothing_else(void **state)
{
	struct place p;

	(void)state;
	make_place(&p, geteuid(), getegid(), 0755);
	/* Root's own account keeps to nobody's. */
	assert_int_equal(confined(&p, geteuid(),
			     geteuid() == 0 ? NOBODY : geteuid()),
	    0);
	drop_place(&p);
}

static void
a_roots_worker_is_the_user_the_mount_is_for(void **state)
{
	struct place p;

	(void)state;
	need_root();
	make_place(&p, KEYD, KEYD, 0755);
	assert_int_equal(confined(&p, ALICE, ALICE), 0);
	assert_int_equal(confined(&p, 0, NOBODY), 0);
	drop_place(&p);
}

static void
it_is_never_the_owner_of_somebody_elses_vault(void **state)
{
	struct place p;

	(void)state;
	need_root();
	make_place(&p, KEYD, KEYD, 0700);
	assert_int_equal(confined(&p, ALICE, ALICE), 100 - ERR_DENIED);
	assert_int_equal(confined(&p, 0, NOBODY), 100 - ERR_DENIED);
	drop_place(&p);
	/* Its group alone does not do: neither is in it. */
	make_place(&p, KEYD, KEYD, 0750);
	assert_int_equal(confined(&p, ALICE, ALICE), 100 - ERR_DENIED);
	drop_place(&p);
}

static void
roots_own_vault_may_be_its_alone(void **state)
{
	struct place p;

	(void)state;
	need_root();
	make_place(&p, 0, 0, 0700);
	assert_int_equal(confined(&p, 0, 0), 0);
	assert_int_equal(confined(&p, ALICE, ALICE), 100 - ERR_DENIED);
	drop_place(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_worker_reads_beneath_its_store_and_nothing_else),
		cmocka_unit_test(a_roots_worker_is_the_user_the_mount_is_for),
		cmocka_unit_test(it_is_never_the_owner_of_somebody_elses_vault),
		cmocka_unit_test(roots_own_vault_may_be_its_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
