/* SPDX-License-Identifier: Apache-2.0 */
#include "fuse/programs.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/program.h"

static int
memory_of(const void *bytes, size_t n)
{
	int fd = memfd_create("program", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, n), (ssize_t)n);
	return fd;
}

static void
a_file_is_hashed_from_its_beginning(void **state)
{
	const size_t n = (256U << 10) + 7;
	uint8_t *bytes = calloc(1, n);
	struct digest d, want;
	int fd;

	(void)state;
	assert_non_null(bytes);
	bytes[n - 1] = 'x';
	want = digest_of(bytes, n);
	fd = memory_of(bytes, n);
	assert_int_equal(program_digest(fd, &d), 0);
	assert_true(digest_equal(&d, &want));
	close(fd);
	free(bytes);
}

static void
what_is_no_plain_file_or_too_large_is_refused(void **state)
{
	int fd = open("/", O_RDONLY | O_CLOEXEC);
	struct digest d;

	(void)state;
	assert_int_equal(program_digest(fd, &d), ERR_FORMAT);
	close(fd);
	fd = memory_of("x", 1);
	assert_int_equal(ftruncate(fd, (off_t)PROGRAM_MAX + 1), 0);
	assert_int_equal(program_digest(fd, &d), ERR_LIMIT);
	close(fd);
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(program_digest(fd, &d), ERR_FORMAT);
	close(fd);
}

static void
a_program_is_hashed_once(void **state)
{
	static struct programs p;
	struct digest first, again;
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(program_digest(fd, &first), 0);
	close(fd);
	assert_int_equal(programs_digest(&p, (uint32_t)getpid(), &again), 0);
	assert_true(digest_equal(&first, &again));
	assert_int_equal(p.count, 1);
	/* What is remembered is what is told. */
	p.seen[0].digest.bytes[0] ^= 1;
	assert_int_equal(programs_digest(&p, (uint32_t)getpid(), &again), 0);
	assert_false(digest_equal(&first, &again));
	/* A file that has changed is another one. */
	p.seen[0].size++;
	assert_int_equal(programs_digest(&p, (uint32_t)getpid(), &again), 0);
	assert_true(digest_equal(&first, &again));
	assert_int_equal(p.count, 2);
}

static void
no_more_than_a_few_are_remembered(void **state)
{
	static struct programs p;
	struct digest d;

	(void)state;
	for (unsigned int i = 0; i < 3 * PROGRAMS_KEPT; i++) {
		assert_int_equal(programs_digest(&p, (uint32_t)getpid(), &d),
		    0);
		for (unsigned int k = 0; k < p.count; k++)
			p.seen[k].size = -1;
	}
	assert_int_equal(p.count, PROGRAMS_KEPT);
}

static void
what_has_ended_is_told_apart(void **state)
{
	static struct programs p;
	struct digest d;

	(void)state;
	assert_int_equal(programs_digest(&p, UINT32_MAX, &d), ERR_NOT_FOUND);
	assert_int_equal(p.count, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_hashed_from_its_beginning),
		cmocka_unit_test(what_is_no_plain_file_or_too_large_is_refused),
		cmocka_unit_test(a_program_is_hashed_once),
		cmocka_unit_test(no_more_than_a_few_are_remembered),
		cmocka_unit_test(what_has_ended_is_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
