/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/program.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vault/err.h"

#define PIECE (256U << 10)

static int
add_all(struct digester *d, int fd, uint8_t *buf)
{
	uint64_t at = 0;

	for (;;) {
		ssize_t n = pread(fd, buf, PIECE, (off_t)at);

		if (n == 0)
			return 0;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ERR_IO;
		at += (uint64_t)n;
		if (at > PROGRAM_MAX)
			return ERR_LIMIT;
		digester_add(d, buf, (size_t)n);
	}
}

int
program_digest(int fd, struct digest *out)
{
	OWNED(digester) d = NULL;
	OWNED_MEM(uint8_t) buf = malloc(PIECE);
	struct stat st;
	int err;

	if (fstat(fd, &st) != 0)
		return ERR_IO;
	if (!S_ISREG(st.st_mode))
		return ERR_FORMAT;
	if ((uint64_t)st.st_size > PROGRAM_MAX)
		return ERR_LIMIT;
	if (buf == NULL || digester_new(&d) != 0)
		return ERR_NOMEM;
	err = add_all(d, fd, buf);
	if (err == 0)
		*out = digester_end(d);
	return err;
}
