/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A main for fuzz harnesses without libFuzzer: tries the empty input and each
 * file of the corpus, tests/fuzz/corpus/NAME for fuzz_NAME, or the files and
 * directories given.  One TAP test; a harness that crashes fails it.
 */
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/fuzz/fuzz.h"

#define PATH_SIZE 4096

static bool
replay_file(const char *path, size_t size)
{
	/* Exactly as large as the input, so that ASan sees a read beyond. */
	uint8_t *bytes = malloc(size);
	FILE *f = fopen(path, "rb");
	bool ok;

	ok = f != NULL && (bytes != NULL || size == 0) &&
	    fread(bytes, 1, size, f) == size;
	if (f != NULL)
		fclose(f);
	if (ok)
		LLVMFuzzerTestOneInput(bytes, size);
	else
		printf("# cannot read %s\n", path);
	free(bytes);
	return ok;
}

static size_t replay(const char *path, bool *ok);

static size_t
replay_directory(const char *path, bool *ok)
{
	struct dirent **names;
	size_t count = 0;
	int n = scandir(path, &names, NULL, alphasort);

	if (n < 0) {
		*ok = false;
		return 0;
	}
	for (int i = 0; i < n; i++) {
		char child[PATH_SIZE];

		if (names[i]->d_name[0] != '.' &&
		    snprintf(child, sizeof(child), "%s/%s", path,
			names[i]->d_name) < (int)sizeof(child))
			count += replay(child, ok);
		free(names[i]);
	}
	free(names);
	return count;
}

/* How many files were tried. */
static size_t
replay(const char *path, bool *ok)
{
	struct stat st;

	if (stat(path, &st) != 0) {
		printf("# no %s\n", path);
		*ok = false;
		return 0;
	}
	if (S_ISDIR(st.st_mode))
		return replay_directory(path, ok);
	if (!replay_file(path, (size_t)st.st_size))
		*ok = false;
	return 1;
}

int
main(int argc, char **argv)
{
	const char *slash = strrchr(argv[0], '/');
	const char *name = slash != NULL ? slash + 1 : argv[0];
	char corpus[PATH_SIZE];
	size_t count = 0;
	bool ok = true;

	printf("1..1\n");
	fflush(stdout);
	LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
	for (int i = 1; i < argc; i++)
		count += replay(argv[i], &ok);
	if (argc == 1) {
		snprintf(corpus, sizeof(corpus), "tests/fuzz/corpus/%s",
		    strncmp(name, "fuzz_", 5) == 0 ? name + 5 : name);
		count = replay(corpus, &ok);
	}
	/* A harness without seeds proves nothing. */
	ok = ok && count > 0;
	printf("%s 1 - %s: %zu inputs\n", ok ? "ok" : "not ok", name, count);
	return ok ? 0 : 1;
}
