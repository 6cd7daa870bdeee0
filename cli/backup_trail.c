/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/backup.h"
#include "vault/err.h"
#include "vault/log.h"
#include "vault/tiles_copy.h"

#define TRAIL "trail"
#define COSIGNED "cosigned"
#define RULES "watch.ini"
#define DIR_MODE 0755

static int
open_dir(struct file **out, const struct file *dir, const char *path)
{
	return file_open(out, dir, path, O_RDONLY | O_DIRECTORY, 0);
}

/* The files of a directory, by name; others are passed over. */
static int
copy_files(const struct file *from, const struct file *to)
{
	int fd = openat(from->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *e;
	int r = 0;

	if (d == NULL) {
		r = log_sys("read '%s'", from->name);
		if (fd >= 0)
			close(fd);
		return r;
	}
	while (r == 0 && (e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			r = backup_copy_file(from, e->d_name, to, e->d_name,
			    NULL);
	closedir(d);
	return r;
}

static int
copy_cosigned(const struct file *from, const struct file *to)
{
	OWNED(file) here = NULL;
	OWNED(file) there = NULL;
	int r = open_dir(&here, from, COSIGNED);

	if (r == ERR_NOT_FOUND)
		return 0;
	if (r == 0)
		r = file_mkdir(to, COSIGNED, DIR_MODE);
	if (r == 0)
		r = open_dir(&there, to, COSIGNED);
	return r == 0 ? copy_files(here, there) : r;
}

int
backup_copy_trail(const struct file *from, const struct file *to,
    const struct file *known, const struct note_checkpoint *c, const char *note)
{
	OWNED(file) here = NULL;
	OWNED(file) there = NULL;
	OWNED(file) had = NULL;
	struct tiles_copy how = { .checkpoint = c, .note = note };
	int r = open_dir(&here, from, TRAIL);

	if (r == ERR_NOT_FOUND)
		r = log_err(ERR_INTEGRITY, "'%s/" TRAIL "' is missing",
		    from->name);
	if (r == 0)
		r = file_mkdir(to, TRAIL, DIR_MODE);
	if (r == 0)
		r = open_dir(&there, to, TRAIL);
	if (r == 0 && known != NULL && open_dir(&had, known, TRAIL) == 0)
		how.known = had;
	if (r != 0)
		return r;
	how.from = here;
	how.to = there;
	r = tiles_copy_run(&how);
	return r == 0 ? copy_cosigned(here, there) : r;
}

int
backup_copy_rules(const struct file *from, const struct file *to)
{
	int r = backup_copy_file(from, RULES, to, RULES, NULL);

	return r == ERR_NOT_FOUND ? 0 : r;
}

int
backup_sync(const struct file *dir)
{
	if (syncfs(dir->fd) != 0)
		return log_sys("sync the file system of '%s'", dir->name);
	return 0;
}
