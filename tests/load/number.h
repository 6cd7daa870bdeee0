/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_LOAD_NUMBER_H
#define WEIR_LOAD_NUMBER_H

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

/* An argument that is a number, 0 to INT_MAX; whatever else ends the program
 * with 1. */
static inline int
number(const char *text)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (end == text || *end != '\0' || n < 0 || n > INT_MAX) {
		fprintf(stderr, "not a number: %s\n", text);
		exit(1);
	}
	return (int)n;
}

#endif
