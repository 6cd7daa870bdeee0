/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_FUSERMOUNT_H
#define WEIR_FUSERMOUNT_H

#include <stdbool.h>

#include "vault/owned.h"

/*
 * fusermount3(1), by which a user mounts and unmounts.  It is what libfuse
 * runs, too; run from here, the descriptor goes to a worker that may not gain
 * privileges, and the monitor can unmount when the worker is gone.  What it
 * complains of goes to stderr.
 */

/*
 * Mount on path; *out is the /dev/fuse descriptor.  A read-ahead of less than a
 * request is told to the kernel, and to weir-readahead, as max_read.
 */
int fusermount_mount(const char *path, const char *source,
    unsigned int readahead_kb, int *out) MUST_USE;

/* ERR_CONFLICT, not logged, when the mount is in use; ERR_DENIED, with what it
 * complained of, when it did not come to it otherwise. */
int fusermount_umount(const char *path, bool lazy) MUST_USE;

#endif
