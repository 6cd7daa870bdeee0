/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "keys/keyring.h"
#include "keys/keyring_edit.h"
#include "keys/keyring_slot.h"
#include "tests/fuzz/fuzz.h"
#include "vault/log.h"

#define KEY_FILE "the content of a key file, 42 bytes long.."

static void
ignore(void *arg, const char *line)
{
	(void)arg;
	(void)line;
}

/* A keyring, an epoch file behind it, and the key file of the vectors; the
 * same bytes as slots. */
int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	const uint8_t *epoch = memmem(bytes, n, "weirepo\n", 8);
	struct keyring_bytes both = { .keyring = bytes, .keyring_length = n };
	OWNED_UNLOCK secret = { .kind = UNLOCK_KEY_FILE };
	struct reader r = reader_of(bytes, n);
	OWNED(keyring) k = NULL;
	struct keyring_slot slot;
	struct keyring_edit edit = { .bytes = bytes, .length = n };
	struct keyring_edited edited;
	char why[KEYRING_EDIT_WHY];

	log_sink(ignore, NULL);
	if (epoch != NULL) {
		both.keyring_length = (size_t)(epoch - bytes);
		both.epoch = epoch;
		both.epoch_length = n - both.keyring_length;
	}
	if (secret_init() != 0 ||
	    secret_text_from(&secret.secret, KEY_FILE, strlen(KEY_FILE)) != 0)
		return 0;
	(void)!keyring_parse(&both, &secret, &k);
	edit.proof = edit.fresh = &secret;
	if (keyring_edit(&edited, &edit, why) == 0)
		keyring_edited_clear(&edited);
	while (keyring_slot_read(&slot, &r) == 0)
		continue;
	return 0;
}
