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
	/* Rows of the file table before were read earlier. */
	uint32_t first_file;
	/* Beside the caller's.  As many files, but eight, are read side by
	 * side: a file's hash is one thread's work, its chunks are opened by
	 * all. */
	unsigned int threads;
	/*
	 * How far it is, from any of the threads, one call at a time: rows of
	 * the file table that are done, those before each of them, too, and
	 * bytes of all that were read, which may lie behind those rows.
	 * Neither goes back.  An error ends it.
	 */
	int (*progress)(void *arg, uint32_t files, uint64_t bytes);
	void *arg;
};

/* What does not agree, for people: "weights.bin: its content is not ...".  */
#define PROOFREAD_WHY 512

/*
 * 0: everything agrees.  ERR_INTEGRITY, with why: something does not, or is
 * missing.  Others (ERR_IO, ERR_NOMEM, ...) tell nothing about the version.
 * Of several it is what the first row of the file table has that has one.
 */
int proofread_run(const struct proofread_how *how,
    char why[static PROOFREAD_WHY]) MUST_USE;

#endif
