/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vault/err.h"
#include "vault/log.h"

/* A name for messages may be cut; what it names is held by the descriptor. */
#define SHOWN_SIZE 1024

#define LOAD_FIRST 4096
#define OPEN_TRIES 64

void
file_free(struct file *f)
{
	if (f == NULL)
		return;
	owned_fd_close(&f->fd);
	free(f->name);
	free(f);
}

/* The parts that a name in a message is made of, escaped. */
static const char *
shown(char buf[static SHOWN_SIZE], const struct file *dir, const char *path)
{
	size_t n = 0;

	if (dir != NULL)
		n = (size_t)snprintf(buf, SHOWN_SIZE / 2, "%s/", dir->name);
	if (n >= SHOWN_SIZE / 2)
		n = SHOWN_SIZE / 2 - 1;
	log_name(buf + n, SHOWN_SIZE - n, path, strlen(path));
	return buf;
}

/* Take over fd under a name that is fit to be printed already. */
static int
adopt(struct file **out, int fd, const char *name)
{
	struct file *f = calloc(1, sizeof(*f));
	char *copy = f != NULL ? strdup(name) : NULL;

	if (copy == NULL) {
		free(f);
		owned_fd_close(&fd);
		return log_err(ERR_NOMEM, "open '%s': out of memory", name);
	}
	f->fd = fd;
	f->name = copy;
	*out = f;
	return 0;
}

int
file_adopt(struct file **out, int fd, const char *name)
{
	char buf[SHOWN_SIZE];

	return adopt(out, fd, shown(buf, NULL, name));
}

static int
open_beneath(int dir, const char *path, int flags, mode_t mode)
{
	struct open_how how = {
		.flags = (unsigned int)flags,
		.mode = mode,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
		    RESOLVE_NO_MAGICLINKS,
	};
	long fd = -1;

	/* EAGAIN: something was renamed while the kernel walked ".." */
	for (int i = 0; i < OPEN_TRIES; i++) {
		fd = syscall(SYS_openat2, dir, path, &how, sizeof(how));
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
			break;
	}
	return (int)fd;
}

static int
open_fd(const struct file *dir, const char *path, int flags, mode_t mode)
{
	int fd;

	flags |= O_CLOEXEC;
	if ((flags & O_CREAT) == 0 && (flags & O_TMPFILE) != O_TMPFILE)
		mode = 0; /* openat2 insists */
	if (dir != NULL)
		return open_beneath(dir->fd, path, flags, mode);
	do
		fd = open(path, flags, mode);
	while (fd < 0 && errno == EINTR);
	return fd;
}

int
file_open(struct file **out, const struct file *dir, const char *path,
    int flags, mode_t mode)
{
	char buf[SHOWN_SIZE];
	int fd = open_fd(dir, path, flags, mode);

	if (fd < 0) {
		if (err_from_errno(errno) == ERR_NOT_FOUND)
			return ERR_NOT_FOUND;
		return log_sys("open '%s'", shown(buf, dir, path));
	}
	return adopt(out, fd, shown(buf, dir, path));
}

/*
 * Open the directory that holds path, and point *leaf at the last component.
 * What the leaf names is then reached by *at calls that follow no link.
 */
static int
open_parent(struct file **out, const char **leaf, const struct file *dir,
    const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *last = slash != NULL ? slash + 1 : path;
	char buf[SHOWN_SIZE], parent[PATH_MAX] = ".";
	size_t n = slash != NULL ? (size_t)(slash - path) : 0;
	int err;

	if (*last == '\0' || strcmp(last, ".") == 0 || strcmp(last, "..") == 0)
		return log_err(ERR_USAGE, "'%s' does not name a file",
		    shown(buf, dir, path));
	if (n >= sizeof(parent))
		return log_err(ERR_LIMIT, "'%s': the path is too long",
		    shown(buf, dir, path));
	if (slash != NULL)
		snprintf(parent, sizeof(parent), "%.*s", n > 0 ? (int)n : 1,
		    path);
	err = file_open(out, dir, parent, O_RDONLY | O_DIRECTORY, 0);
	if (err == 0)
		*leaf = last;
	return err;
}

