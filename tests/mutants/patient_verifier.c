/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weir-keyd-patient: a keyd that takes its time to read objects, and waits with
 * each as long as the store has one whose name is that with every bit turned:
 * so tests/cli/verify-before-sign.sh kills it while its verifier is at work.
 */
#include <poll.h>

#include "vault/store.h"

#define STEP_MS 20

int __real_store_get(struct store *s, const struct digest *name,
    uint64_t offset, void *buf, size_t n, size_t *got);
int __wrap_store_get(struct store *s, const struct digest *name,
    uint64_t offset, void *buf, size_t n, size_t *got);

int
__wrap_store_get(struct store *s, const struct digest *name, uint64_t offset,
    void *buf, size_t n, size_t *got)
{
	struct digest turned = *name;
	uint64_t size;

	for (size_t i = 0; i < sizeof(turned.bytes); i++)
		turned.bytes[i] ^= 0xff;
	(void)poll(NULL, 0, 1);
	while (store_has(s, &turned, &size) == 0)
		(void)poll(NULL, 0, STEP_MS);
	return __real_store_get(s, name, offset, buf, n, got);
}
