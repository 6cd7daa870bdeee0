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

/* The bytes that these are the SHA-256 of; returns how many. */
#define TLOG_LEAF_BYTES(n) ((n) + 1)
#define TLOG_NODE_BYTES (1 + 2 * DIGEST_SIZE)
size_t tlog_leaf_bytes(uint8_t *out, const void *entry, size_t n);
size_t tlog_node_bytes(uint8_t out[static TLOG_NODE_BYTES],
    const struct digest *left, const struct digest *right);
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

/*
 * That a run of entries, first .. end (exclusive, not empty), is all that the
 * log has there: the hashes of the largest subtrees outside of it, from left to
 * right.  With the run's own leaf hashes they make the root.  proof has
 * TLOG_RANGE_MAX places.  leaf(arg, i) gives the leaf hash of entry i.
 */
#define TLOG_RANGE_MAX 128
typedef struct digest tlog_leaf_fn(void *arg, uint64_t index);
struct tlog_range {
	uint64_t first, end, size;
};
int tlog_range(const struct tlog_range *r, tlog_node_fn *node, void *arg,
    struct digest *proof, size_t *proof_length);
bool tlog_range_ok(const struct tlog_range *r, tlog_leaf_fn *leaf, void *arg,
    const struct digest *proof, size_t proof_length, const struct digest *root);
/* The tree before the run, as the first hashes of its proof have it. */
bool tlog_range_before(struct tlog_tree *out, const struct tlog_range *r,
    const struct digest *proof, size_t proof_length);

/* MTH(D[0:size]): the root that a log had. */
int tlog_root(uint64_t size, tlog_node_fn *node, void *arg, struct digest *out);

/* "x001/x234/067" into buf: the tile path element of n. */
#define TLOG_PATH_MAX 48
char *tlog_path(uint64_t n, char buf[static TLOG_PATH_MAX]);

#endif
