/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_PAPER_H
#define WEIR_PAPER_H

#include <stddef.h>

#include "vault/owned.h"

/*
 * The files that commands write for people to keep, and others take: what one
 * is that the wrong command was given.
 */
enum paper {
	PAPER_UNKNOWN,
	PAPER_PROOF,
	PAPER_CERTIFICATE,
	PAPER_CHECKPOINT,
	PAPER_BUNDLE,
};

/* By how it begins and which type it claims; it may be unsound. */
enum paper paper_of(const void *bytes, size_t n);

/*
 * Say that path, which was to be one, is none: which other one it is and which
 * command takes that; else why, and which command writes one.  Returns err.
 */
int paper_refuse(const char *path, const void *bytes, size_t n,
    enum paper wanted, const char *why, int err) MUST_USE;

#endif
