/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weir-mount-open: a mount that lets in everybody.  tests/cli/two-uids.sh must
 * see what another user gets there.
 */
#include <stdio.h>
#include <sys/mount.h>

int __real_mount(const char *source, const char *target, const char *type,
    unsigned long flags, const void *data);
int __wrap_mount(const char *source, const char *target, const char *type,
    unsigned long flags, const void *data);

int
__wrap_mount(const char *source, const char *target, const char *type,
    unsigned long flags, const void *data)
{
	char options[256];

	snprintf(options, sizeof(options), "%s,allow_other",
	    (const char *)data);
	return __real_mount(source, target, type, flags, options);
}
