/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_WHY_H
#define WEIR_WHY_H

#include <stddef.h>

#include "vault/owned.h"

/*
 * Why bytes from outside were refused: one line for people, into the caller's
 * buffer ("tensor 'x': the shape has 9 dimensions").  Names from outside are
 * escaped (log_name) by whoever says them.
 */
struct why {
	char *text; /* may be NULL when size is 0 */
	size_t size;
};

/* How much of a name from outside is shown. */
#define WHY_NAME 128

/* Write the line, cut to fit, and return err. */
int why_say(const struct why *w, int err, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

#endif
