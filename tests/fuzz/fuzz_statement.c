/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "vault/err.h"
#include "vault/statement.h"

/* An envelope; what is taken comes back from its own envelope. */
int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	OWNED(statement) s = NULL;
	OWNED(statement) again = NULL;
	OWNED_MEM(char) envelope = NULL;
	char why[STATEMENT_WHY] = "";
	struct digest a, b;
	int err;

	err = statement_parse(&s, bytes, n, why);
	if (err == ERR_NOMEM || (err != 0 && why[0] == '\0'))
		abort();
	if (err != 0)
		return 0;
	if (statement_envelope(s, &envelope) != 0 ||
	    statement_parse(&again, envelope, strlen(envelope), why) != 0)
		abort();
	a = statement_digest(s);
	b = statement_digest(again);
	if (!digest_equal(&a, &b) ||
	    statement_signature_count(s) != statement_signature_count(again))
		abort();
	return 0;
}
