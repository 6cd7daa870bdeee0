/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_KEYSLOTS_H
#define WEIR_KEYSLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keys/msg.h"
#include "vault/owned.h"
#include "vault/secret.h"

/*
 * The chunk keys that were released to this session, by version and row; a
 * bounded number of them.  When there is no room, the release that was least
 * recently used goes, all its keys wiped.  Thread-safe; the lock is held over
 * memory only.
 */
struct keyslots;

/* slots >= MSG_WINDOW_MAX: the largest release fits. */
int keyslots_new(struct keyslots **out, size_t slots) MUST_USE;
void keyslots_free(struct keyslots *k);
OWNED_TYPE(keyslots);

/* Copy the key of a row out.  False, with key untouched, if it is not held. */
bool keyslots_get(struct keyslots *k, uint16_t version, uint64_t row,
    uint8_t key[static KEY_SIZE]);

/* Whether it is held; its release does not count as used by this. */
bool keyslots_has(struct keyslots *k, uint16_t version, uint64_t row);

/* Take in the keys of rows first and on.  Those that are held already stay as
 * they are.  ERR_NOMEM, with some of them taken in. */
int keyslots_put(struct keyslots *k, uint16_t version, uint64_t first,
    const struct msg_release_reply *keys) MUST_USE;

/* Wipe them all. */
void keyslots_wipe(struct keyslots *k);

#endif
