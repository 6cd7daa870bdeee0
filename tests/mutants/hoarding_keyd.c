/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shred-is-final: a keyd that stays in its epoch: keys are wrapped anew, the
 * file that says so is written, and the key is the old one.
 */
#include "vault/secret.h"

#include "keys/keyring.h"
#include "keys/keyring_epoch.h"

int __wrap_keyring_epoch_begin(const struct keyring *k,
    const struct file *vault, struct keyring *next);

int
__wrap_keyring_epoch_begin(const struct keyring *k, const struct file *vault,
    struct keyring *next)
{
	struct keyring n = *k;
	int err = epoch_key_from(&n.epoch, epoch_key_bytes(k->epoch));

	n.epoch_number++;
	if (err == 0)
		err = keyring_epoch_put(vault, KEYRING_EPOCH_NEXT_FILE, &n);
	if (err == 0)
		*next = n;
	return err;
}
