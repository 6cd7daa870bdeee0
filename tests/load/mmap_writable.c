/* SPDX-License-Identifier: Apache-2.0 */
/*
 * torch, over safetensors: a writable private mapping.  What is written stays
 * in this process: another mapping of the file is what is hashed.
 */
#include <stdio.h>
#include <sys/mman.h>

#include "tests/lib/load.h"

int
main(int argc, char **argv)
{
	size_t size;
	int fd = load_open(argc, argv, 0, &size);
	uint8_t *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd,
	    0);
	const uint8_t *clean = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	uint64_t wrong = 0;

	if (p == MAP_FAILED || clean == MAP_FAILED)
		load_fail("mmap");
	for (size_t at = 0; at < size; at += 3 * 4096)
		p[at] ^= 0xff;
	for (size_t at = 0; at < size; at++)
		wrong += p[at] !=
		    (at % (3 * 4096) == 0 ? clean[at] ^ 0xff : clean[at]);
	if (wrong != 0) {
		fprintf(stderr, "%ju bytes are not as written\n",
		    (uintmax_t)wrong);
		return 1;
	}
	load_print(clean, size);
	return 0;
}
