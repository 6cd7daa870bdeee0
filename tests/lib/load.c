/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/load.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vault/digest.h"

#define ALIGNMENT 4096
#define THREADS 64

_Noreturn void
load_fail(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerrordesc_np(errno));
	exit(1);
}

int
load_reopen(const char *path, int flags)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | flags);

	if (fd < 0)
		load_fail(path);
	return fd;
}

int
load_open(int argc, char **argv, int flags, size_t *size)
{
	struct stat st;
	int fd;

	if (argc < 2) {
		fputs("usage: PROGRAM FILE [BYTES]\n", stderr);
		exit(2);
	}
	fd = load_reopen(argv[1], flags);
	if (fstat(fd, &st) != 0)
		load_fail(argv[1]);
	*size = (size_t)st.st_size;
	return fd;
}

size_t
load_argument(int argc, char **argv, size_t otherwise)
{
	return argc > 2 ? strtoull(argv[2], NULL, 10) : otherwise;
}

uint8_t *
load_memory(size_t n)
{
	void *p = aligned_alloc(ALIGNMENT,
	    (n + ALIGNMENT) / ALIGNMENT * ALIGNMENT);

	if (p == NULL)
		load_fail("memory");
	return p;
}

void
load_pread(int fd, void *buf, size_t n, off_t offset)
{
	ssize_t got = pread(fd, buf, n, offset);

	if (got < 0)
		load_fail("pread");
	if ((size_t)got != n) {
		fprintf(stderr, "pread: %zd of %zu bytes at %jd\n", got, n,
		    (intmax_t)offset);
		exit(1);
	}
}

struct thread {
	pthread_t id;
	unsigned int i;
	void (*run)(void *arg, unsigned int i);
	void *arg;
};

static void *
start(void *arg)
{
	struct thread *t = arg;

	t->run(t->arg, t->i);
	return NULL;
}

void
load_threads(unsigned int count, void (*run)(void *arg, unsigned int i),
    void *arg)
{
	struct thread threads[THREADS];

	for (unsigned int i = 0; i < count && i < THREADS; i++) {
		threads[i] = (struct thread){ .i = i, .run = run, .arg = arg };
		errno = pthread_create(&threads[i].id, NULL, start,
		    &threads[i]);
		if (errno != 0)
			load_fail("thread");
	}
	for (unsigned int i = 0; i < count && i < THREADS; i++)
		pthread_join(threads[i].id, NULL);
}

void
load_print(const void *bytes, size_t n)
{
	struct digest d = digest_of(bytes, n);
	char hex[DIGEST_HEX_SIZE];

	puts(digest_hex(&d, hex));
}
