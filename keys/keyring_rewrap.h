/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_KEYRING_REWRAP_H
#define WEIR_KEYRING_REWRAP_H

#include "keys/catalogue.h"
#include "keys/keyring.h"

/* The catalogue's keys, wrapped by another keyring (FORMAT.md, "Epochs",
 * "Changing the root key"). */

/* Whether all of them open, families' too if told so.  ERR_INTEGRITY, said. */
int keyring_rewrap_look(struct catalogue *c, const struct keyring *k,
    bool families) MUST_USE;

/* Version keys go over to another epoch, families to another root key if told
 * so, and the log of the old ones is emptied. */
int keyring_rewrap(struct catalogue *c, const struct keyring *from,
    const struct keyring *to, bool families) MUST_USE;

/*
 * A rekey that is recorded, to its end, from wherever it is: in the catalogue,
 * the vault's files, and k, which takes over next's keys.
 */
int keyring_rewrap_finish(struct catalogue *c, const struct file *vault,
    struct keyring *k, struct keyring *next) MUST_USE;

#endif
