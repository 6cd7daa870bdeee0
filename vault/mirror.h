/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_MIRROR_H
#define WEIR_MIRROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/digest.h"
#include "vault/file.h"
#include "vault/store.h"

/*
 * Objects copied from a store to a directory store, by several threads.  What
 * is copied is checked by its name, wholly; what is there already counts by its
 * size, since an object gets its name when it is whole and synced.  Many are
 * synced at once, by their file system: for each alone takes much longer.
 */

struct mirror_totals {
	uint64_t objects; /* looked at */
	uint64_t bytes;	  /* of these */
	uint64_t copied;
	uint64_t copied_bytes;
	uint64_t bad; /* told of */
};

struct mirror {
	struct store *from;
	const struct file *to; /* the directory of a store */
	const struct digest *names;
	size_t count;
	bool read_all; /* look at what is there wholly, too, and mend it */
	const volatile bool *stop; /* ends it: ERR_CONFLICT, not logged */
	/* Each is called by one thread at a time, any. */
	void (*bad)(void *arg, const struct digest *name, bool missing);
	void (*progress)(void *arg, const struct mirror_totals *now);
	void *arg;
};

/* All that can be copied is; objects that are bad or missing are told of and
 * are no error.  What was copied lasts when this returns 0.  ERR_SPACE
 * and ERR_IO of `to` are logged; what has a name there by then is whole. */
int mirror_run(const struct mirror *m, struct mirror_totals *out) MUST_USE;

#endif
