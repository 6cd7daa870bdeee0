/* SPDX-License-Identifier: Apache-2.0 */
/*
 * safetensors, reading: the file is opened twice, once for the header and once
 * for the tensors; a private read-only mapping without hints, touched a tensor
 * at a time in an order of the caller's.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "tests/lib/load.h"

#define TENSOR (3U << 20)
#define HEADER 4096

static void
touch_header(const char *path)
{
	int fd = load_reopen(path, 0);
	volatile const uint8_t *p = mmap(NULL, HEADER, PROT_READ, MAP_PRIVATE,
	    fd, 0);

	if (p == MAP_FAILED)
		load_fail("mmap");
	(void)p[0];
	close(fd);
	/* Mapped still, as the loader leaves it until it is collected. */
}

int
main(int argc, char **argv)
{
	size_t size;
	int fd = load_open(argc, argv, 0, &size);
	volatile const uint8_t *p;
	const void *whole;
	size_t tensors = (size + TENSOR - 1) / TENSOR;

	touch_header(argv[1]);
	whole = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (whole == MAP_FAILED)
		load_fail("mmap");
	close(fd);
	p = whole;
	/* Every other tensor from the end, then the rest from the start. */
	for (size_t i = tensors; i-- > 0;)
		for (size_t at = i * TENSOR;
		     i % 2 == 1 && at < size && at < (i + 1) * TENSOR;
		     at += 4096)
			(void)p[at];
	load_print(whole, size);
	return 0;
}
