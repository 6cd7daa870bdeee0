/* SPDX-License-Identifier: Apache-2.0 */
/* llama.cpp: fadvise SEQUENTIAL, a shared mapping populated at once, madvise
 * WILLNEED. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#include "tests/lib/load.h"

int
main(int argc, char **argv)
{
	size_t size;
	int fd = load_open(argc, argv, 0, &size);
	void *p;

	errno = posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	if (errno != 0)
		load_fail("posix_fadvise");
	p = mmap(NULL, size, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (p == MAP_FAILED)
		load_fail("mmap");
	errno = posix_madvise(p, size, POSIX_MADV_WILLNEED);
	if (errno != 0)
		load_fail("posix_madvise");
	load_print(p, size);
	return 0;
}
