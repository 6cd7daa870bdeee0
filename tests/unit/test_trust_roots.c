/* SPDX-License-Identifier: Apache-2.0 */

/* One trust root after another. */
#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

#include "tests/lib/people.h"
#include "vault/trust.h"

static struct trust_root *
parse(const struct statement *s)
{
	struct trust_root *r = NULL;
	char why[STATEMENT_WHY] = "";

	if (trust_root_parse(&r, s, why) != 0)
		fail_msg("%s", why);
	return r;
}

static void
the_first_root_is_signed_by_its_own_threshold(void **state)
{
	OWNED_MEM(char) policy = people_policy(3, 2);
	OWNED(statement) s = people_root(policy, 1, NULL);
	OWNED(trust_root) r = parse(s);

	(void)state;
	assert_int_equal(trust_accept_first(r, s), TRUST_TOO_FEW);
	people_sign(0, s);
	assert_int_equal(trust_accept_first(r, s), TRUST_TOO_FEW);
	people_sign(3, s); /* not of this root */
	assert_int_equal(trust_accept_first(r, s), TRUST_TOO_FEW);
	people_sign(2, s);
	assert_int_equal(trust_accept_first(r, s), TRUST_OK);
}

static void
the_first_root_links_to_the_vault(void **state)
{
	OWNED_MEM(char) policy = people_policy(1, 1);
	OWNED(statement) other = people_root(policy, 3, NULL);
	OWNED(statement) s = people_root(policy, 1, other);
	OWNED(statement) pinned = people_root(policy, 9, other);
	OWNED(trust_root) r = parse(s);
	OWNED(trust_root) p = parse(pinned);

	(void)state;
	people_sign(0, s);
	assert_int_equal(trust_accept_first(r, s), TRUST_LINK);
	people_sign(0, pinned); /* one that is pinned may be any */
	assert_int_equal(trust_accept_first(p, pinned), TRUST_OK);
}

static void
a_root_is_judged_by_its_own_statement(void **state)
{
	OWNED_MEM(char) policy = people_policy(1, 1);
	OWNED_MEM(char) other_policy = people_policy(2, 1);
	OWNED(statement) first = people_root(policy, 1, NULL);
	OWNED(statement) other = people_root(other_policy, 1, NULL);
	OWNED(statement) second = people_root(policy, 2, first);
	OWNED(statement) third = people_root(policy, 3, second);
	OWNED(trust_root) r = parse(first);
	OWNED(trust_root) r2 = parse(second);

	(void)state;
	people_sign(0, other);
	people_sign(0, third);
	assert_int_equal(trust_accept_first(r, other), TRUST_OTHER_THING);
	assert_int_equal(trust_accept_next(r, r2, third), TRUST_OTHER_THING);
}

/* Root 1: p0, p1, p2, two of them.  Root 2: p0 to p3, three of them. */
static void
the_next_root_needs_the_thresholds_of_both(void **state)
{
	OWNED_MEM(char) old = people_policy(3, 2);
	OWNED_MEM(char) new = people_policy(4, 3);
	OWNED(statement) first = people_root(old, 1, NULL);
	OWNED(trust_root) r1 = parse(first);

	(void)state;
	for (unsigned int set = 0; set < 32; set++) {
		OWNED(statement) second = people_root(new, 2, first);
		OWNED(trust_root) r2 = parse(second);
		int by_old = 0, by_new = 0;

		for (unsigned int i = 0; i < 5; i++) {
			if ((set >> i & 1) == 0)
				continue;
			people_sign(i, second);
			by_old += i < 3;
			by_new += i < 4;
		}
		assert_int_equal(trust_accept_next(r1, r2, second),
		    by_old >= 2 && by_new >= 3 ? TRUST_OK : TRUST_TOO_FEW);
	}
}

/* The other way round: root 2 asks for less, which the old ones must want. */
static void
a_root_that_asks_for_less_still_needs_the_old_threshold(void **state)
{
	OWNED_MEM(char) old = people_policy(3, 3);
	OWNED_MEM(char) new = people_policy(1, 1);
	OWNED(statement) first = people_root(old, 1, NULL);
	OWNED(statement) second = people_root(new, 2, first);
	OWNED(trust_root) r1 = parse(first);
	OWNED(trust_root) r2 = parse(second);

	(void)state;
	people_sign(0, second);
	assert_int_equal(trust_accept_first(r2, second), TRUST_OK);
	assert_int_equal(trust_accept_next(r1, r2, second), TRUST_TOO_FEW);
	people_sign(1, second);
	assert_int_equal(trust_accept_next(r1, r2, second), TRUST_TOO_FEW);
	people_sign(2, second);
	assert_int_equal(trust_accept_next(r1, r2, second), TRUST_OK);
}

