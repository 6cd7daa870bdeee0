/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one core does here, in GB/s: copying, opening segments of 64 KiB,
 * SHA-256 of blocks of 32 KiB, one after another and side by side.  The best
 * of many short rounds: others may use the machine.
 *	ceiling		prints: NAME GB/s, one a line
 * Then, for so many blocks at once, how long each way takes in microseconds:
 *	ceiling blocks
 */
#include <err.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "vault/gcm.h"
#include "vault/lanes.h"

#define BLOCK 32768
#define SEGMENT 65536
#define BLOCKS 32
#define BYTES ((size_t)BLOCKS * BLOCK)
#define ROUNDS 200

static uint8_t from[BYTES], to[BYTES];
static struct digest digests[BLOCKS];

struct work {
	struct lanes *lanes;
	struct gcm *gcm;
	struct gcm_message messages[BYTES / SEGMENT];
	size_t blocks;
};

static void
copy(struct work *w)
{
	(void)w;
	memcpy(to, from, BYTES);
	__asm__ volatile("" : : "r"(to) : "memory");
}

static void
hash(struct work *w)
{
	struct lanes_bytes in[BLOCKS];

	for (size_t i = 0; i < w->blocks; i++)
		in[i] = (struct lanes_bytes){ from + i * BLOCK, BLOCK };
	lanes_digest(w->lanes, in, w->blocks, digests);
}

static void
open_all(struct work *w)
{
	for (size_t i = 0; i < BYTES / SEGMENT; i++)
		if (gcm_open(w->gcm, &w->messages[i]) != 0)
			errx(1, "a segment does not open");
}

/* Seconds of the fastest round. */
static double
best(struct work *w, void (*f)(struct work *w))
{
	double least = 1e9;

	for (int i = 0; i < ROUNDS; i++) {
		struct timespec a, b;
		double s;

		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
		f(w);
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b);
		s = (double)(b.tv_sec - a.tv_sec) +
		    (double)(b.tv_nsec - a.tv_nsec) / 1e9;
		if (s < least)
			least = s;
	}
	return least;
}

static void
seal_all(struct work *w)
{
	static const uint8_t key[KEY_SIZE] = { 1 };
	OWNED(gcm) sealer = NULL;

	if (gcm_sealer_new(&sealer, key) != 0 ||
	    gcm_opener_new(&w->gcm, key) != 0)
		errx(1, "out of memory");
	for (size_t i = 0; i < BYTES / SEGMENT; i++) {
		struct gcm_message *m = &w->messages[i];

		*m = (struct gcm_message){ .in = to + i * SEGMENT,
			.out = from + i * SEGMENT,
			.length = SEGMENT };
		if (gcm_seal(sealer, m) != 0)
			errx(1, "out of memory");
		m->in = from + i * SEGMENT;
		m->out = to + i * SEGMENT;
	}
}

static void
tell_blocks(struct work *w)
{
	for (w->blocks = 1; w->blocks <= BLOCKS; w->blocks++) {
		struct lanes *l = w->lanes;
		double many = best(w, hash);

		w->lanes = NULL;
		printf("%zu blocks: in lanes %.1f us, one after another %.1f "
		       "us\n",
		    w->blocks, many * 1e6, best(w, hash) * 1e6);
		w->lanes = l;
	}
}

int
main(int argc, char **argv)
{
	static struct work w = { .blocks = BLOCKS };
	bool blocks = argc == 2 && strcmp(argv[1], "blocks") == 0;

	if (argc > 1 && !blocks)
		errx(2, "usage: ceiling [blocks]");
	if (lanes_new(&w.lanes, LANES_MANY) != 0 &&
	    lanes_new(&w.lanes, LANES_FASTER) != 0)
		errx(1, "out of memory");
	if (blocks) {
		tell_blocks(&w);
		return 0;
	}
	printf("memcpy %.2f\n", (double)BYTES / best(&w, copy) / 1e9);
	seal_all(&w);
	printf("open %.2f\n", (double)BYTES / best(&w, open_all) / 1e9);
	printf("sha256-lanes %.2f\n", (double)BYTES / best(&w, hash) / 1e9);
	lanes_free(w.lanes);
	w.lanes = NULL;
	printf("sha256 %.2f\n", (double)BYTES / best(&w, hash) / 1e9);
	gcm_free(w.gcm);
	return 0;
}
