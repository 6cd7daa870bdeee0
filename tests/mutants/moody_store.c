/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weir-mount-moody: a mount whose store fails while it has an object whose
 * name is all ones.
 */
#include <string.h>

#include "vault/err.h"
#include "vault/log.h"
#include "vault/store.h"

int __real_store_get(struct store *s, const struct digest *name,
    uint64_t offset, void *buf, size_t n, size_t *got);
int __wrap_store_get(struct store *s, const struct digest *name,
    uint64_t offset, void *buf, size_t n, size_t *got);

int
__wrap_store_get(struct store *s, const struct digest *name, uint64_t offset,
    void *buf, size_t n, size_t *got)
{
	struct digest ones;
	uint64_t size;

	memset(ones.bytes, 0xff, sizeof(ones.bytes));
	if (store_has(s, &ones, &size) == 0)
		return log_err(ERR_IO, "the store is moody");
	return __real_store_get(s, name, offset, buf, n, got);
}
