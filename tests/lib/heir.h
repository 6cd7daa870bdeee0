/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_HEIR_H
#define WEIR_HEIR_H

#include <stddef.h>

/*
 * Keys that a child inherits, for tests that make and kill a process by fork
 * alone.  Who includes this is linked with them in place of vault/guarded.h's.
 */
int __wrap_guarded_new(void **out, size_t n);
void __wrap_guarded_seal(void *p);
void __wrap_guarded_free(void *p);

#endif
