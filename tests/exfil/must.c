/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/exfil/must.h"

#include <stdio.h>
#include <stdlib.h>

#include "vault/err.h"

void
must_ok(int err, const char *what)
{
	if (err == 0)
		return;
	fprintf(stderr, "exfil: %s: %s\n", what, err_text(err));
	abort();
}

void *
must_calloc(size_t n, size_t size)
{
	void *p = calloc(n, size);

	if (p == NULL)
		must_ok(ERR_NOMEM, "calloc");
	return p;
}

void *
must_grow(void *p, size_t n, size_t size)
{
	void *q;

	if ((n & (n - 1)) != 0)
		return p;
	q = reallocarray(p, n == 0 ? 1 : 2 * n, size);
	if (q == NULL)
		must_ok(ERR_NOMEM, "realloc");
	return q;
}
