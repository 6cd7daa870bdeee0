/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Out of memory at every place where weir asks for some: an error that says so,
 * and nothing leaks.  (Not inside of jansson: 2.14 drops a character of a long
 * token when it gets no memory for it, and says nothing.)
 */
#include "tests/lib/test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/fault.h"
#include "tests/lib/people.h"
#include "vault/err.h"
#include "vault/trust.h"

/* From fields to what comes back. */
static int
all_of_it(const struct statement_fields *f, const char *policy)
{
	OWNED(statement) s = NULL;
	OWNED(statement) again = NULL;
	OWNED_MEM(char) envelope = NULL;
	struct statement_signature sig = { 0 };
	int err = statement_new(&s, f, policy, NULL);

	if (err == 0)
		err = statement_add(s, &sig);
	if (err == 0)
		err = statement_envelope(s, &envelope);
	if (err == 0)
		err = statement_parse(&again, envelope, strlen(envelope), NULL);
	return err;
}

static unsigned int
fail_at_every_place(const struct statement_fields *f, const char *policy)
{
	for (unsigned int n = 1;; n++) {
		int err;

		fault_fail(FAULT_MEMORY, n, ENOMEM);
		err = all_of_it(f, policy);
		if (!fault_off()) {
			assert_int_equal(err, 0);
			return n;
		}
		assert_int_equal(err, ERR_NOMEM);
	}
}

static void
each_kind_is_out_of_memory_at_every_place(void **state)
{
	static const struct statement_label labels[] = { { "a", "b" },
		{ "c", "d" } };
	OWNED_MEM(char) policy = people_policy(2, 1);
	struct statement_fields f = people_fields(STATEMENT_VERSION);
	struct statement_fields trust = { .about = STATEMENT_TRUST,
		.number = 1 };

	(void)state;
	f.labels = labels;
	f.label_count = 2;
	assert_true(fail_at_every_place(&f, NULL) > 5);
	f = people_fields(STATEMENT_PROMOTION);
	assert_true(fail_at_every_place(&f, NULL) > 5);
	assert_true(fail_at_every_place(&trust, policy) > 5);
}

/* A signature that could not be looked at counts for nothing. */
static void
a_verdict_without_memory_accepts_nothing(void **state)
{
	OWNED_MEM(char) policy = people_policy(2, 1);
	OWNED(statement) s = people_root(policy, 1, NULL);
	OWNED(trust_root) r = NULL;
	unsigned int n;

	(void)state;
	assert_int_equal(trust_root_parse(&r, s, NULL), 0);
	people_sign(0, s);
	for (n = 1;; n++) {
		enum trust_verdict v;

		fault_fail(FAULT_MEMORY, n, ENOMEM);
		v = trust_accept_first(r, s);
		if (!fault_off()) {
			assert_int_equal(v, TRUST_OK);
			break;
		}
		assert_int_not_equal(v, TRUST_OK);
	}
	assert_true(n > 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_is_out_of_memory_at_every_place),
		cmocka_unit_test(a_verdict_without_memory_accepts_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
