/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_EXFIL_MUST_H
#define WEIR_EXFIL_MUST_H

#include <stddef.h>

/*
 * A simulation that cannot go on says why and aborts: what it would print is
 * worth nothing.
 */
void must_ok(int err, const char *what);
void *must_calloc(size_t n, size_t size);
/* Room for one more of these: doubles when n is a power of two. */
void *must_grow(void *p, size_t n, size_t size);

#endif
