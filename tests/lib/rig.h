/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_RIG_H
#define WEIR_RIG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "fuse/handle.h"
#include "fuse/keyslots.h"
#include "fuse/link.h"
#include "fuse/ops.h"
#include "fuse/reads.h"
#include "fuse/report.h"
#include "fuse/tree.h"
#include "tests/lib/fake_keyd.h"
#include "tests/lib/served.h"
#include "tests/lib/wire.h"

/* A worker without its process: all its parts, between a fake keyd and a
 * kernel that the test plays.  Model m, channel latest, as served.h has it. */
struct rig_how {
	uint64_t bytes; /* of the file `big` */
	uint32_t chunk;
	uint32_t window;
	uint32_t stall_ms;
	size_t slots;
};

struct rig {
	struct served *served;
	struct fake_keyd *keyd;
	struct wire *wire;
	struct fuse_session *se;
	struct tree *tree;
	struct keyslots *keys;
	struct link *link;
	struct report *report;
	struct handle_set *handles;
	struct reads *reads;
	struct ops ops;
	struct fuse_init_out init; /* the answer to INIT */
	uint32_t windows[1];
	struct xattrs_mark marks[1]; /* nobody vouches for it, at first */
	struct version *versions[1];
	const struct manifest *manifests[1];
	atomic_bool away; /* keyd cannot be had */
	atomic_uint wanted;
	atomic_uint slow_ms; /* below 1,000: the end of the session takes */
	atomic_bool ending;
	atomic_bool ended;
	atomic_uint exe_wanted; /* the last pid */
	uint64_t head;		/* inodes: the version's directory */
	uint64_t big;
	uint64_t small;
};

/* Said INIT, looked up; ready to be asked. */
struct rig *rig_new(const struct rig_how *how);
void rig_free(struct rig *r);

/* Open a file for reading; its handle. */
uint64_t rig_open(struct rig *r, uint64_t ino);

/* Read and compare with what was put: 0, or the errno. */
int rig_read(struct rig *r, uint64_t ino, uint64_t fh, uint64_t offset,
    uint32_t size);
/* The same for one that was sent before. */
int rig_check(struct rig *r, uint64_t number, uint64_t ino, uint64_t offset,
    uint32_t size);

#endif
