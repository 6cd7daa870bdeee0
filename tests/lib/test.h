/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TEST_H
#define WEIR_TEST_H

/* cmocka, with what it wants included before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* A log_sink, for tests of what is said elsewhere. */
static inline void
test_hush(void *arg, const char *line)
{
	(void)arg;
	(void)line;
}

#endif
