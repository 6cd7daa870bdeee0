/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_PROOFREAD_PARTS_H
#define WEIR_PROOFREAD_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/digest.h"
#include "vault/lockbox.h"
#include "vault/proofread.h"
#include "vault/tensor.h"

/* A version being read back: its files (proofread_file.c), each by one thread
 * at a time, and who does what (proofread.c); for these two alone. */

/* What all files share, and none changes. */
struct proofread_version {
	const struct proofread_how *how;
	const struct manifest *m;
	struct tensor_list tensors; /* of the version's index */
};

/* Load the tensor index.  ERR_INTEGRITY with why, or what tells nothing. */
int proofread_version_open(struct proofread_version *out,
    const struct proofread_how *how, char why[static PROOFREAD_WHY]) MUST_USE;
void proofread_version_close(struct proofread_version *v);

/* A page of lockbox rows beside the manifest rows that they open. */
struct proofread_page {
	uint64_t first;
	size_t count;
	struct version_row *rows; /* MANIFEST_PAGE_ROWS */
	struct lockbox *box;	  /* NULL: none is loaded */
};

/* Where a file is read: the page at hand and the hash so far.  For one file
 * after another. */
struct proofread_file {
	const struct proofread_version *version;
	uint32_t number; /* in the file table */
	struct proofread_page page;
	struct digester *digester;
	char why[PROOFREAD_WHY]; /* once a function gives ERR_INTEGRITY */
};

int proofread_file_new(struct proofread_file *f,
    const struct proofread_version *v) MUST_USE;
void proofread_file_clear(struct proofread_file *f);

/* Row number `row` of the version, and its key. */
int proofread_file_row(struct proofread_file *f, uint64_t row,
    struct version_row *out, uint8_t key[static KEY_SIZE]) MUST_USE;

/* The next chunk, as it was opened: with err, what kept it from that. */
int proofread_file_chunk(struct proofread_file *f,
    const struct manifest_row *row, const uint8_t *plain, int err) MUST_USE;

/* After the last one: the content, the header and the tensors agree. */
int proofread_file_end(struct proofread_file *f) MUST_USE;

#endif
