/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weir-mount-forgetful: a mount that leaves what the kernel keeps of its files
 * where it is when its session ends.  tests/cli/session-close.sh must find it
 * out.
 */
#include "fuse/ops.h"

void __wrap_ops_forget_pages(const struct ops *o, struct fuse_session *se);

void
__wrap_ops_forget_pages(const struct ops *o, struct fuse_session *se)
{
	(void)o, (void)se;
}
