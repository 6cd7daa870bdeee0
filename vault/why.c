/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/why.h"

#include <stdarg.h>
#include <stdio.h>

int
why_say(const struct why *w, int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	if (w->size > 0 && vsnprintf(w->text, w->size, fmt, args) < 0)
		w->text[0] = '\0';
	va_end(args);
	return err;
}
