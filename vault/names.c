/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/names.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "vault/log.h"

static int
read_all(DIR *d, const char *dirname, int (*each)(void *arg, const char *name),
    void *arg)
{
	int err = 0;

	while (err == 0) {
		struct dirent *e;

		errno = 0;
		e = readdir(d);
		if (e == NULL && errno != 0)
			return log_sys("read '%s'", dirname);
		if (e == NULL)
			break;
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			err = each(arg, e->d_name);
	}
	return err;
}

int
names_each(const struct file *dir, int (*each)(void *arg, const char *name),
    void *arg)
{
	/* A descriptor of its own: a directory's position is not shared. */
	int fd = openat(dir->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	int err;

	if (d == NULL) {
		err = log_sys("open '%s'", dir->name);
		owned_fd_close(&fd);
		return err;
	}
	err = read_all(d, dir->name, each, arg);
	closedir(d);
	return err;
}

bool
names_within(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	if (strcmp(dir, "/") == 0)
		return path[0] == '/';
	return strncmp(path, dir, n) == 0 &&
	    (path[n] == '\0' || path[n] == '/');
}
