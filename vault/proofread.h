/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_PROOFREAD_H
#define WEIR_PROOFREAD_H

#include <stdbool.h>
#include <stdint.h>

#include "vault/secret.h"
#include "vault/store.h"
#include "vault/version.h"

/*
 * A version read back whole, to see that it is what its manifest says: every
 * chunk opened with the key that its lockbox holds, every file hashed, every
 * model file's header as long as the file table states.  Nobody's word is
 * taken but the version digest's.
 */
struct proofread_how {
	struct version *version;
	struct store *store;
	const struct page_key *lockbox_key;
	uint32_t
	    first_file; /* rows of the file table before were read earlier */
	unsigned int
	    threads; /* that open chunks ahead of the one that hashes */
	/* Bytes of files that are done, or under way; a file is done when `files`
	 * has grown.  An error ends it. */
	int (*progress)(void *arg, uint32_t files, uint64_t bytes);
	void *arg;
};

/* What does not agree, for people: "weights.bin: its content is not ...".  */
#define PROOFREAD_WHY 512

/*
 * 0: everything agrees.  ERR_INTEGRITY, with why: something does not, or is
 * missing.  Others (ERR_IO, ERR_NOMEM, ...) tell nothing about the version.
 */
int proofread_run(const struct proofread_how *how,
    char why[static PROOFREAD_WHY]) MUST_USE;

#endif
