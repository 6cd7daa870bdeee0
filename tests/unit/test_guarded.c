/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "vault/err.h"
#include "vault/guarded.h"
#include "vault/log.h"

static void
hush(void *arg, const char *line)
{
	(void)arg, (void)line;
}

static void
it_is_zero_and_ends_where_it_may_not_go_on(void **state)
{
	static const size_t sizes[] = { 1, 32, 4095, 4096, 4097, 300000 };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint8_t *bytes;
		void *p;

		assert_int_equal(guarded_new(&p, sizes[i]), 0);
		bytes = p;
		for (size_t at = 0; at < sizes[i]; at++)
			assert_int_equal(bytes[at], 0);
		memset(p, 0xaa, sizes[i]);
		assert_int_equal(((uintptr_t)p + sizes[i]) % 4096, 0);
		guarded_seal(p);
		assert_int_equal(bytes[sizes[i] - 1], 0xaa);
		guarded_free(p);
	}
	guarded_free(NULL);
}

static void
nonsense_is_refused(void **state)
{
	void *p = NULL;

	(void)state;
	log_sink(hush, NULL);
	assert_int_equal(guarded_new(&p, 0), ERR_NOMEM);
	assert_int_equal(guarded_new(&p, SIZE_MAX), ERR_NOMEM);
	log_sink(NULL, NULL);
	assert_null(p);
}

/* By way of the kernel, as a debugger or root would. */
static bool
kernel_reads(const void *p)
{
	int fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	uint8_t byte;
	ssize_t n;

	assert_true(fd >= 0);
	n = pread(fd, &byte, 1, (off_t)(uintptr_t)p);
	close(fd);
	return n == 1;
}

/* The control is memory of another kind, which is read that way. */
static void
memfd_secret_is_read_by_nobody_else(void **state)
{
	uint8_t plain = 1;
	void *p;

	(void)state;
	if (guarded_probe() != GUARDED_SECRET) {
		print_message("SKIP: this kernel has no memfd_secret\n");
		skip();
	}
	assert_int_equal(guarded_new(&p, 32), 0);
	memset(p, 1, 32);
	assert_int_equal(guarded_kind(p), GUARDED_SECRET);
	assert_true(kernel_reads(&plain));
	assert_false(kernel_reads(p));
	guarded_free(p);
}

static void
which_one_it_is_has_a_name(void **state)
{
	(void)state;
	assert_string_equal(guarded_name(GUARDED_SECRET), "memfd_secret");
	assert_string_equal(guarded_name(GUARDED_LOCKED), "mlock");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_zero_and_ends_where_it_may_not_go_on),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(memfd_secret_is_read_by_nobody_else),
		cmocka_unit_test(which_one_it_is_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
