/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vault/crew.h"
#include "vault/err.h"
#include "vault/file.h"
#include "vault/log.h"
#include "vault/store_dir_parts.h"

/* "ab/" and 64 digits. */
#define PATH_SIZE (3 + DIGEST_HEX_SIZE)

static void
dir_free(void *arg)
{
	struct store_dir *d = arg;

	file_free(d->root);
	pthread_mutex_destroy(&d->mutex);
	pthread_mutex_destroy(&d->flushing);
	free(d);
}

/* "ab/abcdef…"; the leaf begins at 3. */
static const char *
path_of(char buf[static PATH_SIZE], const struct digest *name)
{
	digest_hex(name, buf + 3);
	buf[0] = buf[3];
	buf[1] = buf[4];
	buf[2] = '/';
	return buf;
}

/* The line for a failed call (errno), which names the object; to be said in
 * place of the lines of file.h where a disk may be full. */
static int
failed(const struct store_dir *d, const char *what, const struct digest *name)
{
	char hex[DIGEST_HEX_SIZE];

	digest_hex(name, hex);
	if (err_from_errno(errno) == ERR_SPACE)
		return log_err(ERR_SPACE,
		    "no space for object %s in '%s': make room and run the "
		    "same command again, it goes on from here",
		    hex, d->root->name);
	return log_sys("%s object %s in '%s'", what, hex, d->root->name);
}

/* Open an object for reading.  ERR_INTEGRITY if it is no plain file. */
static int
open_object(struct file **out, struct store_dir *d, const struct digest *name,
    struct store_age *age)
{
	OWNED(file) f = NULL;
	char path[PATH_SIZE];
	struct stat st;
	int err;

