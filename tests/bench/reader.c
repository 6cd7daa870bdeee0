/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Read a file the way loaders do; print the seconds and CPU seconds it took:
 *	reader HOW FILE...
 *
 *	mmap		private mapping, one byte of each page
 *	processes:N	the same by N processes at once
 *	read		1 MiB at a time
 *	direct:BYTES	O_DIRECT
 *	threads:N:BYTES	N threads that take turns at pieces of so many bytes
 *	random:COUNT	COUNT reads of 4 KiB, anywhere
 *
 * Nothing is hashed, so that what is measured is the file system.
 */
#include <err.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vault/clock.h"

#define PAGE 4096
#define BLOCK (1U << 20)
#define THREADS_MAX 64

struct work {
	int fd;
	uint64_t size;
	uint64_t piece;
	uint64_t count;
	atomic_uint_fast64_t next;
};

static double
seconds(const struct timeval *t)
{
	return (double)t->tv_sec + (double)t->tv_usec / 1e6;
}

static double
cpu(int who)
{
	struct rusage u;

	getrusage(who, &u);
	return seconds(&u.ru_utime) + seconds(&u.ru_stime);
}

static void
by_mmap(const struct work *w)
{
	const volatile unsigned char *p;
	unsigned int sum = 0;
	void *map = mmap(NULL, w->size, PROT_READ, MAP_PRIVATE, w->fd, 0);

	if (map == MAP_FAILED)
		err(1, "mmap");
	p = map;
	for (uint64_t i = 0; i < w->size; i += PAGE)
		sum += p[i];
	munmap(map, w->size);
	(void)sum;
}

static void
by_processes(const struct work *w)
{
	int status;

	for (uint64_t i = 0; i < w->count; i++) {
		pid_t pid = fork();

		if (pid < 0)
			err(1, "fork");
		if (pid == 0) {
			by_mmap(w);
			_exit(0);
		}
	}
	while (wait(&status) > 0)
		if (status != 0)
			errx(1, "a reader failed");
}

static uint8_t *
room(size_t n)
{
	uint8_t *buf = aligned_alloc(PAGE, n);

	if (buf == NULL)
		err(1, "malloc");
	return buf;
}

static void
by_read(const struct work *w)
{
	uint8_t *buf = room(w->piece);
	ssize_t n;

	while ((n = read(w->fd, buf, w->piece)) > 0)
		;
	if (n < 0)
		err(1, "read");
	free(buf);
}

static void *
take_turns(void *arg)
{
	struct work *w = arg;
	uint8_t *buf = room(w->piece);
	uint64_t at;

	while ((at = atomic_fetch_add(&w->next, w->piece)) < w->size)
		for (uint64_t done = 0;
		     done < w->piece && at + done < w->size;) {
			ssize_t n = pread(w->fd, buf + done, w->piece - done,
			    (off_t)(at + done));

			if (n <= 0)
				err(1, "pread");
			done += (uint64_t)n;
		}
	free(buf);
	return NULL;
}

static void
by_threads(struct work *w)
{
	pthread_t threads[THREADS_MAX];

	for (uint64_t i = 0; i < w->count; i++)
		if (pthread_create(&threads[i], NULL, take_turns, w) != 0)
			errx(1, "no thread");
	for (uint64_t i = 0; i < w->count; i++)
		pthread_join(threads[i], NULL);
}

static void
at_random(const struct work *w)
{
	uint8_t buf[PAGE];
	uint64_t
	    x = 88172645463325252; /* xorshift64: the same places each time */

	for (uint64_t i = 0; i < w->count; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		if (pread(w->fd, buf, PAGE,
			(off_t)(x % (w->size / PAGE) * PAGE)) != PAGE)
			err(1, "pread");
	}
}

static void
read_file(const char *how, const char *path)
{
	struct work w = { .piece = BLOCK };
	unsigned long long a = 0, b = 0;
	bool direct = sscanf(how, "direct:%llu", &a) == 1;
	struct stat st;

	w.fd = open(path, O_RDONLY | O_CLOEXEC | (direct ? O_DIRECT : 0));
	if (w.fd < 0 || fstat(w.fd, &st) != 0)
		err(1, "%s", path);
	w.size = (uint64_t)st.st_size;
	if (direct)
		w.piece = a;
	if (strcmp(how, "mmap") == 0) {
		by_mmap(&w);
	} else if (strcmp(how, "read") == 0 || direct) {
		by_read(&w);
	} else if (sscanf(how, "processes:%llu", &a) == 1) {
		w.count = a;
		by_processes(&w);
	} else if (sscanf(how, "threads:%llu:%llu", &a, &b) == 2 && a > 0 &&
	    a <= THREADS_MAX) {
		w.count = a;
		w.piece = b;
		by_threads(&w);
	} else if (sscanf(how, "random:%llu", &a) == 1 && w.size >= PAGE) {
		w.count = a;
		at_random(&w);
	} else {
		errx(2, "%s: no such way to read", how);
	}
	close(w.fd);
}

int
main(int argc, char **argv)
{
	double start = clock_seconds(CLOCK_MONOTONIC);

	if (argc < 3)
		errx(2, "usage: reader HOW FILE...");
	for (int i = 2; i < argc; i++)
		read_file(argv[1], argv[i]);
	printf("%.4f %.4f\n", clock_seconds(CLOCK_MONOTONIC) - start,
	    cpu(RUSAGE_SELF) + cpu(RUSAGE_CHILDREN));
	return 0;
}
