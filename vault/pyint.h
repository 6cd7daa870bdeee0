/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_PYINT_H
#define WEIR_PYINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/owned.h"

#define PYINT_MAX (UINT32_MAX - 1)

/*
 * A number that is not negative, written in n bytes as Python 3 takes it where
 * a pickle has one in a line: white space, a sign, digits with single
 * underscores between them, white space (Language Reference, 2.4.5, and int()).
 * Its unpickler in C (PyLong_FromString) looks no further than to a NUL; the
 * one in Python stops at a NUL, and what it does not take is no matter.
 *
 * cut: bytes behind these are not known.  ERR_FORMAT: Python takes it for no
 * such number, whatever follows.  ERR_LIMIT: it may, and it is beyond PYINT_MAX
 * or goes on in what was cut.
 */
int pyint_read(const char *text, size_t n, bool cut, uint64_t *out) MUST_USE;

#endif
