/* SPDX-License-Identifier: Apache-2.0 */
/* Run:ai's streamer: 16 threads, each with a descriptor of its own, lseek and
 * read of 2 MiB. */
#include <stdatomic.h>
#include <unistd.h>

#include "tests/lib/load.h"

#define THREADS 16
#define PIECE ((size_t)2 << 20)

struct work {
	const char *path;
	uint8_t *buf;
	size_t size;
	atomic_size_t next;
};

static void
read_piece(int fd, uint8_t *to, size_t n, size_t at)
{
	if (lseek(fd, (off_t)at, SEEK_SET) < 0)
		load_fail("lseek");
	if (read(fd, to, n) != (ssize_t)n)
		load_fail("read");
}

static void
stream(void *arg, unsigned int i)
{
	struct work *w = arg;
	int fd = load_reopen(w->path, 0);

	(void)i;
	for (;;) {
		size_t at = atomic_fetch_add(&w->next, PIECE);

		if (at >= w->size)
			break;
		read_piece(fd, w->buf + at,
		    w->size - at < PIECE ? w->size - at : PIECE, at);
	}
	close(fd);
}

int
main(int argc, char **argv)
{
	struct work w = { 0 };

	close(load_open(argc, argv, 0, &w.size));
	w.path = argv[1];
	w.buf = load_memory(w.size);
	load_threads(THREADS, stream, &w);
	load_print(w.buf, w.size);
	return 0;
}
