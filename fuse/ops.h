/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_OPS_H
#define WEIR_OPS_H

#include <fuse_lowlevel.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "fuse/handle.h"
#include "fuse/reads.h"
#include "fuse/report.h"
#include "fuse/signatures.h"
#include "fuse/tree.h"
#include "fuse/xattrs.h"
#include "vault/owned.h"

/*
 * What the kernel asks, answered: a tree that never changes, so that it may
 * keep all that it was told.  All but READ is answered at once, from memory.
 */
struct ops {
	const struct tree *tree;
	struct handle_set *handles;
	struct reads *reads;
	struct report *report;
	const struct manifest *const *manifests; /* by version */
	const uint32_t *windows;		 /* by version */
	const struct xattrs_mark *marks;	 /* by version */
	const struct signature *signatures;	 /* by version */
	uint32_t uid;				 /* who files belong to */
	uint32_t gid;
	atomic_bool ready; /* INIT was seen */
};

/* A session that answers by o, which is borrowed; not mounted yet. */
int ops_session(struct fuse_session **out, struct ops *o) MUST_USE;

/* Answer one request: true when there may be more.  Any number of threads;
 * each brings its own buffer, empty at first, to be freed in the end. */
bool ops_serve(struct fuse_session *se, struct fuse_buf *buf);

/* Let the kernel drop what it keeps of all files.  It takes as long as that
 * takes; not from a thread that answers requests. */
void ops_forget_pages(const struct ops *o, struct fuse_session *se);

#endif
