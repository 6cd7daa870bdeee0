/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/scratch.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

struct scratch
scratch_new(void)
{
	const char *tmp = getenv("TMPDIR");
	struct scratch s = { 0 };

	if (asprintf(&s.path, "%s/weir-test-XXXXXX",
		tmp != NULL ? tmp : "/tmp") < 0 ||
	    mkdtemp(s.path) == NULL ||
	    file_open(&s.dir, NULL, s.path, O_RDONLY | O_DIRECTORY, 0) != 0) {
		perror("scratch directory");
		abort();
	}
	return s;
}

static int
discard(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void
scratch_free(struct scratch *s)
{
	if (s->path != NULL)
		nftw(s->path, discard, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
	file_free(s->dir);
	free(s->path);
	*s = (struct scratch){ 0 };
}
