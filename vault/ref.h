/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_REF_H
#define WEIR_REF_H

#include <stdbool.h>

#include "vault/owned.h"

/* References: name[:channel|@digest].  One parser for all programs. */

#define REF_NAME_MAX 128
#define REF_CHANNEL_MAX 32
#define REF_DIGITS_MIN 8

struct ref {
	char name[REF_NAME_MAX + 1];	   /* [a-z0-9._-]+(/[a-z0-9._-]+)? */
	char channel[REF_CHANNEL_MAX + 1]; /* empty: none given */
	char digits[65]; /* 8 to 64 lowercase hex; empty: none given */
};

/* ERR_FORMAT.  A component may not be "." or ".."; nor begin with '.'. */
int ref_parse(struct ref *out, const char *text) MUST_USE;

/* A bare model name: no channel, no digits. */
bool ref_name_ok(const char *name);
bool ref_channel_ok(const char *channel);

/* user:<name>, as accounts are named: [A-Za-z0-9._@-]+, at most 64. */
#define REF_PRINCIPAL_MAX 80
bool ref_principal_ok(const char *principal);

#endif
