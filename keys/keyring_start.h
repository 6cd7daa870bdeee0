/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_KEYRING_START_H
#define WEIR_KEYRING_START_H

#include "keys/catalogue.h"
#include "keys/keyring.h"
#include "keys/vaultdir.h"

/*
 * When keyd starts, and the catalogue is what the trail says: a change of the
 * unlocking secrets or of the root key that was cut off is finished or undone,
 * and what a backup left in run/ goes.  ERR_SECRET, said: k was opened by a
 * secret that was never taken over, or was left out.
 */
int keyring_start_settle(const struct vaultdir *v, struct catalogue *c,
    struct keyring *k) MUST_USE;

#endif
