/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_REFUSED_H
#define WEIR_REFUSED_H

#include <fuse_lowlevel.h>

/*
 * All that would change something is answered EROFS.  The kernel
 * refuses changes itself, since the mount is read-only; these are
 * for whoever gets past it.
 */
void refused_fill(struct fuse_lowlevel_ops *ops);

#endif
