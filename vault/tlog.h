/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TLOG_H
#define WEIR_TLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/digest.h"

/* Merkle tree hashing and proofs (RFC 6962 section 2.1).  Pure. */

struct digest tlog_leaf(const void *entry, size_t n);
struct digest tlog_node(const struct digest *left, const struct digest *right);
struct digest tlog_empty(void);

/* The incremental root: one hash for each set bit of size. */
struct tlog_tree {
	uint64_t size;
	struct digest peaks[64]; /* peaks[k] is used iff bit k of size is set */
};
void tlog_tree_add(struct tlog_tree *t, const struct digest *leaf);
struct digest tlog_tree_root(const struct tlog_tree *t);

#define TLOG_PROOF_MAX 64

bool tlog_inclusion_ok(uint64_t index, uint64_t size, const struct digest *leaf,
    const struct digest *proof, size_t proof_length, const struct digest *root);
bool tlog_consistency_ok(uint64_t old_size, uint64_t new_size,
    const struct digest *old_root, const struct digest *new_root,
    const struct digest *proof, size_t proof_length);

/*
 * Make proofs from hashes of complete subtrees: node(arg, level, n, &out) gives
 * MTH(D[n << level : (n + 1) << level]).  proof has TLOG_PROOF_MAX places.
 */
typedef int tlog_node_fn(void *arg, unsigned int level, uint64_t n,
    struct digest *out);
int tlog_inclusion(uint64_t index, uint64_t size, tlog_node_fn *node, void *arg,
    struct digest *proof, size_t *proof_length);
int tlog_consistency(uint64_t old_size, uint64_t new_size, tlog_node_fn *node,
    void *arg, struct digest *proof, size_t *proof_length);

/* "x001/x234/067" into buf: the tile path element of n. */
#define TLOG_PATH_MAX 48
char *tlog_path(uint64_t n, char buf[static TLOG_PATH_MAX]);

#endif
