/* SPDX-License-Identifier: Apache-2.0 */
/*
 *	revoked FILE SOURCE READERS LIMIT_MS COMMAND...
 * Processes read FILE, in turn by read, in a mapping and by splice, half of
 * them with nothing of it left to the kernel; once each of them has had some of
 * it, COMMAND is run, which is to end that.  0 where every reader got nothing
 * but errors from LIMIT_MS after COMMAND ended, none of them later than that,
 * and what it got before was as in SOURCE.  Time in which nothing was run here,
 * ourselves neither, counts for nobody.
 */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/load/number.h"

#define PIECE ((size_t)64 << 10)
#define MOST 64	       /* readers */
#define ENOUGH 3       /* pieces, until COMMAND may be run */
#define FAILURES 64    /* in a row: it is over */
#define PATIENCE 60000 /* ms, for the first pieces */
#define OVERTIME 20000 /* ms after the limit, for a reader to come back */
#define STEP 5	       /* ms */
#define STALL 200      /* ms that a step takes where the machine stalls */

enum kind { BY_READ, BY_MAPPING, BY_SPLICE, KINDS };
static const char *const names[KINDS] = { "read", "mmap", "splice" };

struct reader {
	pid_t pid;
	atomic_uint pieces;
	atomic_llong last; /* ns: when the last one came */
	atomic_llong over; /* ns: when so many had failed; 0: not yet */
	atomic_bool wrong; /* it was not as in SOURCE */
};

struct scene {
	const uint8_t *source;
	size_t size;
	int file;
	struct reader *readers; /* shared */
	int count;
	int64_t limit;	 /* ns */
	int64_t stalled; /* ns */
};

static sigjmp_buf place;

static void
must(int good, const char *what)
{
	if (good)
		return;
	perror(what);
	exit(2);
}

static int64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void
on_bus(int number)
{
	(void)number;
	siglongjmp(place, 1);
}

static bool
by_read(int fd, uint8_t *to, size_t at)
{
	return pread(fd, to, PIECE, (off_t)at) == (ssize_t)PIECE;
}

static bool
by_mapping(int fd, uint8_t *to, size_t at)
{
	void *p = mmap(NULL, PIECE, PROT_READ, MAP_SHARED, fd, (off_t)at);
	volatile bool good = false;

	must(p != MAP_FAILED, "mmap");
	if (sigsetjmp(place, 1) == 0) {
		memcpy(to, p, PIECE);
		good = true;
	}
	munmap(p, PIECE);
	return good;
}

static bool
by_splice(int fd, uint8_t *to, size_t at, const int pipes[2])
{
	loff_t from = (loff_t)at;

	for (size_t got = 0; got < PIECE;) {
		ssize_t n = splice(fd, &from, pipes[1], NULL, PIECE - got, 0);

		if (n <= 0)
			return false;
		for (ssize_t left = n; left > 0;) {
			ssize_t m = read(pipes[0], to + got, (size_t)left);

			must(m > 0, "pipe");
			got += (size_t)m;
			left -= m;
		}
	}
	return true;
}

static void
read_on(const struct scene *s, int i)
{
	const struct sigaction jump = { .sa_handler = on_bus };
	const enum kind kind = (enum kind)(i % KINDS);
	const bool drop = i / KINDS % 2 == 0;
	struct reader *r = &s->readers[i];
	unsigned int seed = (unsigned int)i, failures = 0;
	uint8_t *to = malloc(PIECE);
	int pipes[2];

	sigaction(SIGBUS, &jump, NULL);
	must(to != NULL && pipe(pipes) == 0, "pipe");
	while (failures < FAILURES) {
		size_t at = (size_t)rand_r(&seed) % (s->size / PIECE) * PIECE;
		bool good = kind == BY_READ ? by_read(s->file, to, at) :
		    kind == BY_MAPPING	    ? by_mapping(s->file, to, at) :
					      by_splice(s->file, to, at, pipes);

		failures = good ? 0 : failures + 1;
		if (!good)
			continue;
		atomic_store(&r->last, now_ns());
		atomic_fetch_add(&r->pieces, 1);
		if (memcmp(to, s->source + at, PIECE) != 0)
			atomic_store(&r->wrong, true);
		if (drop)
			(void)posix_fadvise(s->file, (off_t)at, (off_t)PIECE,
			    POSIX_FADV_DONTNEED);
	}
	atomic_store(&r->over, now_ns());
	_exit(0);
}

