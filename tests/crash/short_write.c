/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk that takes half, without touching weir: preloaded, each write and
 * pwrite of two bytes or more to a regular file writes the first half, and
 * says so.  What does not go on with the rest loses it.
 */
#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static size_t
half(int fd, size_t n)
{
	struct stat st;

	return n > 1 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? n / 2 : n;
}

ssize_t
write(int fd, const void *bytes, size_t n)
{
	ssize_t (*f)(int, const void *, size_t);
	void *symbol = dlsym(RTLD_NEXT, "write");

	memcpy(&f, &symbol, sizeof(f));
	return f(fd, bytes, half(fd, n));
}

ssize_t
pwrite(int fd, const void *bytes, size_t n, off_t at)
{
	ssize_t (*f)(int, const void *, size_t, off_t);
	void *symbol = dlsym(RTLD_NEXT, "pwrite");

	memcpy(&f, &symbol, sizeof(f));
	return f(fd, bytes, half(fd, n), at);
}

ssize_t
pwrite64(int fd, const void *bytes, size_t n, off64_t at)
{
	return pwrite(fd, bytes, n, at);
}
