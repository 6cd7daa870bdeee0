/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_broker_rekey over a change of the root key with one hole, which
 * WEIR_MUTANT names; tests/cli/secrets-mutants.sh runs each.
 */
#include <stdlib.h>
#include <string.h>

#include "keys/keyring_epoch.h"
#include "keys/keyring_next.h"
#include "keys/keyring_rewrap.h"

int __real_keyring_rewrap(struct catalogue *c, const struct keyring *from,
    const struct keyring *to, bool families);
int __wrap_keyring_rewrap(struct catalogue *c, const struct keyring *from,
    const struct keyring *to, bool families);
int __real_keyring_epoch_begin(const struct keyring *k,
    const struct file *vault, struct keyring *next);
int __wrap_keyring_epoch_begin(const struct keyring *k,
    const struct file *vault, struct keyring *next);
int __real_keyring_next_put(const struct file *vault, const void *bytes,
    size_t n);
int __wrap_keyring_next_put(const struct file *vault, const void *bytes,
    size_t n);
int __real_keyring_rewrap_finish(struct catalogue *c, const struct file *vault,
    struct keyring *k, struct keyring *next);
int __wrap_keyring_rewrap_finish(struct catalogue *c, const struct file *vault,
    struct keyring *k, struct keyring *next);

static bool
mutant_is(const char *name)
{
	const char *mutant = getenv("WEIR_MUTANT");

	return mutant != NULL && strcmp(mutant, name) == 0;
}

/* The old wraps of families stay. */
int
__wrap_keyring_rewrap(struct catalogue *c, const struct keyring *from,
    const struct keyring *to, bool families)
{
	return __real_keyring_rewrap(c, from, to,
	    families && !mutant_is("lazy"));
}

/* The old key under another number. */
int
__wrap_keyring_epoch_begin(const struct keyring *k, const struct file *vault,
    struct keyring *next)
{
	struct keyring n = *k;
	int err;

	if (!mutant_is("hoarding"))
		return __real_keyring_epoch_begin(k, vault, next);
	err = epoch_key_from(&n.epoch, epoch_key_bytes(k->epoch));
	n.epoch_number++;
	if (err == 0)
		err = keyring_epoch_put(vault, KEYRING_EPOCH_NEXT_FILE, &n);
	if (err == 0)
		*next = n;
	return err;
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

/* The keyring changes, and the catalogue is left for later. */
int
__wrap_keyring_rewrap_finish(struct catalogue *c, const struct file *vault,
    struct keyring *k, struct keyring *next)
{
	int err;

	if (!mutant_is("half"))
		return __real_keyring_rewrap_finish(c, vault, k, next);
	err = keyring_next_take(vault);
	return err == 0 ? keyring_epoch_take(vault) : err;
}
