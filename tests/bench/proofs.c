/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long a proof takes in a long log: proofs DIR ENTRIES
 *
 * DIR (on tmpfs, say) gets trail/ with ENTRIES entries of 64 bytes, by the code
 * that keyd writes it with, unless it has one of that length.  Then, each by a
 * reader of its own, as a command does it: an inclusion proof of a random
 * entry, and a consistency proof from a random size, made and checked.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "vault/err.h"
#include "vault/file.h"
#include "vault/log.h"
#include "vault/tlog.h"
#include "vault/trail.h"
#include "vault/trail_log.h"

#define TRIES 1000
#define BATCH 100000
#define ENTRY_SIZE 64

static struct note_key key;
static struct sign_key *seed;

static double
now_ms(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static uint64_t
random_below(uint64_t n)
{
	uint64_t v;

	if (getrandom(&v, sizeof(v), 0) != sizeof(v))
		abort();
	return v % n;
}

static size_t
entry(uint64_t i, char out[static ENTRY_SIZE + 1])
{
	return (size_t)snprintf(out, ENTRY_SIZE + 1,
	    "{\"v\":1,\"kind\":\"config\",\"key\":\"%020" PRIu64
	    "\",\"value\":0}",
	    i);
}

static int
build(const struct file *vault, uint64_t entries)
{
	OWNED(trail_log) l = NULL;
	OWNED(file) dir = NULL;
	struct trail_log_how how = { .key = &key, .seed = seed };
	char text[ENTRY_SIZE + 1];
	uint64_t i;
	int err;

	err = file_mkdir(vault, "trail", 0700);
	if (err == 0)
		err = file_open(&dir, vault, "trail", O_RDONLY | O_DIRECTORY,
		    0);
	how.dir = dir;
	if (err == 0 && faccessat(dir->fd, "checkpoint", F_OK, 0) != 0)
		err = trail_log_init(&how);
	if (err == 0)
		err = trail_log_open(&l, &how);
	if (err != 0)
		return err;
	i = trail_log_checkpoint(l)->size;
	err = trail_log_begin(l);
	while (err == 0 && i < entries) {
		err = trail_log_add(l, text, entry(i++, text));
		if (err == 0 && (i % BATCH == 0 || i == entries))
			err = trail_log_publish(l);
	}
	return err;
}

static int
prove_entry(struct trail_reader *r, uint64_t size)
{
	struct digest proof[TLOG_PROOF_MAX], leaf;
	uint64_t i = random_below(size);
	char text[ENTRY_SIZE + 1];
	size_t n;
	int err;

	err = tlog_inclusion(i, size, trail_reader_node, r, proof, &n);
	if (err != 0)
		return err;
	leaf = tlog_leaf(text, entry(i, text));
	return tlog_inclusion_ok(i, size, &leaf, proof, n,
		   &trail_reader_checkpoint(r)->root) ?
	    0 :
	    ERR_INTEGRITY;
}

static int
prove_history(struct trail_reader *r, uint64_t size)
{
	struct digest proof[TLOG_PROOF_MAX], then;
	uint64_t old = 1 + random_below(size - 1);
	size_t n;
	int err;

	err = tlog_root(old, trail_reader_node, r, &then);
	if (err == 0)
		err = tlog_consistency(old, size, trail_reader_node, r, proof,
		    &n);
	if (err != 0)
		return err;
	return tlog_consistency_ok(old, size, &then,
		   &trail_reader_checkpoint(r)->root, proof, n) ?
	    0 :
	    ERR_INTEGRITY;
}

static int
ascending(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int
measure(const char *what, const struct file *vault,
    int (*prove)(struct trail_reader *r, uint64_t size))
{
	static double ms[TRIES];
	double cpu = now_ms(CLOCK_PROCESS_CPUTIME_ID);
	uint64_t size = 0;

	for (size_t i = 0; i < TRIES; i++) {
		OWNED(trail_reader) r = NULL;
		double begun = now_ms(CLOCK_MONOTONIC);
		int err = trail_reader_open(&r, vault, &key);

		if (err == 0) {
			size = trail_reader_checkpoint(r)->size;
			err = prove(r, size);
		}
		if (err != 0)
			return err;
		ms[i] = now_ms(CLOCK_MONOTONIC) - begun;
	}
	cpu = now_ms(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	qsort(ms, TRIES, sizeof(*ms), ascending);
	printf("%-12s %" PRIu64 " entries: median %.2f ms, 99%% %.2f ms, "
	       "longest %.2f ms; %.2f ms of a CPU each\n",
	    what, size, ms[TRIES / 2], ms[TRIES * 99 / 100], ms[TRIES - 1],
	    cpu / TRIES);
	return 0;
}

int
main(int argc, char **argv)
{
	static const uint8_t bytes[KEY_SIZE] = { 1 };
	OWNED(file) vault = NULL;
	int err;

	log_init("proofs");
	if (argc != 3) {
		fprintf(stderr, "usage: proofs DIR ENTRIES\n");
		return EXIT_FAILURE;
	}
	err = secret_init();
	if (err == 0)
		err = sign_key_from(&seed, bytes);
	if (err == 0)
		err = note_key_of(&key, "weir.example/bench", seed);
	if (err == 0)
		err = file_open(&vault, NULL, argv[1], O_RDONLY | O_DIRECTORY,
		    0);
	if (err == 0)
		err = build(vault, strtoull(argv[2], NULL, 10));
	if (err == 0)
		err = measure("inclusion", vault, prove_entry);
	if (err == 0)
		err = measure("consistency", vault, prove_history);
	sign_key_free(seed);
	return err == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
