/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/role.h"
#include "tests/lib/test.h"
#include "vault/err.h"

static const enum role roles[] = { ROLE_OWNER, ROLE_MANAGER, ROLE_UPLOADER,
	ROLE_REVIEWER, ROLE_MOUNTER };
#define COUNT (sizeof(roles) / sizeof(roles[0]))

static void
a_name_parses_to_its_role(void **state)
{
	enum role r;

	(void)state;
	for (size_t i = 0; i < COUNT; i++) {
		assert_int_equal(role_parse(&r, role_name(roles[i])), 0);
		assert_int_equal(r, roles[i]);
	}
}

static void
other_words_are_no_roles(void **state)
{
	static const char *const wrong[] = { "", "Owner", "owner ", "own",
		"reader", "root" };
	enum role r = ROLE_MOUNTER;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(role_parse(&r, wrong[i]), ERR_FORMAT);
	assert_int_equal(r, ROLE_MOUNTER);
}

static void
an_owner_may_what_any_role_may(void **state)
{
	(void)state;
	for (unsigned int wanted = 0; wanted <= ROLE_ANY; wanted++)
		assert_true(role_may(ROLE_OWNER, wanted));
}

static void
others_may_what_their_roles_may_and_no_more(void **state)
{
	(void)state;
	for (unsigned int held = 0; held <= ROLE_ANY; held++)
		for (unsigned int wanted = 1; wanted <= ROLE_ANY; wanted++) {
			if ((held & ROLE_OWNER) != 0)
				continue;
			assert_int_equal(role_may(held, wanted),
			    (held & wanted) != 0);
		}
	assert_true(role_may(0, 0));
	assert_false(role_may(0, ROLE_ANY));
}

static void
uploaders_alone_have_a_family(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT; i++)
		assert_int_equal(role_has_family(roles[i]),
		    roles[i] == ROLE_UPLOADER);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_parses_to_its_role),
		cmocka_unit_test(other_words_are_no_roles),
		cmocka_unit_test(an_owner_may_what_any_role_may),
		cmocka_unit_test(others_may_what_their_roles_may_and_no_more),
		cmocka_unit_test(uploaders_alone_have_a_family),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
