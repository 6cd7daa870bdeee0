/* SPDX-License-Identifier: Apache-2.0 */
/* O_DIRECT at offsets, of lengths and into memory that are aligned to
 * nothing. */
#include <fcntl.h>

#include "tests/lib/load.h"

int
main(int argc, char **argv)
{
	static const size_t lengths[] = { 1, 4095, 65537, 1048352, 224, 100003,
		2097151, 512, 3 };
	size_t size, i = 0;
	int fd = load_open(argc, argv, O_DIRECT, &size);
	uint8_t *buf = load_memory(size);

	for (size_t at = 0; at < size; i++) {
		size_t n = lengths[i % (sizeof(lengths) / sizeof(lengths[0]))];

		if (n > size - at)
			n = size - at;
		load_pread(fd, buf + at, n, (off_t)at);
		at += n;
	}
	load_print(buf, size);
	return 0;
}
