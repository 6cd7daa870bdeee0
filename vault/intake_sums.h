/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_INTAKE_SUMS_H
#define WEIR_INTAKE_SUMS_H

#include <stdbool.h>
#include <stddef.h>

#include "vault/codec.h"
#include "vault/filesums.h"
#include "vault/lockbox.h"
#include "vault/manifest.h"
#include "vault/owned.h"
#include "vault/walk.h"

/*
 * The files of one put that lie as they lay when they were put before: each is
 * guessed to have the digest it had, its chunks are listed as they come, and
 * the guess stands if the list is the one it was (FORMAT.md, "What a put
 * remembers").  One thread's.
 */
struct intake_sums;

/* Both are borrowed; of a walk with standard input in it nothing is guessed,
 * for it cannot be read again. */
int intake_sums_new(struct intake_sums **out, struct filesums *filesums,
    const struct walk *walk, enum codec_effort effort) MUST_USE;
void intake_sums_free(struct intake_sums *s);
OWNED_TYPE(intake_sums);

/* Whether the walk's item i has a digest to be guessed: *out, if so. */
bool intake_sums_guess(struct intake_sums *s, size_t i, struct digest *out);

/* The next chunk of the walk's files, at this offset of its own: files has
 * their numbers of chunks, as far as they were taken in. */
void intake_sums_chunk(struct intake_sums *s, const struct manifest_file *files,
    uint64_t offset, const struct lockbox_row *box);

/*
 * All chunks were told of, and files have their digests.  *wrong: a guess was,
 * it is forgotten, and the tree must be taken in again.  Else the files are
 * kept for the next put.  ERR_NOMEM.
 */
int intake_sums_settle(struct intake_sums *s, const struct manifest_file *files,
    bool *wrong) MUST_USE;

#endif
