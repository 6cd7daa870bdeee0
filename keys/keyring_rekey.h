/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_KEYRING_REKEY_H
#define WEIR_KEYRING_REKEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keys/keyring.h"
#include "keys/keyring_edit.h"
#include "keys/keyring_slot.h"

/* A keyring file made from another one, with another root key (FORMAT.md,
 * "Changing the root key").  No files are touched. */

struct keyring_rekey {
	const uint8_t *bytes; /* the file as it is; borrowed, as all here */
	size_t length;
	/* The proof, and others whose slots stay. */
	const struct unlock *proof;
	const struct unlock *others;
	size_t count;
	/* A new recovery key, for those that go, or where too few would stay;
	 * and its slot's number, at least. */
	const struct unlock *recovery;
	uint16_t number;
	bool drop; /* other slots may go, too */
	int64_t now_ms;
};
struct keyring_rekeyed {
	uint8_t *bytes; /* from malloc */
	size_t length;
	struct keyring *next; /* without an epoch */
	uint16_t kept[KEYRING_SLOTS_MAX], dropped[KEYRING_SLOTS_MAX];
	size_t kept_count, dropped_count;
	uint16_t proved;
	struct keyring_slot added; /* number 0: none; not its sealed bytes */
};

/*
 * The new file is opened by every secret of it before it is returned.  With a
 * sentence in why: ERR_SECRET (one of the secrets opens nothing that is not
 * opened by one before it), ERR_CONFLICT (others would go), ERR_LIMIT,
 * ERR_FORMAT, ERR_INTEGRITY.
 */
int keyring_rekey(struct keyring_rekeyed *out, const struct keyring_rekey *how,
    char why[static KEYRING_EDIT_WHY]) MUST_USE;
void keyring_rekeyed_clear(struct keyring_rekeyed *r);

#endif
