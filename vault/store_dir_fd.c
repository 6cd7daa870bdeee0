/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "vault/err.h"
#include "vault/file.h"
#include "vault/log.h"
#include "vault/store.h"

int
store_dir_init(const char *path)
{
	return file_mkdir(NULL, path, 0777);
}

int
store_dir_fd(int *out, const char *path)
{
	char shown[256];
	struct stat st;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd >= 0) {
		*out = fd;
		return 0;
	}
	log_name(shown, sizeof(shown), path, strlen(path));
	if (errno == ENOENT)
		return log_err(ERR_NOT_FOUND,
		    "there is no object store at '%s'", shown);
	if (errno == ENOTDIR && lstat(path, &st) == 0 && S_ISLNK(st.st_mode))
		return log_err(ERR_FORMAT,
		    "'%s' is a symbolic link, which is not followed: for a "
		    "store elsewhere, mount --bind it there",
		    shown);
	return log_sys("open '%s'", shown);
}
