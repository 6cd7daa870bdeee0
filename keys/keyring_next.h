/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_KEYRING_NEXT_H
#define WEIR_KEYRING_NEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "vault/digest.h"
#include "vault/file.h"
#include "vault/owned.h"

/*
 * How a keyring file becomes another one (FORMAT.md, "Changing slots"): it is
 * put beside, recorded, and takes the other's place; whatever is killed when.
 */

/* Put it beside, synced; nothing has changed. */
int keyring_next_put(const struct file *vault, const void *bytes, size_t n)
    MUST_USE;

/* It is recorded: it takes the keyring's place. */
int keyring_next_take(const struct file *vault) MUST_USE;

/* It was not recorded. */
int keyring_next_drop(const struct file *vault) MUST_USE;

/*
 * At start: finish or undo what was cut off, by the digest that the trail has
 * last (NULL: none).  *same: the keyring is the one of that digest, or none is
 * recorded.
 */
int keyring_next_settle(const struct file *vault, const struct digest *recorded,
    bool *same) MUST_USE;

#endif
