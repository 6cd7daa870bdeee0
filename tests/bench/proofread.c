/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What keyd's verifier does with a version, in this process and unconfined: so
 * many files of so many MiB of random bytes are put below TMPDIR (a tmpfs, to
 * measure no disk), and read back.  Prints each round's GB/s, CPU-seconds a GB,
 * and how many processors that kept busy.
 *	proofread FILES MEBIBYTES [ROUNDS [THREADS]]
 */
#include <err.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "tests/lib/forest.h"
#include "tests/lib/shed.h"
#include "vault/clock.h"
#include "vault/proofread.h"

static double
seconds_of(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static double
cpu(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return seconds_of(u.ru_utime) + seconds_of(u.ru_stime);
}

static int
progress(void *arg, uint32_t files, uint64_t bytes)
{
	(void)arg;
	(void)files;
	(void)bytes;
	return 0;
}

static void
plant(struct shed *s, unsigned int files, size_t size)
{
	for (unsigned int i = 0; i < files; i++) {
		char name[32];

		snprintf(name, sizeof(name), "weights-%05u.bin", i);
		forest_random(s->src, name, size, i + 1);
	}
}

static void
measure(struct shed *s, struct version *v, unsigned int threads)
{
	const struct proofread_how how = { .version = v,
		.store = s->store,
		.lockbox_key = s->keys.lockbox_key,
		.threads = threads,
		.progress = progress };
	double gb = (double)version_manifest(v)->total_bytes / 1e9;
	double wall = clock_seconds(CLOCK_MONOTONIC), used = cpu();
	char why[PROOFREAD_WHY];

	if (proofread_run(&how, why) != 0)
		errx(1, "proofread: %s", why);
	wall = clock_seconds(CLOCK_MONOTONIC) - wall;
	used = cpu() - used;
	printf("%.3f GB/s  %.3f CPU-s/GB  %.2f busy\n", gb / wall, used / gb,
	    used / wall);
}

static unsigned long
number(char **argv, int i, unsigned long otherwise)
{
	return argv[i] != NULL ? strtoul(argv[i], NULL, 10) : otherwise;
}

int
main(int argc, char **argv)
{
	OWNED_SHED s;
	OWNED(version) v = NULL;
	struct intake_result r;
	unsigned long rounds;
	cpu_set_t set;

	if (argc < 3 || argc > 5)
		errx(2, "usage: proofread FILES MEBIBYTES [ROUNDS [THREADS]]");
	sched_getaffinity(0, sizeof(set), &set);
	shed_init(&s);
	plant(&s, (unsigned int)number(argv, 1, 1), number(argv, 2, 1) << 20);
	if (shed_put(&s, s.src, &r) != 0 || shed_open(&s, &r, &v) != 0)
		errx(1, "cannot put");
	rounds = argc > 3 ? number(argv, 3, 1) : 3;
	for (unsigned long i = 0; i < rounds; i++)
		measure(&s, v,
		    argc > 4 ? (unsigned int)number(argv, 4, 1) :
			       (unsigned int)CPU_COUNT(&set));
	intake_result_clear(&r);
	return 0;
}
