/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_UNLOCK_H
#define WEIR_UNLOCK_H

#include <stdbool.h>

#include "vault/owned.h"
#include "vault/secret.h"

/* A secret that unlocks a vault: where it is from, how a child is given it. */
enum unlock_kind {
	UNLOCK_PASSPHRASE = 1,
	UNLOCK_KEY_FILE = 2,
	UNLOCK_RECOVERY = 3, /* secret is the text that init printed */
};

#define UNLOCK_KEY_MIN 32
#define UNLOCK_MAX 4096 /* bytes of any secret */

struct unlock {
	enum unlock_kind kind;
	struct secret_text *secret;
};

/*
 * Where an unlocking secret comes from.  In this order: passphrase_file,
 * key_file, WEIR_PASSPHRASE_FILE, WEIR_KEY_FILE,
 * $CREDENTIALS_DIRECTORY/weir-unlock (a passphrase) or weir-unlock.key (a key
 * file), a prompt on the terminal.  Never from argv.  One trailing newline of a
 * passphrase file is dropped.
 */
struct unlock_source {
	const char *passphrase_file;
	const char *key_file;
	bool no_prompt;
	bool named_only; /* nothing from the environment */
	/* One that is there already, borrowed; NULL: none. */
	const struct unlock *given;
	const char *unit; /* unlock_unit: for what is said when there is none */
};

/* ERR_SECRET, with a line that lists the ways, when there is none.  twice:
 * a prompt asks again: the secret is for a vault that is to be made. */
int unlock_load(struct unlock *out, const struct unlock_source *s, bool twice)
    MUST_USE;
/* The instance of weir-keyd@.service that serves this vault, NAME
 * where a drop-in says which vault it is; NULL where no unit has
 * started us.  Borrowed. */
const char *unlock_unit(const char *vault);
void unlock_clear(struct unlock *u);
#define OWNED_UNLOCK __attribute__((cleanup(unlock_clear))) struct unlock

/* Hand one to a child and take it over a pipe or socket. */
int unlock_send(int fd, const struct unlock *u) MUST_USE;
int unlock_receive(struct unlock *out, int fd) MUST_USE;

#endif
