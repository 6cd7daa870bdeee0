/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"

#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/fault.h"
#include "tests/lib/forest.h"
#include "tests/lib/heir.h"
#include "tests/lib/shed.h"
#include "vault/check.h"
#include "vault/err.h"
#include "vault/log.h"

static void
plant(struct shed *s)
{
	static const size_t sizes[] = { 300, 80000 };

	shed_init(s);
	forest_dir(s->src, "d", 0755);
	forest_random(s->src, "d/a", 150000, 1);
	forest_safetensors(s->src, "m.safetensors", sizes, 2, 3);
	forest_file(s->src, "config.json", "{}", 2, 0644);
	forest_link(s->src, "link", "d/a");
	log_level(-1);
}

/* After a failure the same command works, and nothing in the store is bad. */
static void
assert_put_works(struct shed *s, const struct digest *version)
{
	const struct check_how how = { .store = s->store, .read_data = true };
	struct version_open v = { .manifest_key = s->keys.manifest_key };
	OWNED(check) c = NULL;
	struct check_totals t;
	struct intake_result r;

	assert_int_equal(shed_put(s, s->src, &r), 0);
	if (version != NULL)
		assert_true(digest_equal(version, &r.version));
	v.store = s->store;
	v.object = r.object;
	v.version = r.version;
	assert_int_equal(check_new(&c, &how), 0);
	assert_int_equal(check_version(c, "m", &v), 0);
	assert_int_equal(check_end(c, &t), 0);
	assert_int_equal(t.damaged + t.missing, 0);
	intake_result_clear(&r);
}

/* The version that plant's tree is. */
static struct digest
version_of_plant(void)
{
	struct intake_result r;
	struct digest version;
	OWNED_SHED s;

	plant(&s);
	assert_int_equal(shed_put(&s, s.src, &r), 0);
	version = r.version;
	intake_result_clear(&r);
	return version;
}

/* How a child ends whose nth allocation failed: it leaks nothing (the leak
 * sanitizer looks when it exits). */
#define ENDED_WELL 40
#define ENDED_ERROR 41
#define ENDED_UNHARMED 42

static void
put_without_memory(struct shed *s, unsigned int n)
{
	struct intake_result r;
	bool fired;
	int err;

	fault_fail(FAULT_MEMORY, n, ENOMEM);
	err = shed_put(s, s->src, &r);
	fired = fault_off();
	if (err == 0)
		intake_result_clear(&r);
	shed_clear(s);
	if (!fired)
		exit(ENDED_UNHARMED);
	exit(err == 0 ? ENDED_WELL : ENDED_ERROR);
}

static void
survives_every_failed_allocation(void **state)
{
	const struct digest version = version_of_plant();
	unsigned int errors = 0, aborts = 0;
	int end = 0;

	(void)state;
	for (unsigned int n = 1; end != ENDED_UNHARMED; n++) {
		OWNED_SHED s;
		int status;
		pid_t pid;

		plant(&s);
		fflush(NULL);
		pid = fork();
		if (pid == 0) {
			/* The tree is the parent's to remove. */
			free(s.scratch.path);
			s.scratch.path = NULL;
			put_without_memory(&s, n);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		end = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
		/* digest.h: out of memory there stops the process. */
		if (WIFSIGNALED(status)) {
			assert_int_equal(WTERMSIG(status), SIGABRT);
			aborts++;
		} else {
			assert_in_range(end, ENDED_WELL, ENDED_UNHARMED);
			errors += end == ENDED_ERROR;
		}
		assert_put_works(&s, &version);
	}
	assert_true(errors > aborts / 2);
	log_level(2);
}

static void
tells_every_failed_call_of_the_disk_and_can_run_again(void **state)
{
	const struct digest version = version_of_plant();
	bool more = true;
	unsigned int n;

	(void)state;
	for (n = 1; more; n++) {
		struct intake_result r;
		OWNED_SHED s;
		int err;

		plant(&s);
		fault_fail(FAULT_DISK, n, EIO);
		err = shed_put(&s, s.src, &r);
		more = fault_off();
		assert_int_equal(err, more ? ERR_IO : 0);
		if (err == 0)
			intake_result_clear(&r);
		/* A store that could not sync a directory stays dead. */
		store_free(s.store);
		assert_int_equal(store_dir_open(&s.store, s.objects), 0);
		assert_put_works(&s, &version);
	}
	assert_true(n > 20);
	log_level(2);
}

static void
tells_that_the_disk_is_full(void **state)
{
	struct intake_result r;
	OWNED_SHED s;

	(void)state;
	for (unsigned int n = 1; n < 12; n += 5) {
		plant(&s);
		fault_fail_from(FAULT_WRITE, n, ENOSPC);
		assert_int_equal(shed_put(&s, s.src, &r), ERR_SPACE);
		assert_true(fault_off());
		assert_put_works(&s, NULL);
		if (n < 11)
			shed_clear(&s);
	}
	log_level(2);
}

static void
can_run_again_wherever_it_was_killed(void **state)
{
	bool more = true;

	(void)state;
	for (unsigned int n = 1; more; n += 2) {
		struct intake_result r;
		OWNED_SHED s;
		int status;
		pid_t pid;

		plant(&s);
		pid = fork();
		if (pid == 0) {
			fault_exit(FAULT_DISK, n);
			(void)!shed_put(&s, s.src, &r);
			_exit(0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		more = WEXITSTATUS(status) == FAULT_STATUS;
		assert_put_works(&s, NULL);
	}
	log_level(2);
}

/* Where the tree that is being written out came from. */
static const char *src, *dest;

/* Each file has its own name and is whole. */
static int
whole(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	OWNED_MEM(char) from = NULL;

	(void)st;
	if (type != FTW_F)
		return 0;
	assert_int_not_equal(path[ftw->base], '.');
	from = forest_path(src, path + strlen(dest) + 1);
	assert_true(forest_same(from, path));
	return 0;
}

static void
writing_out_tells_each_failed_call_and_leaves_no_half_file(void **state)
{
	OWNED(version) v = NULL;
	struct intake_result r;
	bool more = true;
	unsigned int n;
	OWNED_SHED s;

	(void)state;
	plant(&s);
	assert_int_equal(shed_put(&s, s.src, &r), 0);
	assert_int_equal(shed_open(&s, &r, &v), 0);
	intake_result_clear(&r);
	src = s.src;
	for (n = 1; more; n++) {
		OWNED_MEM(char) path = NULL;
		char name[32];
		int err;

		snprintf(name, sizeof(name), "dest%u", n);
		path = forest_path(s.scratch.path, name);
		dest = path;
		fault_fail(FAULT_DISK, n, ENOSPC);
		err = shed_get(&s, v, path);
		more = fault_off();
		assert_int_equal(err, more ? ERR_SPACE : 0);
		assert_int_equal(nftw(path, whole, 8, FTW_PHYS), 0);
	}
	assert_true(n > 5);
	log_level(2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(survives_every_failed_allocation),
		cmocka_unit_test(
		    tells_every_failed_call_of_the_disk_and_can_run_again),
		cmocka_unit_test(tells_that_the_disk_is_full),
		cmocka_unit_test(can_run_again_wherever_it_was_killed),
		cmocka_unit_test(
		    writing_out_tells_each_failed_call_and_leaves_no_half_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
