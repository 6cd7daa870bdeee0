/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_FAKEKEYS_H
#define WEIR_FAKEKEYS_H

#include "vault/extract.h"
#include "vault/intake.h"
#include "vault/version.h"

/* A key source in this process, in keyd's place: fixed family and version
 * keys, which ever program of the tests asks. */
struct fakekeys {
	struct family_key *family;
	struct page_key *manifest_key;
	struct page_key *lockbox_key;
	struct intake_keys intake;
	struct extract_keys extract;
	uint64_t calls;	  /* of either */
	uint64_t asked;	  /* keys */
	size_t most;	  /* keys in one call */
	uint64_t fail_at; /* this call (from 1) fails with ERR_UNREACHABLE */
	uint8_t (*rows)[KEY_SIZE]; /* of the version loaded last */
	uint64_t row_count;
};

/* Ends the program when it fails. */
void fakekeys_init(struct fakekeys *k);
void fakekeys_clear(struct fakekeys *k);

/* Read a version's lockbox pages, so that extract and fakekeys_row work. */
int fakekeys_load(struct fakekeys *k, struct store *s, const struct manifest *m)
    MUST_USE;
const uint8_t *fakekeys_row(const struct fakekeys *k, uint64_t row);

#endif
