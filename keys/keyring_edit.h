/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_KEYRING_EDIT_H
#define WEIR_KEYRING_EDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keys/keyring.h"
#include "keys/keyring_slot.h"
#include "vault/owned.h"

/* A keyring file made from another one, with other slots (FORMAT.md,
 * "Keyring").  No files are touched. */

#define KEYRING_SLOTS_LEAST 2
#define KEYRING_EDIT_WHY 256

struct keyring_edit {
	const uint8_t *bytes; /* the file as it is; borrowed, as all here */
	size_t length;
	const struct unlock *proof; /* opens it */
	const struct unlock *fresh; /* the secret of a slot to add; or NULL */
	const char *label;	    /* of that one; NULL or "": one is made */
	uint16_t number;	    /* of that one, at least */
	struct keyring_cost cost;   /* of that one; zeros: the default */
	int64_t now_ms;
	/* A slot to leave out, by number or label; "" with fresh: the one that
	 * proof opens; or NULL. */
	const char *drop;
};
/* What came of it. */
struct keyring_edited {
	uint8_t *bytes; /* from malloc */
	size_t length;
	uint16_t proved;		    /* the slot that the proof opened */
	struct keyring_slot added, dropped; /* number 0: none; not their sealed
					     * bytes */
};

/*
 * The new file is opened before it is returned, by fresh or else by proof.
 * With a sentence in why: ERR_SECRET (the proof opens nothing), ERR_NOT_FOUND
 * (no slot `drop`), ERR_CONFLICT (too few slots left, the proof is of the only
 * slot that is to go, the label is taken, fresh opens it already), ERR_LIMIT
 * (too many slots), ERR_USAGE (no label), ERR_FORMAT, ERR_INTEGRITY.
 */
int keyring_edit(struct keyring_edited *out, const struct keyring_edit *how,
    char why[static KEYRING_EDIT_WHY]) MUST_USE;
void keyring_edited_clear(struct keyring_edited *e);

/* "passphrase", "key-file", "recovery". */
const char *keyring_kind_name(enum unlock_kind kind);

#endif
