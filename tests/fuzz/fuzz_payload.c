/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "vault/err.h"
#include "vault/statement_parts.h"

/*
 * A payload without its envelope, so that the fuzzer need not find base64.  But
 * for a root, what is read can be written and says the same.
 */
int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	OWNED(statement) s = calloc(1, sizeof(*s));
	OWNED(statement) again = NULL;
	char text[STATEMENT_WHY] = "";
	const struct why why = { text, sizeof(text) };
	int err;

	if (s == NULL)
		abort();
	s->payload = malloc(n + 1);
	s->length = n;
	if (s->payload == NULL)
		abort();
	memcpy(s->payload, bytes, n);
	err = statement_read(s, &why);
	if (err == ERR_NOMEM || (err != 0 && text[0] == '\0'))
		abort();
	if (err != 0 || s->fields.about == STATEMENT_TRUST)
		return 0;
	if (statement_new(&again, &s->fields, NULL, text) != 0)
		abort();
	if (again->fields.time_ms != s->fields.time_ms ||
	    again->fields.expires_ms != s->fields.expires_ms ||
	    again->fields.label_count != s->fields.label_count ||
	    strcmp(again->fields.model, s->fields.model) != 0)
		abort();
	return 0;
}
