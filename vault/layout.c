/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/layout.h"

#include <stdlib.h>
#include <string.h>

#include "vault/err.h"
#include "vault/log.h"
#include "vault/size.h"

static int
compare(const void *va, const void *vb)
{
	const char *const *a = va;
	const char *const *b = vb;

	return strcmp(*a, *b);
}

int
layout_names(const struct tensor_list *l, const struct why *why)
{
	OWNED_MEM(const char *) names = NULL;
	char shown[WHY_NAME];

	if (l->count < 2)
		return 0;
	names = reallocarray(NULL, l->count, sizeof(*names));
	if (names == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < l->count; i++)
		names[i] = l->items[i].name;
	qsort(names, l->count, sizeof(*names), compare);

	for (size_t i = 1; i < l->count; i++)
		if (strcmp(names[i - 1], names[i]) == 0)
			return why_say(why, ERR_FORMAT,
			    "tensor '%s': there are two of this name",
			    log_name(shown, sizeof(shown), names[i],
				strlen(names[i])));
	return 0;
}

int
layout_elements(const struct tensor *t, uint64_t *out)
{
	uint64_t n = 1;

	for (unsigned int i = 0; i < t->dims; i++)
		if (!size_mul(n, t->shape[i], &n))
			return ERR_FORMAT;
	*out = n;
	return 0;
}
