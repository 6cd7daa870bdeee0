/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_EXFIL_FAMILY_H
#define WEIR_EXFIL_FAMILY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keys/budget.h"
#include "tests/exfil/dice.h"
#include "vault/digest.h"
#include "vault/owned.h"

/*
 * A model as a simulation has it: chunks with their weights, versions that
 * share them, and keyd's budget of them.  A version's rows: those of a file lie
 * side by side, the first file is the auxiliary ones (no weights), the first
 * row of each other file its header.
 */
#define FAMILY_AUX 4 /* rows of config, tokenizer and so on */

struct family_version {
	struct digest digest;
	uint32_t number; /* in budget */
	uint32_t *chunks;
	uint16_t *files; /* of each row */
	size_t rows;
	uint64_t weights; /* bytes */
	bool revoked;
};

struct family {
	char model[40];
	uint32_t id;
	struct budget *budget;
	uint32_t *weights; /* of each chunk */
	size_t chunks;
	struct family_version *versions;
	size_t count;
	size_t current; /* version, of its channel */
};

struct family *family_new(uint32_t id, const char *model);
void family_free(struct family *f);
OWNED_TYPE(family);

/* Each returns the new version's place in f->versions. */
size_t family_add(struct family *f, struct dice *d, size_t files,
    size_t per_file);
/* share of the weights is new, the rest is of's. */
size_t family_add_tuned(struct family *f, struct dice *d, size_t of,
    double share);
/* Only what does not count differs. */
size_t family_add_fork(struct family *f, size_t of);
/* of's, and pad times as many rows of somebody's own on top. */
size_t family_add_padded(struct family *f, struct dice *d, size_t of,
    double pad);
/* Whether row is one that budgets count. */
bool family_counts(const struct family *f, size_t version, uint64_t row);

#endif
