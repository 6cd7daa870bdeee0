/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_ZIP_H
#define WEIR_ZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/model.h"
#include "vault/owned.h"
#include "vault/stream.h"
#include "vault/why.h"

/*
 * Zip archives, zip64 too, as far as torch.save needs them: the central
 * directory, and members that are stored or deflated.  Stricter than most
 * readers, so that no two of them can see different members: the archive
 * begins with the file and ends with it, the last end record counts and must
 * fit, both sizes of a zip64 archive agree, members do not overlap.
 */
#define ZIP_DIRECTORY_MAX (64U << 20) /* bytes */
#define ZIP_MEMBERS_MAX (1U << 20)

struct zip_member {
	char *name; /* without a NUL inside; bytes as they are */
	uint64_t header;
	uint64_t packed;
	uint64_t size;
	uint64_t limit; /* where the next header or the directory begins */
	uint16_t flags;
	uint16_t method;
};

struct zip {
	struct zip_member *members; /* ascending by header */
	size_t count;
};

/* Whether a file that begins with head can be meant as a zip: a first member,
 * or the end record of an empty archive. */
bool zip_claimed(const uint8_t *head, size_t n);

/* Read the directory.  ERR_FORMAT or ERR_LIMIT with a reason in why,
 * ERR_NOMEM, or what src->read returns. */
int zip_open(struct zip **out, const struct model_source *src,
    const struct why *why) MUST_USE;
void zip_free(struct zip *z);
OWNED_TYPE(zip);

/* Whether there may be a thousand times the bytes that the file has. */
bool zip_member_inflates(const struct zip_member *m);

/*
 * Call use once with a stream over the member's bytes, inflated as they are
 * read, and return what it returns.  ERR_FORMAT with a reason in why if the
 * member's own header does not fit the directory's, or is encrypted or packed
 * in another way.  Its checksum is not looked at.
 */
int zip_member_use(const struct zip_member *m, const struct model_source *src,
    int (*use)(void *arg, struct stream *s), void *arg, const struct why *why)
    MUST_USE;

#endif
