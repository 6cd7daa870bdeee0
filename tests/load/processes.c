/* SPDX-License-Identifier: Apache-2.0 */
/* vLLM: eight ranks open one shard, map it, and read it all; the first one to
 * fail fails them all. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/load.h"
#include "vault/digest.h"

#define RANKS 8

struct shared {
	struct digest digests[RANKS];
};

static void
run_rank(const char *path, size_t size, struct digest *out)
{
	int fd = load_reopen(path, 0);
	const void *p = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);

	if (p == MAP_FAILED)
		load_fail("mmap");
	*out = digest_of(p, size);
	exit(0);
}

int
main(int argc, char **argv)
{
	size_t size;
	struct shared *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status, failed = 0;
	char hex[DIGEST_HEX_SIZE];

	if (s == MAP_FAILED)
		load_fail("mmap");
	close(load_open(argc, argv, 0, &size));
	for (int i = 0; i < RANKS; i++) {
		pid_t pid = fork();

		if (pid < 0)
			load_fail("fork");
		if (pid == 0)
			run_rank(argv[1], size, &s->digests[i]);
	}
	while (wait(&status) > 0)
		failed |= status != 0;
	for (int i = 1; i < RANKS; i++)
		failed |= !digest_equal(&s->digests[i], &s->digests[0]);
	if (failed) {
		fputs("the ranks do not agree\n", stderr);
		return 1;
	}
	puts(digest_hex(&s->digests[0], hex));
	return 0;
}
