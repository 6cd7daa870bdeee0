/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_KEYRING_H
#define WEIR_KEYRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keys/unlock.h"
#include "vault/file.h"
#include "vault/owned.h"
#include "vault/secret.h"

/* The keyring and epoch files (FORMAT.md, "Keyring"). */

#define KEYRING_FILE "keyring"
#define KEYRING_EPOCH_FILE "epoch"
#define KEYRING_NEXT_FILE "keyring.next"
#define KEYRING_EPOCH_NEXT_FILE "epoch.next"
#define KEYRING_EPOCH_OLD_FILE "epoch.old"
#define KEYRING_SLOTS_MAX 32
#define KEYRING_FILE_MAX (16U << 10)
#define KEYRING_FILE_MODE 0600

struct keyring {
	uint8_t vault[16];
	struct root_key *root;
	struct sign_key *log_seed;
	struct page_key *index_secret; /* for session tokens */
	uint64_t epoch_number;
	struct epoch_key *epoch;
	uint16_t slot;	 /* the one that was opened */
	bool next;	 /* it is one of KEYRING_NEXT_FILE (keyring_next.h) */
	bool epoch_next; /* the epoch is of KEYRING_EPOCH_NEXT_FILE */
	/* What a rekey that was cut off was about to make of it, as far as the
	 * same secret opens that; or NULL. */
	struct keyring *after;
};

/* What a passphrase costs to try (Argon2id).  Zeros: 3 passes over 256 MiB. */
struct keyring_cost {
	uint32_t passes;
	uint64_t memory; /* bytes */
};

/*
 * Make both files beneath the vault directory with a slot for `first` and a
 * recovery slot; *recovery gets the recovery key's text (base32 in groups),
 * which exists nowhere else.  The caller frees both.
 */
struct keyring_init {
	const struct file *vault;
	uint8_t id[16];
	const struct unlock *first;
	struct keyring_cost cost;
	int64_t created_ms;
};
int keyring_init(const struct keyring_init *how, struct keyring **out,
    struct secret_text **recovery) MUST_USE;

/* Open with one unlocking secret: every slot of its kind is tried, and with
 * a passphrase that is a recovery key's text the recovery slots too.
 * ERR_SECRET when none fits. */
int keyring_open(const struct file *vault, const struct unlock *secret,
    struct keyring **out) MUST_USE;
void keyring_free(struct keyring *k);
OWNED_TYPE(keyring);

/*
 * Let go of all keys but the log's seed; and have them again, from one that was
 * opened since, of the same vault and epoch, or one that takes its place; it is
 * left without them.
 */
void keyring_lock(struct keyring *k);
bool keyring_locked(const struct keyring *k);
bool keyring_same(const struct keyring *k, const struct keyring *fresh);
void keyring_unlock(struct keyring *k, struct keyring *fresh);

/* One with another root key and no epoch; the log's seed and the
 * index secret are k's. */
int keyring_renew(const struct keyring *k, struct keyring **out) MUST_USE;

/* The parts of keyring_open that need no file: the bytes of both. */
struct keyring_bytes {
	const void *keyring;
	size_t keyring_length;
	const void *epoch;
	size_t epoch_length;
};
int keyring_parse(const struct keyring_bytes *bytes,
    const struct unlock *secret, struct keyring **out) MUST_USE;

/*
 * Whether a secret opens the keyring file in bytes, by another slot than number
 * `but` (0: by any): a keyring without its epoch.  ERR_SECRET, not logged.
 */
int keyring_prove(const void *bytes, size_t n, const struct unlock *secret,
    uint16_t but, struct keyring **out) MUST_USE;

/* Wrap and open version keys (under the epoch key) and family keys (under
 * the root key): sealed records.  The caller frees *out.  ERR_SECRET: it is
 * locked. */
int keyring_wrap_version(const struct keyring *k, uint64_t upload,
    const struct version_key *key, uint8_t **out, size_t *length) MUST_USE;
int keyring_open_version(const struct keyring *k, uint64_t upload,
    const uint8_t *wrapped, size_t length, struct version_key **out) MUST_USE;
int keyring_wrap_family(const struct keyring *k, const char *family,
    const struct family_key *key, uint8_t **out, size_t *length) MUST_USE;
int keyring_open_family(const struct keyring *k, const char *family,
    const uint8_t *wrapped, size_t length, struct family_key **out) MUST_USE;

#endif
