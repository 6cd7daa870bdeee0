/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/people.h"
#include "vault/err.h"
#include "vault/statement.h"
#include "vault/trust.h"

static void
each_kind_comes_back_as_it_was_written(void **state)
{
	static const enum statement_about abouts[] = { STATEMENT_VERSION,
		STATEMENT_PROMOTION, STATEMENT_REVOCATION };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		const struct statement_fields f = people_fields(abouts[i]);
		OWNED(statement) s = people_statement(&f);
		OWNED(statement) again = NULL;
		OWNED_MEM(char) envelope = NULL;
		char why[STATEMENT_WHY] = "";

		people_sign(1, s);
		people_sign(2, s);
		assert_int_equal(statement_envelope(s, &envelope), 0);
		assert_int_equal(statement_parse(&again, envelope,
				     strlen(envelope), why),
		    0);
		assert_int_equal(statement_signature_count(again), 2);
	}
}

static void
smoke(void **state)
{
	OWNED_MEM(char) policy = people_policy(3, 2);
	OWNED(statement) first = people_root(policy, 1, NULL);
	OWNED(statement) second = people_root(policy, 2, first);
	OWNED(trust_root) r = NULL, *r2 = NULL;
	char why[STATEMENT_WHY] = "";
	int err = trust_root_parse(&r, first, why);
	struct statement_fields f = people_fields(STATEMENT_PROMOTION);
	OWNED(statement) p = people_statement(&f);
	struct trust_want w = { .vault = PEOPLE_VAULT,
		.model = f.model,
		.channel = "prod",
		.version = f.version,
		.now_ms = f.time_ms };

	(void)state;
	if (err != 0)
		fail_msg("%s", why);
	assert_int_equal(trust_accept_first(r, first), TRUST_TOO_FEW);
	people_sign(0, first);
	people_sign(2, first);
	assert_int_equal(trust_accept_first(r, first), TRUST_OK);
	assert_int_equal(trust_root_parse(&r2, second, why), 0);
	people_sign(0, second);
	people_sign(1, second);
	assert_int_equal(trust_accept_next(r, r2, second), TRUST_OK);
	people_sign(0, p);
	people_sign(1, p);
	assert_int_equal(trust_accept_promotion(r, &w, p, NULL), TRUST_TOO_FEW);
	people_sign(2, p);
	assert_int_equal(trust_accept_promotion(r, &w, p, NULL), TRUST_OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_comes_back_as_it_was_written),
		cmocka_unit_test(smoke),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