/* As open_parent, for callers to whom an absent parent is a failure. */
static int
need_parent(struct file **out, const char **leaf, const struct file *dir,
    const char *path)
{
	char buf[SHOWN_SIZE];
	int err = open_parent(out, leaf, dir, path);

	if (err == ERR_NOT_FOUND)
		return log_err(err, "'%s': its directory does not exist",
		    shown(buf, dir, path));
	return err;
}

int
file_mkdir(const struct file *dir, const char *path, mode_t mode)
{
	OWNED(file) parent = NULL;
	char buf[SHOWN_SIZE];
	const char *leaf;
	struct stat st;
	int err;

	err = need_parent(&parent, &leaf, dir, path);
	if (err != 0)
		return err;
	if (mkdirat(parent->fd, leaf, mode) != 0) {
		if (errno != EEXIST)
			return log_sys("mkdir '%s'", shown(buf, dir, path));
		if (fstatat(parent->fd, leaf, &st, AT_SYMLINK_NOFOLLOW) != 0)
			return log_sys("stat '%s'", shown(buf, dir, path));
		if (!S_ISDIR(st.st_mode))
			return log_err(ERR_CONFLICT,
			    "'%s' exists and is not a directory",
			    shown(buf, dir, path));
	}
	/* Also when it was there: its maker may not have come this far. */
	return file_sync(parent);
}

int
file_read_some(const struct file *f, void *buf, size_t n, uint64_t offset,
    size_t *got)
{
	uint8_t *at = buf;
	size_t done = 0;

	if (offset > INT64_MAX || n > (uint64_t)INT64_MAX - offset)
		return log_err(ERR_LIMIT, "read '%s': offset out of range",
		    f->name);
	while (done < n) {
		ssize_t r = pread(f->fd, at + done, n - done,
		    (off_t)(offset + done));

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return log_sys("read '%s'", f->name);
		if (r == 0)
			break;
		done += (size_t)r;
	}
	*got = done;
	return 0;
}

int
file_read_at(const struct file *f, void *buf, size_t n, uint64_t offset)
{
	size_t got;
	int err = file_read_some(f, buf, n, offset, &got);

	if (err == 0 && got < n)
		return ERR_FORMAT;
	return err;
}

int
file_write_at(const struct file *f, const void *buf, size_t n, uint64_t offset)
{
	const uint8_t *at = buf;
	size_t done = 0;

	if (offset > INT64_MAX || n > (uint64_t)INT64_MAX - offset)
		return log_err(ERR_LIMIT, "write '%s': offset out of range",
		    f->name);
	while (done < n) {
		ssize_t r = pwrite(f->fd, at + done, n - done,
		    (off_t)(offset + done));

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return log_sys("write '%s'", f->name);
		if (r == 0)
			return log_err(ERR_IO, "write '%s': nothing written",
			    f->name);
		done += (size_t)r;
	}
	return 0;
}

int
file_size(const struct file *f, uint64_t *out)
{
	struct stat st;

	if (fstat(f->fd, &st) != 0)
		return log_sys("stat '%s'", f->name);
	*out = (uint64_t)st.st_size;
	return 0;
}

/* What file_load reads may be a secret: leave no copy behind in the heap. */
struct load {
	uint8_t *bytes;
	size_t length;
	size_t capacity; /* and one more for the NUL */
};

static void
load_clear(struct load *l)
{
	if (l->bytes != NULL)
		explicit_bzero(l->bytes, l->length);
	free(l->bytes);
}

