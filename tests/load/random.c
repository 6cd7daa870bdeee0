/* SPDX-License-Identifier: Apache-2.0 */
/* pread of BYTES (4 KiB) in random order, every piece once. */
#include <stdlib.h>

#include "tests/lib/load.h"

int
main(int argc, char **argv)
{
	size_t size, piece = load_argument(argc, argv, 4096);
	int fd = load_open(argc, argv, 0, &size);
	uint8_t *buf = load_memory(size);
	size_t count = (size + piece - 1) / piece;
	size_t *order = malloc((count + 1) * sizeof(*order));
	uint64_t seed = 42;

	if (order == NULL)
		load_fail("memory");
	for (size_t i = 0; i < count; i++) {
		size_t j;

		seed = seed * 6364136223846793005U + 1442695040888963407U;
		j = (size_t)(seed >> 33) % (i + 1);
		order[i] = order[j];
		order[j] = i;
	}
	for (size_t i = 0; i < count; i++) {
		size_t at = order[i] * piece;
		size_t n = size - at < piece ? size - at : piece;

		load_pread(fd, buf + at, n, (off_t)at);
	}
	load_print(buf, size);
	free(order);
	return 0;
}
