/* SPDX-License-Identifier: Apache-2.0 */
#include "fuse/procs.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vault/log.h"
#include "vault/owned.h"

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

uint32_t
procs_leader(uint32_t tid)
{
	static const char name[] = "\nTgid:";
	char path[40], text[1024];
	const char *at;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/status", tid);

	OWNED_FD fd = open(path, O_RDONLY | O_CLOEXEC);

	n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
	if (n <= 0)
		return 0;
	text[n] = '\0';
	at = strstr(text, name);
	return at != NULL ? (uint32_t)strtoul(at + strlen(name), NULL, 10) : 0;
}
