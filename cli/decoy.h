/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_DECOY_H
#define WEIR_DECOY_H

#include <stdbool.h>
#include <stddef.h>

#include "vault/manifest.h"
#include "vault/owned.h"
#include "vault/tensor.h"
#include "vault/writer.h"

/*
 * A tree of files that looks like a version's: the same names, modes,
 * links, sizes and classes, the same tensors in model files, and content
 * that is random.  It is made of the manifest and the tensor index: nothing
 * of the version is read.
 */
struct decoy_like {
	const struct manifest *manifest;
	const struct tensor_list *tensors; /* sorted */
	const volatile bool *stop;
};

/* In a directory that is there and empty; what is made stays when it fails.
 * ERR_FORMAT, said: a header cannot be made in as many bytes; ERR_CONFLICT, not
 * said: stopped; ERR_SPACE. */
int decoy_make(const struct decoy_like *like, const char *dir) MUST_USE;
/* Remove all that decoy_make makes, and the directory. */
void decoy_remove(const struct decoy_like *like, const char *dir);

/* --- decoy_head.c: what a model file begins with, f->header_bytes long --- */

/* Tensors of one file.  ERR_LIMIT when there is no such header. */
struct decoy_head {
	const struct manifest_file *file;
	const struct tensor *tensors;
	size_t count;
};
int decoy_head_write(const struct decoy_head *h, struct writer *w) MUST_USE;

/* --- decoy_weights.c: what tensors are filled with --- */

/* Bytes of a file, random ones. */
struct decoy_block {
	uint64_t offset;
	uint8_t *bytes;
	size_t length;
};
/* Make those that are of t numbers as weights are, which compress as weights
 * do: `weir show` tells how much. */
void decoy_weights(const struct tensor *t, const struct decoy_block *b);

/* n bytes of words. */
void decoy_head_words(uint8_t *out, size_t n);

#endif
