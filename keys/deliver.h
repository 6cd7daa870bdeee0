/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_DELIVER_H
#define WEIR_DELIVER_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keys/watch.h"
#include "vault/owned.h"
#include "vault/why.h"

/*
 * Where alerts are taken to besides the trail and the journal: section
 * [deliver] of watch.ini (docs/alerts.md).  No I/O.
 */

#define DELIVER_URL_MAX 2047

struct deliver {
	char hook[PATH_MAX]; /* a program; empty: none */
	char webhook[DELIVER_URL_MAX + 1];
	char webhook_ca[PATH_MAX];    /* instead of the system's */
	uint32_t hook_timeout;	      /* seconds */
	uint32_t webhook_timeout;     /* seconds */
	uint32_t keep;		      /* that wait, for each of the two */
	enum watch_severity severity; /* the least that is taken anywhere */
};

void deliver_default(struct deliver *out);

/* The section of a text whose other sections are somebody else's.  ERR_FORMAT
 * with "line 7: ..." in why. */
int deliver_parse(struct deliver *out, const char *text, size_t n,
    const struct why *why) MUST_USE;

#endif
