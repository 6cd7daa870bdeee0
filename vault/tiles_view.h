/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TILES_VIEW_H
#define WEIR_TILES_VIEW_H

#include <stddef.h>
#include <stdint.h>

#include "vault/digest.h"
#include "vault/file.h"
#include "vault/owned.h"
#include "vault/tiles.h"
#include "vault/tlog.h"

/*
 * A log as one checkpoint vouches for it: every hash and entry that leaves
 * has been checked up to the checkpoint's root.  The bytes that were
 * checked are the ones handed out.  One thread at a time.
 */
struct tiles_view;

/*
 * Reads the right edge of the tree (at most one tile of each level) and
 * compares its root.  trail is borrowed until tiles_view_free.
 * ERR_INTEGRITY, said in a log line that names the file.
 */
int tiles_view_open(struct tiles_view **out, const struct file *trail,
    uint64_t size, const struct digest *root) MUST_USE;
void tiles_view_free(struct tiles_view *v);
OWNED_TYPE(tiles_view);

/* The hash of a complete subtree, as tlog_node_fn: view is a
 * struct tiles_view *.  ERR_USAGE beyond the log's size, ERR_INTEGRITY. */
int tiles_view_node(void *view, unsigned int level, uint64_t n,
    struct digest *out) MUST_USE;

/* Bundle n, with as many entries as the log has there (0 .. 256). */
int tiles_view_bundle(struct tiles_view *v, uint64_t n,
    struct tiles_bundle *out) MUST_USE;

/* Entries from .. to (exclusive; cut to the log's size), in order.  each's
 * error stops it and is returned. */
int tiles_view_each(struct tiles_view *v, uint64_t from, uint64_t to,
    int (*each)(void *arg, uint64_t index, const uint8_t *entry, size_t n),
    void *arg) MUST_USE;

/* Many bundles will be asked for: they are checked with lanes (lanes.h). */
int tiles_view_many(struct tiles_view *v) MUST_USE;

uint64_t tiles_view_size(const struct tiles_view *v);
/* Its peaks, and the last, partial tile of a level (width 0: none). */
const struct tlog_tree *tiles_view_tree(const struct tiles_view *v);
const struct tiles_hashes *tiles_view_edge(const struct tiles_view *v,
    unsigned int level);

#endif
