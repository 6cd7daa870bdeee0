/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_KEYRING_SLOT_H
#define WEIR_KEYRING_SLOT_H

#include <stdbool.h>
#include <stdint.h>

#include "keys/keyring.h"
#include "vault/reader.h"
#include "vault/sealed.h"
#include "vault/writer.h"

/* One slot of a keyring (FORMAT.md, "Keyring"): the root key sealed under an
 * unlocking secret.  For keyring*.c. */

#define KEYRING_SLOT_NAME 16

struct keyring_slot {
	enum unlock_kind kind;
	uint16_t number; /* 0, when it is read: its place */
	char name[KEYRING_SLOT_NAME + 1];
	uint64_t created; /* seconds since 1970 */
	struct keyring_cost cost;
	struct reader sealed; /* the sealed record, borrowed */
};

/* A keyring file's head and slots; after them r is where its body begins. */
struct keyring_slots {
	uint8_t vault[16];
	uint16_t count;
	struct keyring_slot items[KEYRING_SLOTS_MAX];
};
int keyring_slots_read(struct keyring_slots *out, struct reader *r) MUST_USE;
/* The body behind them, under k's root key (keyring.c). */
int keyring_body_write(struct writer *w, const struct keyring *k) MUST_USE;
void keyring_slots_begin(struct writer *w, const uint8_t vault[static 16],
    uint16_t count);

/* Seal root under secret, and append the slot to w. */
int keyring_slot_write(struct writer *w, const struct keyring_slot *slot,
    const struct unlock *secret, const struct root_key *root) MUST_USE;

/* A slot that was read, as it is but for its number. */
void keyring_slot_copy(struct writer *w, const struct keyring_slot *slot);

/* The slot at r.  ERR_FORMAT, ERR_LIMIT (a cost out of bounds). */
int keyring_slot_read(struct keyring_slot *out, struct reader *r) MUST_USE;

/* Whether a secret of this kind can be one of the slot's. */
bool keyring_slot_takes(const struct keyring_slot *slot,
    const struct unlock *secret);

/* ERR_SECRET when the secret is not the slot's. */
int keyring_slot_open(const struct keyring_slot *slot,
    const struct unlock *secret, struct root_key **out) MUST_USE;

/*
 * A passphrase as a key: Argon2id over a salt that the sealed record's gives
 * (FORMAT.md, "Keyring").  cost must be in bounds.  ERR_NOMEM, said.
 */
int keyring_slot_stretch(uint8_t out[static KEY_SIZE],
    const struct keyring_cost *cost, const struct secret_text *passphrase,
    const uint8_t salt[static SEALED_SALT]) MUST_USE;
bool keyring_slot_cost_ok(const struct keyring_cost *c);
/* The default for what is 0. */
struct keyring_cost keyring_slot_cost(const struct keyring_cost *wanted);

/* A recovery key of 32 bytes as text: base32 in groups of four.  And back:
 * ERR_FORMAT; case, blanks and dashes do not matter. */
int keyring_slot_recovery(const uint8_t key[static KEY_SIZE],
    struct secret_text **out) MUST_USE;
int keyring_slot_recovery_parse(uint8_t out[static KEY_SIZE],
    const struct secret_text *text) MUST_USE;

#endif
