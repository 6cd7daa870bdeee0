/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_EXTRACT_H
#define WEIR_EXTRACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/secret.h"
#include "vault/version.h"

/* A version's tree written out as plain files (`weir get`). */

struct extract_keys {
	/* Keys of rows first .. first + count, in keys; count <= window.  The
	 * rows are of one file. */
	int (*release)(void *arg, uint64_t first, uint32_t count,
	    uint8_t (*keys)[KEY_SIZE]);
	void *arg;
	uint32_t window; /* 1 .. 64 */
};

/* A file besides those of the version, in its root. */
struct extract_extra {
	const char *name;
	const void *bytes;
	size_t length;
};

struct extract_how {
	struct version *version;
	const struct extract_keys *keys;
	const char *dest; /* made; must not exist, or be an empty directory,
			     which then keeps its own mode */
	const struct extract_extra *extra; /* may be NULL; left out when the
					      version has something there */
	void (*progress)(void *arg, uint64_t done, uint64_t total);
	void *progress_arg;
	bool *begun; /* set when dest is there and ours; may be NULL */
	const volatile bool *stop; /* may be NULL; set: ERR_CONFLICT */
};

/*
 * Every file, link and directory with its mode; each file's SHA-256 is checked
 * against the manifest's before it gets its name (ERR_INTEGRITY).  All names
 * are resolved beneath one directory descriptor, so that nobody who changes
 * dest meanwhile can lead a write out of it.  What was written is left on
 * failure, files under temporary names removed.
 */
int extract_run(const struct extract_how *how) MUST_USE;

#endif
