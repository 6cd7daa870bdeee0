/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "keys/peer.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/log.h"

/* Linked with --wrap (Makefile): what the user database says. */
static int answer;
static const char *name;

int __wrap_getpwuid_r(uid_t uid, struct passwd *record, char *text, size_t n,
    struct passwd **found);

int
__wrap_getpwuid_r(uid_t uid, struct passwd *record, char *text, size_t n,
    struct passwd **found)
{
	(void)uid;
	*found = NULL;
	if (answer != 0 || name == NULL)
		return answer;
	memset(record, 0, sizeof(*record));
	snprintf(text, n, "%s", name);
	record->pw_name = text;
	*found = record;
	return 0;
}

static void
a_user_has_a_name_or_a_number(void **state)
{
	char buf[PEER_SIZE];

	(void)state;
	answer = 0;
	name = "ann";
	assert_int_equal(peer_look_up(1000, buf), 0);
	assert_string_equal(buf, "user:ann");
	name = NULL;
	assert_int_equal(peer_look_up(1000, buf), 0);
	assert_string_equal(buf, "user:1000");
	/* Nobody is to pass for another one. */
	name = "0";
	assert_int_equal(peer_look_up(1000, buf), 0);
	assert_string_equal(buf, "user:1000");
}

static void
a_database_that_cannot_be_read_is_no_user_without_a_name(void **state)
{
	static const int unknown[] = { ENOENT, ESRCH, EBADF, EPERM };
	static const int unread[] = { EIO, EMFILE, ENFILE, EINTR, ENOMEM,
		EACCES };
	char buf[PEER_SIZE];

	(void)state;
	name = "root";
	for (size_t i = 0; i < sizeof(unread) / sizeof(*unread); i++) {
		answer = unread[i];
		assert_int_not_equal(peer_look_up(0, buf), 0);
		/* Where it is not to last the number does. */
		assert_string_equal(peer_principal(0, buf), "user:0");
	}
	for (size_t i = 0; i < sizeof(unknown) / sizeof(*unknown); i++) {
		answer = unknown[i];
		assert_int_equal(peer_look_up(0, buf), 0);
		assert_string_equal(buf, "user:0");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_user_has_a_name_or_a_number),
		cmocka_unit_test(
		    a_database_that_cannot_be_read_is_no_user_without_a_name),
	};

	log_sink(test_hush, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
