/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weir-mount-hanging: a mount whose store does not answer while it has an
 * object whose name is all ones; with WEIR_MUTANT=keep what it was asked
 * for is not failed at the end of the session, and
 * tests/cli/revocation.sh must find it out.
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "fuse/jobs.h"
#include "vault/store.h"

#define STEP_MS 20

int __real_store_get(struct store *s, const struct digest *name,
    uint64_t offset, void *buf, size_t n, size_t *got);
int __wrap_store_get(struct store *s, const struct digest *name,
    uint64_t offset, void *buf, size_t n, size_t *got);
void __real_jobs_fail_all(struct jobs *s);
void __wrap_jobs_fail_all(struct jobs *s);

int
__wrap_store_get(struct store *s, const struct digest *name, uint64_t offset,
    void *buf, size_t n, size_t *got)
{
	struct digest ones;
	uint64_t size;

	memset(ones.bytes, 0xff, sizeof(ones.bytes));
	while (store_has(s, &ones, &size) == 0)
		(void)poll(NULL, 0, STEP_MS);
	return __real_store_get(s, name, offset, buf, n, got);
}

void
__wrap_jobs_fail_all(struct jobs *s)
{
	const char *hole = getenv("WEIR_MUTANT");

	if (hole == NULL || strcmp(hole, "keep") != 0)
		__real_jobs_fail_all(s);
}
