/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "vault/err.h"
#include "vault/log.h"
#include "vault/store_dir_parts.h"

#define STALE_SECONDS (24 * 60 * 60)

/* For each name in the store's directories. */
struct visit {
	int (*each)(struct visit *v, const struct file *dir, const char *leaf);
	int (*object)(void *arg, const struct digest *name, uint64_t size);
	void *arg;
	const char *ab; /* the directory it is in */
	uint64_t junk;
	time_t before;
};

static bool
is_dot(const char *leaf)
{
	return strcmp(leaf, ".") == 0 || strcmp(leaf, "..") == 0;
}

static int
walk_dir(const struct file *parent, const char *path,
    int (*each)(void *arg, const struct file *dir, const char *leaf), void *arg)
{
	OWNED(file) dir = NULL;
	const struct dirent *e;
	DIR *stream;
	int fd, err;

	err = file_open(&dir, parent, path, O_RDONLY | O_DIRECTORY, 0);
	if (err != 0)
		return err;
	fd = fcntl(dir->fd, F_DUPFD_CLOEXEC, 0);
	stream = fd >= 0 ? fdopendir(fd) : NULL;
	if (stream == NULL) {
		err = log_sys("list '%s'", dir->name);
		owned_fd_close(&fd);
		return err;
	}
	do {
		errno = 0;
		e = readdir(stream);
		if (e == NULL && errno != 0)
			err = log_sys("list '%s'", dir->name);
		else if (e != NULL && !is_dot(e->d_name))
			err = each(arg, dir, e->d_name);
	} while (e != NULL && err == 0);
	closedir(stream);
	return err;
}

static int
visit_leaf(void *arg, const struct file *dir, const char *leaf)
{
	struct visit *v = arg;

	return v->each(v, dir, leaf);
}

/* A name in the root: it should be two digits, and a directory. */
static int
visit_top(void *arg, const struct file *dir, const char *leaf)
{
	struct visit *v = arg;
	struct stat st;
	int err;

	if (strlen(leaf) != 2 || strspn(leaf, "0123456789abcdef") != 2 ||
	    fstatat(dir->fd, leaf, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
	    !S_ISDIR(st.st_mode)) {
		v->junk++;
		return 0;
	}
	v->ab = leaf;
	err = walk_dir(dir, leaf, visit_leaf, v);
	return err == ERR_NOT_FOUND ? 0 : err; /* gone meanwhile */
}

static bool
is_temporary(const char *leaf)
{
	return strncmp(leaf, FILE_TEMPORARY, strlen(FILE_TEMPORARY)) == 0;
}

static int
visit_object(struct visit *v, const struct file *dir, const char *leaf)
{
	struct digest name;
	struct stat st;

	if (is_temporary(leaf))
		return 0;
	if (fstatat(dir->fd, leaf, &st, AT_SYMLINK_NOFOLLOW) != 0) {
		if (errno == ENOENT)
			return 0;
		return log_sys("stat of a name in '%s'", dir->name);
	}
	if (!S_ISREG(st.st_mode) || strncmp(leaf, v->ab, 2) != 0 ||
	    digest_parse(&name, leaf) != 0) {
		v->junk++;
		return 0;
	}
	return v->object(v->arg, &name, (uint64_t)st.st_size);
}

int
store_dir_list(void *arg,
    int (*each)(void *each_arg, const struct digest *name, uint64_t size),
    void *each_arg)
{
	struct store_dir *d = arg;
	struct visit v = {
		.each = visit_object,
		.object = each,
		.arg = each_arg,
	};
	int err = walk_dir(d->root, ".", visit_top, &v);

	if (err == 0 && v.junk > 0)
		log_warn("'%s' holds %ju names that are not objects",
		    d->root->name, (uintmax_t)v.junk);
	return err;
}

static int
visit_stale(struct visit *v, const struct file *dir, const char *leaf)
{
	struct stat st;

	if (!is_temporary(leaf) ||
	    fstatat(dir->fd, leaf, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
	    st.st_mtime >= v->before)
		return 0;
	/* It takes room, and does no other harm. */
	if (unlinkat(dir->fd, leaf, 0) != 0 && errno != ENOENT)
		log_warn("a temporary file stays in '%s': %s", dir->name,
		    strerrordesc_np(errno));
	return 0;
}

int
store_dir_sweep(void *arg)
{
	struct store_dir *d = arg;
	struct visit v = {
		.each = visit_stale,
		.before = time(NULL) - STALE_SECONDS,
	};

	return walk_dir(d->root, ".", visit_top, &v);
}
