/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_GUARDED_H
#define WEIR_GUARDED_H

#include <stdbool.h>
#include <stddef.h>

#include "vault/owned.h"

/*
 * Memory for secrets: between guard pages, in no core, never swapped, not
 * there in a child, wiped when freed.  Where the kernel has memfd_secret it is
 * taken out of the kernel's own map, too: no other process reads it, nor root
 * through /proc/PID/mem or ptrace, and the host does not hibernate meanwhile.
 * Elsewhere it is locked (mlock).
 */

/* n > 0 bytes of zeros, which end where a guard page begins: align n to get an
 * aligned address.  ERR_NOMEM, with a line. */
int guarded_new(void **out, size_t n) MUST_USE;

/* From now on it can be read only. */
void guarded_seal(void *p);

/* Wipe and free.  NULL does nothing. */
void guarded_free(void *p);

enum guarded_kind { GUARDED_LOCKED, GUARDED_SECRET };

/* Which of the two p is; and which one this process gets just now. */
enum guarded_kind guarded_kind(const void *p);
enum guarded_kind guarded_probe(void);

/* "memfd_secret", "mlock". */
const char *guarded_name(enum guarded_kind kind);

#endif