	/* Not to hang on what somebody put there in place of an object. */
	err = file_open(&f, d->root, path_of(path, name),
	    O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	if (err != 0)
		return err == ERR_FORMAT ? ERR_INTEGRITY : err;
	if (fstat(f->fd, &st) != 0)
		return log_sys("stat '%s'", f->name);
	if (!S_ISREG(st.st_mode))
		return log_err(ERR_INTEGRITY, "'%s' is not a plain file",
		    f->name);
	*age = (struct store_age){ (uint64_t)st.st_size,
		st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000 };
	*out = f;
	f = NULL;
	return 0;
}

static int
dir_age(void *arg, const struct digest *name, struct store_age *out)
{
	OWNED(file) f = NULL;

	return open_object(&f, arg, name, out);
}

static int
dir_has(void *arg, const struct digest *name, uint64_t *size)
{
	struct store_age age;
	int err = dir_age(arg, name, &age);

	if (err == 0)
		*size = age.size;
	return err;
}

static int
dir_get(void *arg, const struct digest *name, uint64_t offset, void *buf,
    size_t n, size_t *got)
{
	OWNED(file) f = NULL;
	struct store_age age;
	int err = open_object(&f, arg, name, &age);

	if (err != 0)
		return err;
	return file_read_some(f, buf, n, offset, got);
}

static void
dir_uncache(void *arg, const struct digest *name)
{
	const struct store_dir *d = arg;
	OWNED(file) f = NULL;
	char path[PATH_SIZE];

	if (file_open(&f, d->root, path_of(path, name),
		O_RDONLY | O_NONBLOCK | O_NOCTTY, 0) == 0)
		posix_fadvise(f->fd, 0, 0, POSIX_FADV_DONTNEED);
}

/* What name's directory holds has changed: flush has to sync it, and the root
 * too unless this store saw to it that the directory itself lasts. */
static void
touch(struct store_dir *d, const struct digest *name)
{
	LOCKED(lock, &d->mutex);
	uint8_t ab = name->bytes[0];

	d->dirty[ab] = true;
	if (!d->known[ab])
		d->root_dirty = true;
	d->known[ab] = true;
}

static int
dir_keep(void *arg, const struct digest *name)
{
	struct store_dir *d = arg;
	OWNED(file) f = NULL;
	struct store_age age;
	int err = d->dead ? ERR_IO : open_object(&f, d, name, &age);

	if (err != 0)
		return err;
	err = file_sync_data(f);
	if (err != 0) {
		/* The kernel takes its pages for clean now, and would say yes
		 * the next time.  Whoever looks again is to see the disk. */
		d->dead = true;
		posix_fadvise(f->fd, 0, 0, POSIX_FADV_DONTNEED);
		return err;
	}
	/* It is wanted as of now; who may not say so is kept safe by keyd. */
	(void)!futimens(f->fd, NULL);
	touch(d, name);
	return 0;
}

/* Open the directory that name belongs in, which is made if need be. */
static int
open_parent(struct file **out, struct store_dir *d, const struct digest *name)
{
	char ab[PATH_SIZE];
	int err;

	path_of(ab, name);
	ab[2] = '\0';
	err = file_open(out, d->root, ab, O_RDONLY | O_DIRECTORY, 0);
	if (err != ERR_NOT_FOUND)
		return err;
	if (mkdirat(d->root->fd, ab, 0777) != 0 && errno != EEXIST)
		return failed(d, "make the directory of", name);
	err = file_open(out, d->root, ab, O_RDONLY | O_DIRECTORY, 0);
	if (err == ERR_NOT_FOUND)
		return log_err(ERR_FORMAT, "'%s/%s' is not a directory",
		    d->root->name, ab);
	return err;
}

/* False with errno set. */
static bool
write_all(int fd, const uint8_t *bytes, size_t n)
{
	while (n > 0) {
		ssize_t r = write(fd, bytes, n);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return false;
		bytes += r;
		n -= (size_t)r;
	}
	return true;
}

struct parcel {
	const struct digest *name;
	const void *bytes;
	size_t length;
};

/* A synced file with a temporary name; it may be there on failure too. */
static int
write_temporary(struct store_dir *d, const struct file *parent,
    const char *temporary, const struct parcel *p)
{
	OWNED_FD fd = openat(parent->fd, temporary,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0444);

	if (fd < 0)
		return failed(d, "create", p->name);
	if (!write_all(fd, p->bytes, p->length))
		return failed(d, "write", p->name);
	if (fsync(fd) != 0)
		return failed(d, "fsync", p->name);
	return 0;
}

static int
give_name(struct store_dir *d, const struct file *parent, const char *temporary,
    const struct digest *name, bool replace)
{
	char path[PATH_SIZE];
	const char *leaf = path_of(path, name) + 3;
	int r;

	if (replace)
		r = renameat(parent->fd, temporary, parent->fd, leaf);
	else
		r = file_rename_new(parent->fd, temporary, leaf);
	if (r == 0)
		return 0;
	if (!replace && errno == EEXIST)
		return ERR_CONFLICT;
	return failed(d, "rename", name);
}

static int
dir_put(void *arg, const struct digest *name, const void *bytes, size_t n,
    bool replace)
{
	const struct parcel p = { name, bytes, n };
	struct store_dir *d = arg;
	OWNED(file) parent = NULL;
	char temporary[FILE_TEMPORARY_SIZE];
	int err;

	if (d->dead)
		return ERR_IO;
	err = file_temporary(temporary);
	if (err == 0)
		err = open_parent(&parent, d, name);
	if (err != 0)
		return err;
	err = write_temporary(d, parent, temporary, &p);
	if (err == 0)
		err = give_name(d, parent, temporary, name, replace);
	if (err != 0) {
		unlinkat(parent->fd, temporary, 0);
		return err;
	}
	touch(d, name);
	return 0;
}

/* What the last flush has left to do; it is taken off the list. */
struct dirt {
	bool dirs[256];
	bool root;
};

static struct dirt
take_dirt(struct store_dir *d)
{
	LOCKED(lock, &d->mutex);
	struct dirt dirt = { .root = d->root_dirty };

	memcpy(dirt.dirs, d->dirty, sizeof(dirt.dirs));
	memset(d->dirty, 0, sizeof(d->dirty));
	d->root_dirty = false;
	return dirt;
}

static void
give_back(struct store_dir *d, const struct dirt *dirt)
{
	LOCKED(lock, &d->mutex);

	for (size_t i = 0; i < 256; i++)
		d->dirty[i] = d->dirty[i] || dirt->dirs[i];
	d->root_dirty = d->root_dirty || dirt->root;
}

/* A flush: directory which[i], and what came of it. */
struct syncing {
	struct store_dir *d;
	size_t count;
	uint8_t which[256];
	int errs[256];
};

static void
sync_one(void *arg, size_t i)
{
	struct syncing *s = arg;
	OWNED(file) dir = NULL;
	char ab[3];
	int err;

	snprintf(ab, sizeof(ab), "%02x", s->which[i]);
	err = file_open(&dir, s->d->root, ab, O_RDONLY | O_DIRECTORY, 0);
	if (err == ERR_NOT_FOUND)
		err = log_err(ERR_IO, "'%s/%s' has gone", s->d->root->name, ab);
	else if (err == 0 && file_sync(dir) != 0)
		err = ERR_IO;
	s->errs[i] = err;
}

/* Sync what is in dirt and take it out.  ERR_IO, and nothing else, when
 * syncing failed: that must not be tried again. */
static int
sync_dirt(struct store_dir *d, struct dirt *dirt)
{
	struct syncing s = { .d = d };
	int err = 0;

	for (unsigned int i = 0; i < 256; i++)
		if (dirt->dirs[i])
			s.which[s.count++] = (uint8_t)i;
	crew_run(s.count, sync_one, &s);
	for (size_t i = 0; i < s.count; i++) {
		dirt->dirs[s.which[i]] = s.errs[i] != 0;
		if (s.errs[i] != 0 && err != ERR_IO)
			err = s.errs[i];
	}
	if (err == 0 && dirt->root && file_sync(d->root) != 0)
		err = ERR_IO;
	return err;
}

/* One at a time: who finds nothing to do must know that the one who took it
 * is done. */
static int
dir_flush(void *arg)
{
	struct store_dir *d = arg;
	LOCKED(turn, &d->flushing);
	struct dirt dirt;
	int err;

	if (d->dead)
		return ERR_IO;
	dirt = take_dirt(d);
	err = sync_dirt(d, &dirt);
	if (err == ERR_IO)
		d->dead = true;
	else if (err != 0)
		give_back(d, &dirt);
	return err;
}

static int
dir_remove(void *arg, const struct digest *name)
{
	struct store_dir *d = arg;
	OWNED(file) parent = NULL;
	char path[PATH_SIZE];
	int err;

	path_of(path, name);
	path[2] = '\0';
	err = file_open(&parent, d->root, path, O_RDONLY | O_DIRECTORY, 0);
	if (err != 0)
		return err;
	if (unlinkat(parent->fd, path + 3, 0) != 0) {
		if (errno == ENOENT)
			return ERR_NOT_FOUND;
		return failed(d, "remove", name);
	}
	touch(d, name);
	return 0;
}

static const struct store_ops dir_ops = {
	.has = dir_has,
	.get = dir_get,
	.put = dir_put,
	.keep = dir_keep,
	.flush = dir_flush,
	.list = store_dir_list,
	.remove = dir_remove,
	.age = dir_age,
	.sweep = store_dir_sweep,
	.uncache = dir_uncache,
	.free = dir_free,
};

/* Takes over root, also when it fails. */
static int
make(struct store **out, struct file *root)
{
	struct store_dir *d = calloc(1, sizeof(*d));

	if (d == NULL) {
		file_free(root);
		return ERR_NOMEM;
	}
	d->root = root;
	pthread_mutex_init(&d->mutex, NULL);
	pthread_mutex_init(&d->flushing, NULL);
	return store_new(out, &dir_ops, d);
}

int
store_dir_open(struct store **out, const char *path)
{
	struct file *root;
	int fd = -1, err = store_dir_fd(&fd, path);

	if (err == 0)
		err = file_adopt(&root, fd, path);
	return err != 0 ? err : make(out, root);
}

int
store_dir_adopt(struct store **out, int fd)
{
	struct file *root;
	int err = file_adopt(&root, fd, "objects");

	return err != 0 ? err : make(out, root);
}
