/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Read a file the way a loader does and print the seconds it took:
 *	reader mmap|read FILE...
 * mmap: private mapping, one byte of each page; read: 1 MiB at a time.
 * Nothing is hashed, so that what is measured is the file system.
 */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096
#define BLOCK (1U << 20)

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static unsigned int
by_mmap(int fd, size_t size)
{
	unsigned int sum = 0;
	const volatile unsigned char *p;
	void *map = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);

	if (map == MAP_FAILED)
		err(1, "mmap");
	p = map;
	for (size_t i = 0; i < size; i += PAGE)
		sum += p[i];
	munmap(map, size);
	return sum;
}

static unsigned int
by_read(int fd)
{
	unsigned int sum = 0;
	unsigned char *buf = malloc(BLOCK);
	ssize_t n;

	if (buf == NULL)
		err(1, "malloc");
	while ((n = read(fd, buf, BLOCK)) > 0)
		sum += buf[0];
	if (n < 0)
		err(1, "read");
	free(buf);
	return sum;
}

int
main(int argc, char **argv)
{
	unsigned int sum = 0;
	double start = now();

	if (argc < 3)
		errx(2, "usage: reader mmap|read FILE...");

	for (int i = 2; i < argc; i++) {
		struct stat st;
		int fd = open(argv[i], O_RDONLY | O_CLOEXEC);

		if (fd < 0 || fstat(fd, &st) != 0)
			err(1, "%s", argv[i]);
		if (strcmp(argv[1], "mmap") == 0)
			sum += by_mmap(fd, (size_t)st.st_size);
		else
			sum += by_read(fd);
		close(fd);
	}

	printf("%.4f %u\n", now() - start, sum);
	return 0;
}
