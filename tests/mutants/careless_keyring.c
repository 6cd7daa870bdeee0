/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nothing-lost, of unlocking secrets: test_keyring_edit over a keyring with one
 * hole, which WEIR_MUTANT names; tests/cli/secrets-mutants.sh runs each.
 */
#include <stdlib.h>
#include <string.h>

#include "keys/keyring.h"
#include "keys/keyring_next.h"
#include "vault/err.h"

int __real_keyring_prove(const void *bytes, size_t n,
    const struct unlock *secret, uint16_t but, struct keyring **out);
int __wrap_keyring_prove(const void *bytes, size_t n,
    const struct unlock *secret, uint16_t but, struct keyring **out);
int __real_keyring_next_settle(const struct file *vault,
    const struct digest *recorded, bool *same);
int __wrap_keyring_next_settle(const struct file *vault,
    const struct digest *recorded, bool *same);
int __real_keyring_next_put(const struct file *vault, const void *bytes,
    size_t n);
int __wrap_keyring_next_put(const struct file *vault, const void *bytes,
    size_t n);

static bool
mutant_is(const char *name)
{
	const char *mutant = getenv("WEIR_MUTANT");

	return mutant != NULL && strcmp(mutant, name) == 0;
}

/* What goes proves that something stays. */
int
__wrap_keyring_prove(const void *bytes, size_t n, const struct unlock *secret,
    uint16_t but, struct keyring **out)
{
	return __real_keyring_prove(bytes, n, secret,
	    mutant_is("credulous") ? 0 : but, out);
}

/* What was cut off stays so. */
int
__wrap_keyring_next_settle(const struct file *vault,
    const struct digest *recorded, bool *same)
{
	if (!mutant_is("forgetful"))
		return __real_keyring_next_settle(vault, recorded, same);
	*same = true;
	return 0;
}

/* What is written takes effect before it is recorded. */
int
__wrap_keyring_next_put(const struct file *vault, const void *bytes, size_t n)
{
	int err = __real_keyring_next_put(vault, bytes, n);

	if (err == 0 && mutant_is("hasty"))
		err = file_replace(vault, KEYRING_FILE, bytes, n,
		    KEYRING_FILE_MODE);
	return err;
}
