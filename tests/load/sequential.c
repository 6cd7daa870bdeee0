/* SPDX-License-Identifier: Apache-2.0 */
/* cp (BYTES 131072), sha256sum (32768), tar (10240): from start to end. */
#include <fcntl.h>
#include <unistd.h>

#include "tests/lib/load.h"

int
main(int argc, char **argv)
{
	size_t size, done = 0, piece = load_argument(argc, argv, 131072);
	int fd = load_open(argc, argv, 0, &size);
	uint8_t *buf = load_memory(size + piece);

	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	for (;;) {
		ssize_t got = read(fd, buf + done, piece);

		if (got < 0)
			load_fail("read");
		if (got == 0)
			break;
		done += (size_t)got;
		if ((size_t)got < piece && done < size)
			load_fail("short read");
		if (done > size)
			load_fail("more than the file holds");
	}
	load_print(buf, done);
	return 0;
}
