/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mutants of replay.py and soak.py, without touching weir: preloaded, it
 * makes fsync and fdatasync of files (LYING_DISK=file) or of directories
 * (LYING_DISK=directory) do nothing and say that all is well; with
 * LYING_DISK=full a write that finds no space says that it wrote.  With
 * HANGING_DISK=FILE fsyncs of a journal hang as long as FILE is there, beside
 * which FILE.now says that one does.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
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

static void
hang(int fd)
{
	const char *file = getenv("HANGING_DISK");
	const struct timespec t = { .tv_nsec = 10000000 };
	char link[40], path[4096] = "";

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (file == NULL || readlink(link, path, sizeof(path) - 1) < 0 ||
	    strstr(path, "/journal/") == NULL)
		return;
	snprintf(path, sizeof(path), "%s.now", file);
	while (access(file, F_OK) == 0) {
		if (access(path, F_OK) != 0)
			close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
		clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
	}
}

static int
really(const char *name, int fd)
{
	int (*f)(int);
	void *symbol = dlsym(RTLD_NEXT, name);

	memcpy(&f, &symbol, sizeof(f));
	hang(fd);
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

/* --- writes on a full disk --- */

static void *
next(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

static bool
pretends(void)
{
	const char *what = getenv("LYING_DISK");

	return errno == ENOSPC && what != NULL && strcmp(what, "full") == 0;
}

ssize_t
write(int fd, const void *buf, size_t n)
{
	ssize_t (*f)(int, const void *, size_t);
	void *symbol = next("write");
	ssize_t r;

	memcpy(&f, &symbol, sizeof(f));
	r = f(fd, buf, n);
	return r < 0 && pretends() ? (ssize_t)n : r;
}

ssize_t
pwrite(int fd, const void *buf, size_t n, off_t offset)
{
	ssize_t (*f)(int, const void *, size_t, off_t);
	void *symbol = next("pwrite");
	ssize_t r;

	memcpy(&f, &symbol, sizeof(f));
	r = f(fd, buf, n, offset);
	return r < 0 && pretends() ? (ssize_t)n : r;
}

ssize_t
pwrite64(int fd, const void *buf, size_t n, off_t offset)
{
	return pwrite(fd, buf, n, offset);
}

int
posix_fallocate(int fd, off_t offset, off_t n)
{
	int (*f)(int, off_t, off_t);
	void *symbol = next("posix_fallocate");
	int r;

	memcpy(&f, &symbol, sizeof(f));
	r = f(fd, offset, n);
	errno = r;
	return r != 0 && pretends() ? 0 : r;
}
