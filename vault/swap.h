/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_SWAP_H
#define WEIR_SWAP_H

#include <stdbool.h>
#include <stddef.h>

#include "vault/owned.h"

/*
 * Where the kernel may write memory.  Keys are kept out of it (guarded.h), but
 * not all that is near them: swap that is not encrypted is refused until
 * somebody says that it is to be had.  Encrypted is what lies on dm-crypt, also
 * below LVM or a file system, and zram that has no disk behind it.
 */

#define SWAP_NAME 256

/* Whether there is some that is not, and which.  root is "" but in tests. */
bool swap_find(const char *root, char name[static SWAP_NAME]);

/* Let it be, in this process and those that it starts (WEIR_ALLOW_SWAP). */
void swap_allow(void);

/* ERR_DENIED, with a line, where there is some and nobody has allowed it. */
int swap_check(void) MUST_USE;

#endif