static void
a_known_keys_bad_signature_refuses_the_next_root(void **state)
{
	OWNED_MEM(char) old = people_policy(2, 1);
	OWNED_MEM(char) new = people_policy(3, 1);
	OWNED(statement) first = people_root(old, 1, NULL);
	OWNED(trust_root) r1 = parse(first);

	(void)state;
	for (unsigned int i = 1; i < 4; i++) {
		OWNED(statement) second = people_root(new, 2, first);
		OWNED(trust_root) r2 = parse(second);
		struct statement_signature sig = people_signature(i, second);

		people_sign(0, second);
		sig.bytes[0] ^= 1;
		assert_int_equal(statement_add(second, &sig), 0);
		/* p2 only the new root knows, p3 nobody. */
		assert_int_equal(trust_accept_next(r1, r2, second),
		    i < 3 ? TRUST_FORGED : TRUST_OK);
	}
}

static void
roots_come_one_by_one_and_name_the_one_before(void **state)
{
	OWNED_MEM(char) policy = people_policy(1, 1);
	OWNED_MEM(char) other_policy = people_policy(2, 1);
	OWNED(statement) first = people_root(policy, 1, NULL);
	OWNED(statement) fork = people_root(other_policy, 1, NULL);
	OWNED(trust_root) r1 = parse(first);

	(void)state;
	for (unsigned int n = 1; n < 5; n++) {
		OWNED(statement) next = people_root(policy, n, first);
		OWNED(statement) forked = people_root(policy, n, fork);
		OWNED(trust_root) r = parse(next);
		OWNED(trust_root) f = parse(forked);

		people_sign(0, next);
		people_sign(0, forked);
		assert_int_equal(trust_accept_next(r1, r, next),
		    n == 2 ? TRUST_OK : TRUST_NUMBER);
		assert_int_equal(trust_accept_next(r1, f, forked),
		    n == 2 ? TRUST_LINK : TRUST_NUMBER);
	}
}

static void
a_root_of_another_vault_does_not_follow(void **state)
{
	OWNED_MEM(char) policy = people_policy(1, 1);
	OWNED(statement) first = people_root(policy, 1, NULL);
	OWNED(trust_root) r1 = parse(first);
	struct statement_fields f = {
		.about = STATEMENT_TRUST,
		.vault = PEOPLE_VAULT,
		.number = 2,
	};
	OWNED(statement) second = NULL;
	OWNED(trust_root) r2 = NULL;

	(void)state;
	f.root = statement_digest(first);
	f.vault[0] ^= 1;
	assert_int_equal(statement_new(&second, &f, policy, NULL), 0);
	r2 = parse(second);
	people_sign(0, second);
	assert_int_equal(trust_accept_next(r1, r2, second), TRUST_OTHER_VAULT);
}

/* Who is left out of the newest root counts no more. */
static void
a_key_that_a_later_root_leaves_out_counts_no_more(void **state)
{
	const struct statement_fields f = people_fields(STATEMENT_VERSION);
	OWNED(statement) version = people_statement(&f);
	OWNED_MEM(char) old = people_policy(4, 2);
	OWNED_MEM(char) new = people_policy(3, 2);
	OWNED(statement) first = people_root(old, 1, NULL);
	OWNED(statement) second = people_root(new, 2, first);
	OWNED(trust_root) r1 = parse(first);
	OWNED(trust_root) r2 = parse(second);
	struct trust_want w = { .model = f.model, .version = f.version };

	(void)state;
	memcpy(w.vault, f.vault, sizeof(w.vault));
	people_sign(2, version);
	people_sign(3, version);
	assert_int_equal(trust_accept_version(r1, &w, version), TRUST_OK);
	assert_int_equal(trust_accept_version(r2, &w, version), TRUST_TOO_FEW);
	people_sign(1, version);
	assert_int_equal(trust_accept_version(r2, &w, version), TRUST_OK);
}

static void
each_verdict_has_a_phrase(void **state)
{
	(void)state;
	for (unsigned int v = TRUST_OK; v <= TRUST_NO_EARLIER; v++) {
		assert_non_null(trust_text((enum trust_verdict)v));
		for (unsigned int u = TRUST_OK; u < v; u++)
			assert_string_not_equal(trust_text(
						    (enum trust_verdict)v),
			    trust_text((enum trust_verdict)u));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_root_is_signed_by_its_own_threshold),
		cmocka_unit_test(the_first_root_links_to_the_vault),
		cmocka_unit_test(a_root_is_judged_by_its_own_statement),
		cmocka_unit_test(the_next_root_needs_the_thresholds_of_both),
		cmocka_unit_test(
		    a_root_that_asks_for_less_still_needs_the_old_threshold),
		cmocka_unit_test(
		    a_known_keys_bad_signature_refuses_the_next_root),
		cmocka_unit_test(roots_come_one_by_one_and_name_the_one_before),
		cmocka_unit_test(a_root_of_another_vault_does_not_follow),
		cmocka_unit_test(
		    a_key_that_a_later_root_leaves_out_counts_no_more),
		cmocka_unit_test(each_verdict_has_a_phrase),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
