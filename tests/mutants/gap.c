/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weir-mount-gap: a mount that is refreshed as on an older kernel: nothing
 * is there for a moment, which is made longer.
 * tests/cli/session-refresh.sh must see it.
 */
#include <poll.h>

#include "fuse/mountpoint.h"
#include "vault/err.h"

int __wrap_mountpoint_apart(const struct mountpoint_how *how,
    struct mountpoint_made *out, int *apart);

int __real_mountpoint_find(struct mountpoint_place *out, const char *path);
int __wrap_mountpoint_find(struct mountpoint_place *out, const char *path);

#define MOMENT_MS 300

int
__wrap_mountpoint_find(struct mountpoint_place *out, const char *path)
{
	(void)poll(NULL, 0, MOMENT_MS);
	return __real_mountpoint_find(out, path);
}

int
__wrap_mountpoint_apart(const struct mountpoint_how *how,
    struct mountpoint_made *out, int *apart)
{
	(void)how, (void)out, (void)apart;
	return ERR_DENIED;
}
