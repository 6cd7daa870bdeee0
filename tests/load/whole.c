/* SPDX-License-Identifier: Apache-2.0 */
/* transformers with disable_mmap: the whole file by one read(2), which gives
 * at most 2 GiB at once. */
#include <unistd.h>

#include "tests/lib/load.h"

int
main(int argc, char **argv)
{
	size_t size, done = 0;
	int fd = load_open(argc, argv, 0, &size);
	uint8_t *buf = load_memory(size);

	while (done < size) {
		ssize_t got = read(fd, buf + done, size - done);

		if (got <= 0)
			load_fail("read");
		done += (size_t)got;
	}
	load_print(buf, size);
	return 0;
}
