/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_INTAKE_H
#define WEIR_INTAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/digest.h"
#include "vault/filesums.h"
#include "vault/model.h"
#include "vault/object.h"
#include "vault/owned.h"
#include "vault/store.h"

/*
 * Intake: a tree of files becomes a version in the store.  Needs no keyd: keys
 * come through a source.  Memory is bounded whatever the sizes (the tensor
 * index and the file table apart: about 200 bytes a tensor or file).
 */

/* Where keys come from: keyd records each call before it answers. */
struct intake_keys {
	/* keys[i] opens digests[i]; count <= 1,024.  Called from threads of
	 * intake's own, one call at a time, while intake_run runs. */
	int (*chunk_keys)(void *arg, const struct digest *digests, size_t count,
	    uint8_t (*keys)[KEY_SIZE]);
	void *arg;
	const struct page_key *manifest_key;
	const struct page_key *lockbox_key;
};

/* Told now and then (at most ten times a second), and at the end. */
struct intake_progress {
	uint64_t files_done, files_total;
	uint64_t bytes_done, bytes_total; /* total 0: not known (a pipe) */
	uint64_t bytes_new;    /* of plain bytes whose objects were not there */
	uint64_t stored_bytes; /* what was written to the store */
	bool done;
};

struct intake_how {
	struct store *store;
	const struct intake_keys *keys;
	const char *const *paths; /* one directory: its contents are the root;
				     else files and directories by their last
				     component; "-": standard input */
	size_t path_count;
	const char *stdin_name; /* what "-" is called in the tree */
	bool allow_pickle;
	struct filesums *filesums; /* files put before, and those put now when
				      intake_run returns 0; may be NULL */
	enum codec_effort effort;  /* put again the same way, the same tree has
				     the same version digest */
	void (*progress)(void *arg, const struct intake_progress *p);
	void *progress_arg;
	const volatile bool *stop; /* may be NULL; set: give up cleanly
				      (ERR_CONFLICT, not logged) */
};

struct intake_result {
	struct digest version;
	struct digest object;
	uint32_t files; /* regular ones */
	uint64_t bytes;
	uint64_t weights;
	uint64_t chunks;
	struct model_imports imports; /* refused ones that were let in */
	struct intake_progress totals;
};
void intake_result_clear(struct intake_result *r);

/*
 * Take the tree in.  When this returns 0 every object of the version is durable
 * in the store; what is left to do is keyd's commit.  A killed run leaves
 * objects that the next one finds again.  Refuses hostile trees with one line
 * that names the path: links that leave the tree, hard links to more than one
 * name, devices, sockets, fifos, setuid and setgid files, names that are not
 * UTF-8, files that change while they are read, model files that are not
 * well-formed, pickles with imports outside the list (unless allowed).
 * ERR_FORMAT, ERR_NOT_FOUND, ERR_CONFLICT (changed while reading), ERR_SPACE, …
 *
 * Standard input of up to 16 MiB is taken as a file of that content is.  Of a
 * longer one the size comes out at the end: it is cut into chunks of 4 MiB,
 * and is refused when its name or its first bytes claim a model file.
 */
int intake_run(const struct intake_how *how, struct intake_result *out)
    MUST_USE;

#endif
