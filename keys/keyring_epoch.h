/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_KEYRING_EPOCH_H
#define WEIR_KEYRING_EPOCH_H

#include <stdint.h>

#include "keys/keyring.h"
#include "vault/reader.h"

/*
 * The epoch file, and its change when a version is shredded (FORMAT.md,
 * "Epochs").  Which epoch is in force is what the catalogue says: its
 * keys are wrapped under it.
 */

/* The keyring's epoch, under this name; and from a file's bytes. */
int keyring_epoch_put(const struct file *vault, const char *name,
    const struct keyring *k) MUST_USE;
int keyring_epoch_read(struct keyring *k, struct reader *r) MUST_USE;

/* A new epoch's key, put beside the one in force: *next is the keyring with it
 * (its other keys are k's, borrowed; keyring_epoch_free). */
int keyring_epoch_begin(const struct keyring *k, const struct file *vault,
    struct keyring *next) MUST_USE;
void keyring_epoch_free(struct keyring *next);

/*
 * The new epoch takes the old one's place, in the vault and in k; the old key
 * is destroyed.  Once the catalogue is wrapped under it: there is no way back.
 */
int keyring_epoch_end(struct keyring *k, const struct file *vault,
    struct keyring *next) MUST_USE;

/* The file that keyring_epoch_begin put beside takes its place;
 * keyring_epoch_end does it, too. */
int keyring_epoch_take(const struct file *vault) MUST_USE;

/*
 * At start: finish or undo what was cut off, by the number in force (0: the
 * first).  ERR_INTEGRITY, said, when the epoch's file and the catalogue are of
 * different times.
 */
int keyring_epoch_settle(struct keyring *k, const struct file *vault,
    uint64_t in_force) MUST_USE;

#endif
