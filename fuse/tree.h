/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TREE_H
#define WEIR_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/digest.h"
#include "vault/manifest.h"
#include "vault/owned.h"

/*
 * The inodes of a mount, made once out of the session's manifests:
 *
 *	MODEL/CHANNEL		a link to @VERSION
 *	MODEL/@VERSION/		the files as they were put
 *
 * Nothing changes after tree_new: safe from any thread without a lock, and
 * inode numbers are the same for the whole session.  The root is 1.
 */
#define TREE_ROOT 1

struct tree;

struct tree_version {
	const char *model;
	const char *channel; /* empty: no link */
	struct digest digest;
	const struct manifest *manifest; /* borrowed as long as the tree */
	int64_t created_ms;
	const struct manifest_file *extra; /* a file of its root, that the
					      manifest has not, or NULL;
					      borrowed, too */
};

/*
 * A version that stands there twice has one directory, whose items are of the
 * first one.  ERR_CONFLICT, with a line, when two names fall together: a:b and
 * the model a/b.  ERR_FORMAT for a manifest whose files have no parents.
 */
int tree_new(struct tree **out, const struct tree_version *versions,
    uint16_t count) MUST_USE;
void tree_free(struct tree *t);
OWNED_TYPE(tree);

/* What it points to is borrowed from the tree. */
struct tree_item {
	uint64_t ino;
	uint64_t parent; /* the root is its own */
	enum manifest_kind kind;
	uint16_t mode; /* permission bits */
	uint32_t links;
	int64_t created_ms;
	const char *name;
	const char *target;		  /* links only */
	uint16_t version;		  /* of the list given to tree_new */
	bool within;			  /* its directory, or beneath */
	const struct manifest_file *file; /* files only */
	bool extra;			  /* it is the version's extra one */
};

/* False when there is no such inode. */
bool tree_item(const struct tree *t, uint64_t ino, struct tree_item *out);

/* The child of this name.  False when there is none, or parent is no
 * directory.  O(log n). */
bool tree_lookup(const struct tree *t, uint64_t parent, const char *name,
    struct tree_item *out);

/* The nth child of a directory, from 0, in the order of their names. */
bool tree_child(const struct tree *t, uint64_t parent, uint64_t n,
    struct tree_item *out);

/* Files, links and directories there are; bytes in all files. */
uint64_t tree_count(const struct tree *t);
uint64_t tree_bytes(const struct tree *t);

#endif
