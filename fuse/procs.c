/* SPDX-License-Identifier: Apache-2.0 */
#include "fuse/procs.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "vault/log.h"

const char *
procs_exe(uint32_t pid, char buf[static PROCS_EXE_SIZE])
{
	char path[32], exe[PROCS_EXE_SIZE];
	ssize_t n;

	buf[0] = '\0';
	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/exe", pid);
	n = readlink(path, exe, sizeof(exe));
	if (n > 0)
		log_name(buf, PROCS_EXE_SIZE, exe, (size_t)n);
	return buf;
}
