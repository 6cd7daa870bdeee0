/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_FILESUMS_H
#define WEIR_FILESUMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/digest.h"
#include "vault/file.h"
#include "vault/owned.h"
#include "vault/writer.h"

/*
 * Files that a user has put before, and their SHA-256 (FORMAT.md, "What a put
 * remembers"), so that a file that lies there as it lay need not be hashed by
 * one thread again.  A hint, by which nothing is taken for true: it says what a
 * file's chunks were when it had that digest, and they are looked at.
 */
#define FILESUMS_MAX 16384

/* A file as the file system describes it, and how it is packed. */
struct filesums_file {
	uint64_t device;
	uint64_t inode;
	uint64_t size;	 /* bytes */
	uint64_t mtime;	 /* ns since 1970 */
	uint64_t effort; /* enum codec_effort: chunks depend on it */
};

struct filesums_sum {
	struct digest chunks; /* of its list of chunks */
	struct digest file;   /* of its bytes */
};

struct filesums;
int filesums_new(struct filesums **out) MUST_USE; /* with none in it */
void filesums_free(struct filesums *s);
OWNED_TYPE(filesums);

size_t filesums_count(const struct filesums *s);

/* Borrowed until the next change; NULL: not there. */
const struct filesums_sum *filesums_find(const struct filesums *s,
    const struct filesums_file *f);

/* Add it, or put it anew; the one set longest ago goes where there would be
 * more than FILESUMS_MAX.  ERR_NOMEM. */
int filesums_set(struct filesums *s, const struct filesums_file *f,
    const struct filesums_sum *sum) MUST_USE;
void filesums_drop(struct filesums *s, const struct filesums_file *f);

/* Pure.  ERR_FORMAT for bytes that filesums_write does not make; ERR_NOMEM. */
int filesums_parse(struct filesums **out, const uint8_t *bytes, size_t n)
    MUST_USE;
void filesums_write(const struct filesums *s, struct writer *w);

/* The file beneath dir, replaced whole.  One that is not there, or is none, is
 * as one with nothing in it; the latter is said.  ERR_NOMEM, ERR_IO, … */
int filesums_load(struct filesums **out, const struct file *dir) MUST_USE;
int filesums_save(const struct filesums *s, const struct file *dir) MUST_USE;

#endif
