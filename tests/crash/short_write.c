/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk that takes half, without touching weir: preloaded, each write and
 * pwrite of two bytes or more to a regular file writes the first half, and
 * says so.  What does not go on with the rest loses it.
 *
 * With SHORT_WRITE=N only the Nth of a process does, with SHORT_WRITE=N+ those
 * after it find no space.  SHORT_WRITE_LOG=FILE gets a line of each: its
 * number, and what became of it.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum fate { WHOLE, HALF, NONE };

static ssize_t
really_write(int fd, const void *bytes, size_t n)
{
	ssize_t (*f)(int, const void *, size_t);
	void *symbol = dlsym(RTLD_NEXT, "write");

	memcpy(&f, &symbol, sizeof(f));
	return f(fd, bytes, n);
}

static void
note(unsigned long number, enum fate fate)
{
	static const char *const names[] = { "whole", "half", "none" };
	const char *path = getenv("SHORT_WRITE_LOG");
	char line[64];
	int fd = path != NULL ?
	    open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666) :
	    -1;

	if (fd < 0)
		return;
	snprintf(line, sizeof(line), "%lu %s\n", number, names[fate]);
	(void)!really_write(fd, line, strlen(line));
	close(fd);
}

static enum fate
fate_of(int fd, size_t n)
{
	static atomic_ulong count;
	const char *wanted = getenv("SHORT_WRITE");
	enum fate fate = WHOLE;
	unsigned long number, which;
	struct stat st;
	char *end;

	if (n < 2 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return WHOLE;
	if (wanted == NULL)
		return HALF;
	number = atomic_fetch_add(&count, 1) + 1;
	which = strtoul(wanted, &end, 10);
	if (number == which)
		fate = HALF;
	else if (number > which && *end == '+')
		fate = NONE;
	note(number, fate);
	return fate;
}

/* How much is to be written; 0 with errno: nothing. */
static size_t
some(int fd, size_t n)
{
	enum fate fate = fate_of(fd, n);

	if (fate == NONE)
		errno = ENOSPC;
	return fate == HALF ? n / 2 : fate == NONE ? 0 : n;
}

ssize_t
write(int fd, const void *bytes, size_t n)
{
	size_t part = some(fd, n);

	return part == 0 && n > 0 ? -1 : really_write(fd, bytes, part);
}

ssize_t
pwrite(int fd, const void *bytes, size_t n, off_t at)
{
	ssize_t (*f)(int, const void *, size_t, off_t);
	void *symbol = dlsym(RTLD_NEXT, "pwrite");
	size_t part = some(fd, n);

	memcpy(&f, &symbol, sizeof(f));
	return part == 0 && n > 0 ? -1 : f(fd, bytes, part, at);
}

ssize_t
pwrite64(int fd, const void *bytes, size_t n, off64_t at)
{
	return pwrite(fd, bytes, n, at);
}