static void
start(const struct scene *s)
{
	for (int i = 0; i < s->count; i++) {
		pid_t pid = fork();

		must(pid >= 0, "fork");
		if (pid == 0)
			read_on(s, i);
		s->readers[i].pid = pid;
	}
}

static bool
all_read(const struct scene *s)
{
	for (int i = 0; i < s->count; i++)
		if (atomic_load(&s->readers[i].pieces) < ENOUGH)
			return false;
	return true;
}

static bool
all_over(const struct scene *s)
{
	for (int i = 0; i < s->count; i++)
		if (atomic_load(&s->readers[i].over) == 0)
			return false;
	return true;
}

static bool
wait_until(struct scene *s, bool (*so)(const struct scene *s), int ms)
{
	int64_t now = now_ns(), before;
	const int64_t end = now + (int64_t)ms * 1000000;

	while (!so(s) && now < end) {
		before = now;
		(void)poll(NULL, 0, STEP);
		now = now_ns();
		if (now - before > (int64_t)STALL * 1000000)
			s->stalled += now - before;
	}
	return so(s);
}

static bool
run(char **command)
{
	pid_t pid = fork();
	int status;

	must(pid >= 0, "fork");
	if (pid == 0) {
		execvp(command[0], command);
		_exit(127);
	}
	must(waitpid(pid, &status, 0) == pid, "waitpid");
	if (status != 0)
		printf("the command failed: %d\n", status);
	return status == 0;
}

/* Whether a reader was as it should be. */
static bool
judge(const struct scene *s, int i, int64_t ended)
{
	const struct reader *r = &s->readers[i];
	int64_t after = atomic_load(&r->last) - ended;
	int64_t over = atomic_load(&r->over);
	int64_t limit = s->limit + s->stalled;
	bool late = after > limit, wrong = atomic_load(&r->wrong);
	bool hung = !late && (over == 0 || over - ended > limit);

	printf("%s: %u pieces, the last one %.1f ms after%s%s%s\n",
	    names[i % KINDS], atomic_load(&r->pieces), (double)after / 1e6,
	    late ? ", which is late" : "", wrong ? ", not as they were" : "",
	    hung ? ", and it hung" : "");
	return !late && !wrong && !hung;
}

static const uint8_t *
load(const char *path, size_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *p;

	must(fd >= 0 && fstat(fd, &st) == 0, path);
	*size = (size_t)st.st_size;
	p = mmap(NULL, *size, PROT_READ, MAP_PRIVATE, fd, 0);
	must(p != MAP_FAILED, path);
	close(fd);
	return p;
}

int
main(int argc, char **argv)
{
	struct scene s = { 0 };
	bool good;
	int64_t ended;

	if (argc < 6)
		return 2;
	s.count = number(argv[3]);
	s.limit = (int64_t)number(argv[4]) * 1000000;
	s.file = open(argv[1], O_RDONLY | O_CLOEXEC);
	must(s.file >= 0, argv[1]);
	s.source = load(argv[2], &s.size);
	s.readers = mmap(NULL, MOST * sizeof(*s.readers),
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	must((void *)s.readers != MAP_FAILED && s.count <= MOST, "readers");
	start(&s);
	good = wait_until(&s, all_read, PATIENCE);
	good = run(argv + 5) && good;
	ended = now_ns();
	s.stalled = 0;
	(void)wait_until(&s, all_over, number(argv[4]) + OVERTIME);
	if (s.stalled > 0)
		printf("stalled for %.1f ms\n", (double)s.stalled / 1e6);
	for (int i = 0; i < s.count; i++)
		good = judge(&s, i, ended) && good;
	for (int i = 0; i < s.count; i++) {
		(void)kill(s.readers[i].pid, SIGKILL);
		(void)waitpid(s.readers[i].pid, NULL, 0);
	}
	return good ? 0 : 1;
}
