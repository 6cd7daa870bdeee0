/* SPDX-License-Identifier: Apache-2.0 */
/* TensorRT-LLM: threads populate a mapping in windows of 64 MiB. */
#include <stdatomic.h>
#include <sys/mman.h>

#include "tests/lib/load.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif
#define THREADS 16
#define WINDOW ((size_t)64 << 20)

struct work {
	uint8_t *p;
	size_t size;
	atomic_size_t next;
};

static void
populate(void *arg, unsigned int i)
{
	struct work *w = arg;

	(void)i;
	for (;;) {
		size_t at = atomic_fetch_add(&w->next, WINDOW);
		size_t n;

		if (at >= w->size)
			return;
		n = w->size - at < WINDOW ? w->size - at : WINDOW;
		if (madvise(w->p + at, n, MADV_POPULATE_READ) != 0)
			load_fail("MADV_POPULATE_READ");
	}
}

int
main(int argc, char **argv)
{
	struct work w = { 0 };
	int fd = load_open(argc, argv, 0, &w.size);

	w.p = mmap(NULL, w.size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (w.p == MAP_FAILED)
		load_fail("mmap");
	load_threads(THREADS, populate, &w);
	load_print(w.p, w.size);
	return 0;
}
