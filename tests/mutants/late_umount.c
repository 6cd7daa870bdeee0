/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weir-mount-late: one that is held up just before it unmounts, for as long as
 * a file WEIR_TEST_LATE is there, which it makes.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

int __real_umount2(const char *path, int flags);
int __wrap_umount2(const char *path, int flags);

int
__wrap_umount2(const char *path, int flags)
{
	const char *late = getenv("WEIR_TEST_LATE");
	int fd = late != NULL ? open(late, O_CREAT | O_RDWR, 0600) : -1;

	if (fd >= 0)
		close(fd);
	for (int i = 0; late != NULL && i < 2000 && access(late, F_OK) == 0;
	     i++)
		(void)poll(NULL, 0, 10);
	return __real_umount2(path, flags);
}