static bool
load_grow(struct load *l, size_t capacity)
{
	uint8_t *bytes = malloc(capacity + 1);

	if (bytes == NULL)
		return false;
	if (l->length > 0)
		memcpy(bytes, l->bytes, l->length);
	load_clear(l);
	l->bytes = bytes;
	l->capacity = capacity;
	return true;
}

/* Make room for one more read; ask for one byte more than max to see that a
 * file is too long. */
static int
load_room(struct load *l, const struct file *f, size_t max)
{
	size_t capacity = l->capacity != 0 ? l->capacity * 2 : LOAD_FIRST;
	struct stat st;

	if (l->length < l->capacity)
		return 0;
	if (l->length > max)
		return log_err(ERR_LIMIT, "'%s' is longer than %zu bytes",
		    f->name, max);
	if (l->capacity == 0 && fstat(f->fd, &st) == 0 &&
	    st.st_size >= LOAD_FIRST)
		capacity = (size_t)st.st_size + 1;
	if (capacity > max + 1)
		capacity = max + 1;
	if (!load_grow(l, capacity))
		return log_err(ERR_NOMEM, "read '%s': out of memory", f->name);
	return 0;
}

/* By read(2), because a user may name a pipe. */
static int
load_all(struct load *l, const struct file *f, size_t max)
{
	for (;;) {
		int err = load_room(l, f, max);
		ssize_t r;

		if (err != 0)
			return err;
		r = read(f->fd, l->bytes + l->length, l->capacity - l->length);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return log_sys("read '%s'", f->name);
		if (r == 0)
			return 0;
		l->length += (size_t)r;
	}
}

