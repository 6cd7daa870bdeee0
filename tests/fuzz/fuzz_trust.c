/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "tests/fuzz/fuzz.h"
#include "vault/err.h"
#include "vault/trust.h"

/*
 * A policy as text.  What is taken has a threshold of at least one for all that
 * it has a rule for, and nothing unsigned is accepted.
 */
int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct statement_fields f = { .about = STATEMENT_TRUST, .number = 1 };
	struct statement_fields v = { .about = STATEMENT_REVOCATION,
		.model = "llama/base",
		.reason = "x" };
	OWNED(statement) s = NULL;
	OWNED(statement) revocation = NULL;
	OWNED(trust_root) r = NULL;
	OWNED_MEM(char) text = calloc(1, n + 1);
	char why[STATEMENT_WHY] = "";
	struct trust_count c;
	int err;

	if (text == NULL || statement_new(&revocation, &v, NULL, why) != 0)
		abort();
	for (size_t i = 0; i < n; i++)
		text[i] = (char)bytes[i];
	err = statement_new(&s, &f, text, why);
	if (err == 0)
		err = trust_root_parse(&r, s, why);
	if (err == ERR_NOMEM || (err != 0 && why[0] == '\0'))
		abort();
	if (err != 0)
		return 0;
	trust_count_of(&c, r, s);
	if (c.need == 0 || c.need > trust_root_people(r) || trust_count_met(&c))
		abort();
	trust_count_of(&c, r, revocation);
	if (trust_count_met(&c))
		abort();
	(void)trust_root_days(r, "llama/base", "prod");
	return 0;
}
