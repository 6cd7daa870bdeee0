/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mutants of replay.py, without touching weir: preloaded, it makes fsync
 * and fdatasync of files (LYING_DISK=file) or of directories
 * (LYING_DISK=directory) do nothing and say that all is well.
 */
#include <dlfcn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool
lie(int fd)
{
	const char *what = getenv("LYING_DISK");
	struct stat st;

	if (what == NULL || fstat(fd, &st) != 0)
		return false;
	return strcmp(what, S_ISDIR(st.st_mode) ? "directory" : "file") == 0;
}

static int
really(const char *name, int fd)
{
	int (*f)(int);
	void *symbol = dlsym(RTLD_NEXT, name);

	memcpy(&f, &symbol, sizeof(f));
	return f(fd);
}

int
fsync(int fd)
{
	return lie(fd) ? 0 : really("fsync", fd);
}

int
fdatasync(int fd)
{
	return lie(fd) ? 0 : really("fdatasync", fd);
}
