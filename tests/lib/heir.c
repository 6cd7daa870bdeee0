/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/heir.h"

#include <stdlib.h>

#include "vault/err.h"

int
__wrap_guarded_new(void **out, size_t n)
{
	*out = calloc(1, n);
	return *out != NULL ? 0 : ERR_NOMEM;
}

void
__wrap_guarded_seal(void *p)
{
	(void)p;
}

void
__wrap_guarded_free(void *p)
{
	free(p);
}
