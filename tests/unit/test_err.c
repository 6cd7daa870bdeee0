/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "tests/lib/test.h"
#include "vault/err.h"

#define FIRST ERR_SPACE
#define LAST ERR_FORMAT

static void
every_error_has_a_text_of_its_own(void **state)
{
	(void)state;
	for (int a = FIRST; a <= 0; a++) {
		const char *text = err_text(a);

		assert_true(strlen(text) > 0);
		assert_true(text[strlen(text) - 1] != '.');
		assert_string_not_equal(text, err_text(-1000));
		for (int b = FIRST; b < a; b++)
			assert_string_not_equal(text, err_text(b));
	}
}

static void
no_error_looks_like_success(void **state)
{
	(void)state;
	assert_int_equal(err_errno(0), 0);
	assert_int_equal(err_exit(0), 0);
	for (int err = FIRST - 5; err <= LAST; err++) {
		assert_true(err_errno(err) > 0);
		assert_true(err_exit(err) > 0);
	}
	assert_true(err_errno(1) > 0);
	assert_true(err_exit(1) > 0);
}

static void
a_mount_never_answers_eagain(void **state)
{
	(void)state;
	for (int err = FIRST - 5; err <= 5; err++)
		assert_int_not_equal(err_errno(err), EAGAIN);
}

static void
damage_is_eio_and_exit_status_3(void **state)
{
	(void)state;
	assert_int_equal(err_errno(ERR_INTEGRITY), EIO);
	assert_int_equal(err_errno(ERR_IO), EIO);
	assert_int_equal(err_exit(ERR_INTEGRITY), 3);
}

static void
exit_statuses_are_the_documented_ones(void **state)
{
	static const struct {
		enum err err;
		int status;
	} rows[] = {
		{ ERR_FORMAT, 1 },
		{ ERR_LIMIT, 1 },
		{ ERR_NOMEM, 1 },
		{ ERR_IO, 1 },
		{ ERR_SPACE, 1 },
		{ ERR_USAGE, 2 },
		{ ERR_INTEGRITY, 3 },
		{ ERR_DENIED, 4 },
		{ ERR_NOT_FOUND, 5 },
		{ ERR_CONFLICT, 6 },
		{ ERR_UNREACHABLE, 7 },
		{ ERR_SECRET, 7 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(err_exit(rows[i].err), rows[i].status);
}

static void
every_errno_becomes_some_error(void **state)
{
	(void)state;
	for (int e = 1; e < 134; e++) {
		int err = err_from_errno(e);

		assert_true(err >= FIRST && err <= LAST);
	}
	assert_int_equal(err_from_errno(0), ERR_IO);
	assert_int_equal(err_from_errno(EIO), ERR_IO);
	assert_int_equal(err_from_errno(EINVAL), ERR_IO);
	assert_int_equal(err_from_errno(ENOENT), ERR_NOT_FOUND);
	assert_int_equal(err_from_errno(ENOTDIR), ERR_NOT_FOUND);
	assert_int_equal(err_from_errno(EACCES), ERR_DENIED);
	assert_int_equal(err_from_errno(EEXIST), ERR_CONFLICT);
	assert_int_equal(err_from_errno(ENOSPC), ERR_SPACE);
	assert_int_equal(err_from_errno(EDQUOT), ERR_SPACE);
	assert_int_equal(err_from_errno(ENOMEM), ERR_NOMEM);
	/* it passes, and says nothing about the bytes */
	assert_int_equal(err_from_errno(EMFILE), ERR_NOMEM);
	assert_int_equal(err_from_errno(ENFILE), ERR_NOMEM);
	assert_int_equal(err_from_errno(EFBIG), ERR_LIMIT);
	assert_int_equal(err_from_errno(ELOOP), ERR_FORMAT);
	assert_int_equal(err_from_errno(ECONNREFUSED), ERR_UNREACHABLE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_error_has_a_text_of_its_own),
		cmocka_unit_test(no_error_looks_like_success),
		cmocka_unit_test(a_mount_never_answers_eagain),
		cmocka_unit_test(damage_is_eio_and_exit_status_3),
		cmocka_unit_test(exit_statuses_are_the_documented_ones),
		cmocka_unit_test(every_errno_becomes_some_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
