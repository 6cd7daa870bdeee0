/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_WALK_H
#define WEIR_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "vault/file.h"
#include "vault/manifest.h"
#include "vault/owned.h"

/*
 * The walk over what `put` was given: every file, link and directory in
 * manifest order, each looked at beneath a descriptor of the directory that was
 * named, without following links.  Nothing of a file is read yet.
 */

/* Where items were found: a directory, a file, or standard input. */
struct walk_source {
	const char *path; /* as given, borrowed; NULL: standard input */
	struct file *dir; /* a directory is kept open */
	size_t prefix;	  /* bytes of an item's path that are not below dir */
};

struct walk_item {
	char *path;    /* in the tree */
	char *target;  /* links, else NULL */
	uint64_t size; /* files; 0 for standard input */
	uint64_t device;
	uint64_t inode;
	uint64_t mtime; /* ns */
	uint32_t source;
	uint16_t mode; /* permission bits */
	uint8_t kind;  /* enum manifest_kind */
};

struct walk {
	struct walk_source *sources;
	size_t source_count;
	struct walk_item *items; /* ascending as manifest_compare */
	size_t count;
	size_t capacity;
	uint16_t root_mode;
	uint64_t files; /* regular files, and standard input */
	uint64_t bytes; /* of the regular files */
	bool stream;	/* standard input is one of them */
};

struct walk_how {
	const char *const *paths; /* as in intake.h */
	size_t path_count;
	const char *stdin_name;
	const volatile bool *stop; /* may be NULL */
};

/*
 * ERR_FORMAT for what weir does not take in, with a line that names it and says
 * what to do: links that leave the tree, files of more than one name, setuid,
 * setgid and sticky files, devices, sockets, fifos, names that a manifest
 * cannot hold.  ERR_CONFLICT: two paths with one last component, something
 * that changes meanwhile, or *stop (not logged).  ERR_LIMIT, ERR_NOT_FOUND.
 */
int walk_new(struct walk **out, const struct walk_how *how) MUST_USE;
void walk_free(struct walk *w);
OWNED_TYPE(walk);

/* Whether the item is standard input. */
bool walk_is_stream(const struct walk *w, const struct walk_item *i);

/*
 * Open a file of the walk and see that it is the one that was found, still as
 * it was (ERR_CONFLICT, told) and still fit to be taken in (ERR_FORMAT).
 * *out's name is good for messages; *st is what fstat says of it.
 */
int walk_open(struct file **out, struct stat *st, const struct walk *w,
    const struct walk_item *i) MUST_USE;

/* Say that the item changed while it was taken in, and return ERR_CONFLICT. */
int walk_changed(const struct walk *w, const struct walk_item *i);

#endif