/* Not to hang on what somebody put in place of a file of ours. */
static int
open_plain(struct file **out, const struct file *dir, const char *path)
{
	OWNED(file) f = NULL;
	struct stat st;
	int err;

	err = file_open(&f, dir, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	if (err != 0)
		return err;
	if (fstat(f->fd, &st) != 0)
		return log_sys("stat '%s'", f->name);
	if (!S_ISREG(st.st_mode))
		return log_err(ERR_FORMAT, "'%s' is not a plain file", f->name);
	*out = f;
	f = NULL;
	return 0;
}

int
file_load(const struct file *dir, const char *path, size_t max, uint8_t **out,
    size_t *length)
{
	OWNED(file) f = NULL;
	struct load l = { 0 };
	int err;

	if (max > SIZE_MAX / 4)
		return ERR_USAGE;
	err = dir != NULL ? open_plain(&f, dir, path) :
			    file_open(&f, NULL, path, O_RDONLY, 0);
	if (err == 0)
		err = load_all(&l, f, max);
	if (err != 0) {
		load_clear(&l);
		return err;
	}
	l.bytes[l.length] = '\0';
	*out = l.bytes;
	*length = l.length;
	return 0;
}

int
file_sync(const struct file *f)
{
	if (fsync(f->fd) != 0)
		return log_sys("fsync '%s'", f->name);
	return 0;
}

int
file_sync_data(const struct file *f)
{
	if (fdatasync(f->fd) != 0)
		return log_sys("fdatasync '%s'", f->name);
	return 0;
}

int
file_sync_parent(const struct file *dir)
{
	OWNED_FD fd = openat(dir->fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	/* One that cannot be read: all of the file system.  EINVAL: the parent
	 * is of another one, which has no disk. */
	if ((fd >= 0 ? fsync(fd) : syncfs(dir->fd)) != 0 && errno != EINVAL)
		return log_sys("fsync the directory of '%s'", dir->name);
	return 0;
}

int
file_temporary(char buf[static FILE_TEMPORARY_SIZE])
{
	uint64_t random[2];

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return log_sys("getrandom");
	snprintf(buf, FILE_TEMPORARY_SIZE, FILE_TEMPORARY "%016jx%016jx",
	    (uintmax_t)random[0], (uintmax_t)random[1]);
	return 0;
}

static int
write_new(const struct file *parent, const char *name, const void *bytes,
    size_t n, mode_t mode)
{
	OWNED(file) f = NULL;
	int err;

	err = file_open(&f, parent, name, O_WRONLY | O_CREAT | O_EXCL, mode);
	if (err == 0)
		err = file_write_at(f, bytes, n, 0);
	if (err == 0)
		err = file_sync(f);
	return err;
}

/* Not every file system knows RENAME_NOREPLACE (NFS); link(2) never replaces.
 * ENOENT: NFS tells of a removal that it was asked for twice. */
int
file_rename_new(int parent, const char *from, const char *to)
{
	if (renameat2(parent, from, parent, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	if (linkat(parent, from, parent, to, 0) != 0)
		return -1;
	return unlinkat(parent, from, 0) == 0 || errno == ENOENT ? 0 : -1;
}

/* replace: what has the name already goes. */
static int
put_at(const struct file *dir, const char *path, const void *bytes, size_t n,
    mode_t mode, bool replace)
{
	OWNED(file) parent = NULL;
	char buf[SHOWN_SIZE], name[FILE_TEMPORARY_SIZE];
	const char *leaf;
	int err;

	err = need_parent(&parent, &leaf, dir, path);
	if (err == 0)
		err = file_temporary(name);
	if (err != 0)
		return err;
	err = write_new(parent, name, bytes, n, mode);
	if (err == 0 &&
	    (replace ? renameat(parent->fd, name, parent->fd, leaf) :
		       file_rename_new(parent->fd, name, leaf)) != 0)
		err = !replace && errno == EEXIST ?
		    ERR_CONFLICT :
		    log_sys("rename to '%s'", shown(buf, dir, path));
	if (err != 0) {
		unlinkat(parent->fd, name, 0);
		return err;
	}
	return file_sync(parent);
}

int
file_replace(const struct file *dir, const char *path, const void *bytes,
    size_t n, mode_t mode)
{
	return put_at(dir, path, bytes, n, mode, true);
}

int
file_create(const struct file *dir, const char *path, const void *bytes,
    size_t n, mode_t mode)
{
	return put_at(dir, path, bytes, n, mode, false);
}

int
file_remove(const struct file *dir, const char *path)
{
	OWNED(file) parent = NULL;
	char buf[SHOWN_SIZE];
	const char *leaf;
	int err;

	err = open_parent(&parent, &leaf, dir, path);
	if (err == ERR_NOT_FOUND)
		return 0;
	if (err != 0)
		return err;
	if (unlinkat(parent->fd, leaf, 0) != 0 && errno != ENOENT)
		return log_sys("unlink '%s'", shown(buf, dir, path));
	/* Also when it was absent: whoever removed it may not have come so
	 * far. */
	return file_sync(parent);
}

/* What is there is gone, whatever the length said. */
static int
overwrite(const struct file *f, uint64_t n)
{
	uint8_t junk[4096];
	int err = 0;

	for (uint64_t at = 0; err == 0 && at < n; at += sizeof(junk)) {
		size_t some = n - at < sizeof(junk) ? (size_t)(n - at) :
						      sizeof(junk);

		if (getrandom(junk, some, 0) != (ssize_t)some)
			return log_sys("getrandom");
		err = file_write_at(f, junk, some, at);
	}
	return err == 0 ? file_sync(f) : err;
}

int
file_destroy(const struct file *dir, const char *path)
{
	OWNED(file) f = NULL;
	struct stat st;
	int err;

	err = file_open(&f, dir, path, O_WRONLY | O_NONBLOCK, 0);
	if (err == ERR_NOT_FOUND)
		return file_remove(dir, path);
	if (err != 0)
		return err;
	if (fstat(f->fd, &st) != 0)
		return log_sys("stat '%s'", f->name);
	if (S_ISREG(st.st_mode) && st.st_nlink == 1)
		err = overwrite(f, (uint64_t)st.st_size);
	return err == 0 ? file_remove(dir, path) : err;
}
