/* SPDX-License-Identifier: Apache-2.0 */
/* fastsafetensors: 16 threads on one descriptor, pread of up to 16 MiB. */
#include "tests/lib/load.h"

#define THREADS 16
#define PIECE ((size_t)16 << 20)

struct work {
	int fd;
	uint8_t *buf;
	size_t size;
};

static void
read_pieces(void *arg, unsigned int i)
{
	const struct work *w = arg;

	for (size_t at = i * PIECE; at < w->size; at += THREADS * PIECE)
		load_pread(w->fd, w->buf + at,
		    w->size - at < PIECE ? w->size - at : PIECE, (off_t)at);
}

int
main(int argc, char **argv)
{
	struct work w = { 0 };

	w.fd = load_open(argc, argv, 0, &w.size);
	w.buf = load_memory(w.size);
	load_threads(THREADS, read_pieces, &w);
	load_print(w.buf, w.size);
	return 0;
}
