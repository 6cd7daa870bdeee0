/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weir-mount-gap: a mount that is refreshed as on an older kernel: nothing is
 * there for a moment, which lasts until somebody has noticed and says so by a
 * file WEIR_TEST_SEEN.  tests/cli/session-refresh.sh must see it.
 */
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "fuse/mountpoint.h"
#include "vault/err.h"

int __wrap_mountpoint_apart(const struct mountpoint_how *how,
    struct mountpoint_made *out, int *apart);

int __real_mountpoint_find(struct mountpoint_place *out, const char *path);
int __wrap_mountpoint_find(struct mountpoint_place *out, const char *path);

#define STEP_MS 10
#define STEPS 3000

int
__wrap_mountpoint_find(struct mountpoint_place *out, const char *path)
{
	const char *seen = getenv("WEIR_TEST_SEEN");

	for (int i = 0; i < STEPS && seen != NULL && access(seen, F_OK) != 0;
	     i++)
		(void)poll(NULL, 0, STEP_MS);
	return __real_mountpoint_find(out, path);
}

int
__wrap_mountpoint_apart(const struct mountpoint_how *how,
    struct mountpoint_made *out, int *apart)
{
	(void)how, (void)out, (void)apart;
	return ERR_DENIED;
}
