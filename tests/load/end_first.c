/* SPDX-License-Identifier: Apache-2.0 */
/* torch.load of a zip: the end of the file first, where the directory is,
 * then one read for each tensor, large ones and small ones. */
#include "tests/lib/load.h"

#define DIRECTORY ((size_t)65557)

int
main(int argc, char **argv)
{
	static const size_t tensors[] = { 64, 1234567, 4096, 9000001, 333 };
	size_t size, at = 0;
	int fd = load_open(argc, argv, 0, &size);
	uint8_t *buf = load_memory(size);
	size_t end = size < DIRECTORY ? size : DIRECTORY;

	load_pread(fd, buf + size - end, end, (off_t)(size - end));
	for (size_t i = 0; at < size - end; i++) {
		size_t n = tensors[i % (sizeof(tensors) / sizeof(tensors[0]))];

		if (n > size - end - at)
			n = size - end - at;
		load_pread(fd, buf + at, n, (off_t)at);
		at += n;
	}
	load_print(buf, size);
	return 0;
}
