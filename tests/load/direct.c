/* SPDX-License-Identifier: Apache-2.0 */
/* llama.cpp --direct-io, fastsafetensors: O_DIRECT in aligned pieces of BYTES
 * (1 MiB); the end of the file is read short. */
#include <fcntl.h>
#include <unistd.h>

#include "tests/lib/load.h"

int
main(int argc, char **argv)
{
	size_t size, piece = load_argument(argc, argv, (size_t)1 << 20);
	int fd = load_open(argc, argv, O_DIRECT, &size);
	uint8_t *buf = load_memory(size + piece);

	for (size_t at = 0; at < size; at += piece) {
		size_t left = size - at < piece ? size - at : piece;
		ssize_t got = read(fd, buf + at, piece);

		if (got != (ssize_t)left)
			load_fail("short direct read");
	}
	load_print(buf, size);
	return 0;
}
