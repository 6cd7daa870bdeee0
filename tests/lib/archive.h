/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_ARCHIVE_H
#define WEIR_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/writer.h"

/* Zip archives to test with.  What cannot be made ends the program. */
struct archive_member {
	const char *name;
	const void *bytes;
	size_t n;
	bool deflated;
};

struct archive {
	struct writer w;
	size_t directory; /* where it begins */
	size_t end;	  /* of the directory: the end records */
};

/* zip64: with the large end record, and sizes in extra fields. */
struct archive archive_make(const struct archive_member *members, size_t count,
    bool zip64);
void archive_free(struct archive *a);
#define OWNED_ARCHIVE __attribute__((cleanup(archive_free))) struct archive

#endif
