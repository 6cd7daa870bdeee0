/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_PASSPHRASE_H
#define WEIR_PASSPHRASE_H

#include <stdbool.h>

#include "vault/owned.h"
#include "vault/secret.h"

#define PASSPHRASE_MAX 4096

/*
 * The passphrase of a person's key: from file (--key-passphrase-file), else
 * WEIR_KEY_PASSPHRASE_FILE, else asked for on the terminal, twice for a new
 * one.  One trailing newline of a file is dropped.  whose is for the prompt.
 * ERR_SECRET, said.
 */
int passphrase_load(struct secret_text **out, const char *file,
    const char *whose, bool twice) MUST_USE;

#endif
