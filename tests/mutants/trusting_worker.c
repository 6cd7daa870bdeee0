/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weir-mount-trusting: a mount that serves whoever has a descriptor.
 * tests/cli/other-ways.sh must find it out.
 */
#include "fuse/handle.h"

bool __wrap_handle_is_of(const struct handle *h, uint32_t uid);

bool
__wrap_handle_is_of(const struct handle *h, uint32_t uid)
{
	(void)h, (void)uid;
	return true;
}
