/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_XATTRS_H
#define WEIR_XATTRS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fuse/tree.h"
#include "vault/digest.h"

/*
 * Extended attributes of what a mount shows:
 *
 *	user.weir.version	files and directories of a version: 64 digits
 *	user.weir.sha256	files
 *	user.weir.signed_by	files of a signed version: "carol, dave"
 *	user.weir.serial	files, where a channel was mounted
 *
 * The kernel lets nobody read such of a symbolic link: it has none.
 */

#define XATTRS_SIGNERS 200

/* What vouches for a version. */
struct xattrs_mark {
	uint64_t serial;		/* 0: named by its digest */
	char signed_by[XATTRS_SIGNERS]; /* cut with "..."; empty: nobody */
};

/* Names as they are shown elsewhere; NULL: unsigned. */
void xattrs_signers(struct xattrs_mark *m, const char *signed_by);

struct xattrs_of {
	const struct tree_item *item;
	const struct digest *version;
	const struct xattrs_mark *mark;
};

/* False: there is no such attribute. */
bool xattrs_value(const struct xattrs_of *x, const char *name,
    char value[static XATTRS_SIGNERS]);

/* Names, each with its NUL; how many bytes. */
#define XATTRS_NAMES 128
size_t xattrs_list(const struct xattrs_of *x, char names[static XATTRS_NAMES]);

#endif
