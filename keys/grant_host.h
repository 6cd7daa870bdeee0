/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_GRANT_HOST_H
#define WEIR_GRANT_HOST_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Patterns of host names (PROTOCOL.md, "Hosts"), a blank between two: '*'
 * stands for any characters, '?' for one, and letters are the same small and
 * large.  Pure, and in time that grows with the product of the lengths at most.
 */
#define GRANT_HOSTS_MAX 16
#define GRANT_HOST_MAX 253 /* bytes of a pattern: what a name may have */
#define GRANT_HOSTS_SIZE 1024

/* NULL, or a sentence that says what is wrong.  Empty is well: any host. */
const char *grant_host_wrong(const char *patterns);

/* Whether one of them is of this name; an empty list is of all names. */
bool grant_host_matches(const char *patterns, const char *host);

#endif
