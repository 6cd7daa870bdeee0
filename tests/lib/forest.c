/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/forest.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vault/owned.h"

#define BUFFER 65536

static void
die(const char *what)
{
	perror(what);
	abort();
}

char *
forest_path(const char *root, const char *path)
{
	char *p;

	if (asprintf(&p, "%s/%s", root, path) < 0)
		abort();
	return p;
}

void
forest_bytes(uint8_t *buf, size_t n, uint64_t seed)
{
	uint64_t x = seed * 0x9e3779b97f4a7c15 + 0x1234567;

	for (size_t i = 0; i < n; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		buf[i] = (uint8_t)(x >> 32);
	}
}

void
forest_dir(const char *root, const char *path, mode_t mode)
{
	OWNED_MEM(char) p = forest_path(root, path);

	if (mkdir(p, 0700) != 0 || chmod(p, mode) != 0)
		die(p);
}

void
forest_link(const char *root, const char *path, const char *target)
{
	OWNED_MEM(char) p = forest_path(root, path);

	if (symlink(target, p) != 0)
		die(p);
}

void
forest_file(const char *root, const char *path, const void *bytes, size_t n,
    mode_t mode)
{
	OWNED_MEM(char) p = forest_path(root, path);
	FILE *f = fopen(p, "wb");

	if (f == NULL || fwrite(bytes, 1, n, f) != n ||
	    fchmod(fileno(f), mode) != 0 || fclose(f) != 0)
		die(p);
}

void
forest_random(const char *root, const char *path, size_t n, uint64_t seed)
{
	OWNED_MEM(uint8_t) bytes = malloc(n + 1);

	if (bytes == NULL)
		die("malloc");
	forest_bytes(bytes, n, seed);
	forest_file(root, path, bytes, n, 0644);
}

void
forest_safetensors(const char *root, const char *path, const size_t *sizes,
    size_t count, uint64_t seed)
{
	OWNED_MEM(char) p = forest_path(root, path);
	OWNED_MEM(uint8_t) data = NULL;
	OWNED_MEM(char) json = NULL;
	uint8_t head[8];
	size_t length, at = 0;
	FILE *m = open_memstream(&json, &length), *f;

	fputc('{', m);
	for (size_t i = 0; i < count; at += sizes[i++])
		fprintf(m,
		    "%s\"layer.%05zu\":{\"dtype\":\"U8\",\"shape\":[%zu],"
		    "\"data_offsets\":[%zu,%zu]}",
		    i > 0 ? "," : "", i, sizes[i], at, at + sizes[i]);
	fputc('}', m);
	fclose(m);
	for (size_t i = 0; i < 8; i++)
		head[i] = (uint8_t)(length >> 8 * i);
	data = malloc(at + 1);
	f = fopen(p, "wb");
	if (data == NULL || f == NULL)
		die(p);
	forest_bytes(data, at, seed);
	if (fwrite(head, 1, 8, f) != 8 ||
	    fwrite(json, 1, length, f) != length ||
	    fwrite(data, 1, at, f) != at || fclose(f) != 0)
		die(p);
}

static bool
differ(const char *path, const char *what)
{
	fprintf(stderr, "'%s': another %s\n", path, what);
	return false;
}

static bool
same_bytes(const char *a, const char *b)
{
	FILE *fa = fopen(a, "rb"), *fb = fopen(b, "rb");
	bool same = true;

	if (fa == NULL || fb == NULL)
		die(a);
	for (size_t n = 1; same && n > 0;) {
		static uint8_t ba[BUFFER], bb[BUFFER];

		n = fread(ba, 1, sizeof(ba), fa);
		same = fread(bb, 1, sizeof(bb), fb) == n &&
		    memcmp(ba, bb, n) == 0;
	}
	fclose(fa);
	fclose(fb);
	return same;
}

static bool
same_target(const char *a, const char *b)
{
	char ta[4097], tb[4097];
	ssize_t na = readlink(a, ta, sizeof(ta)),
		nb = readlink(b, tb, sizeof(tb));

	return na >= 0 && na == nb && memcmp(ta, tb, (size_t)na) == 0;
}

/* How many names a directory has; each must be the same in b. */
static bool
same_names(const char *a, const char *b, size_t *names)
{
	DIR *d = opendir(a);
	bool same = true;

	if (d == NULL)
		die(a);
	*names = 0;
	for (struct dirent *e; same && (e = readdir(d)) != NULL;) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		++*names;
		if (b != NULL) {
			OWNED_MEM(char) pa = forest_path(a, e->d_name);
			OWNED_MEM(char) pb = forest_path(b, e->d_name);

			same = forest_same(pa, pb);
		}
	}
	closedir(d);
	return same;
}

bool
forest_same(const char *a, const char *b)
{
	struct stat sa, sb;
	size_t na, nb;

	if (lstat(a, &sa) != 0 || lstat(b, &sb) != 0)
		return differ(a, "existence");
	if (sa.st_mode != sb.st_mode)
		return differ(a, "mode");
	if (S_ISLNK(sa.st_mode))
		return same_target(a, b) || differ(a, "target");
	if (S_ISREG(sa.st_mode))
		return same_bytes(a, b) || differ(a, "content");
	if (!same_names(a, b, &na))
		return false;
	(void)same_names(b, NULL, &nb);
	return na == nb || differ(a, "number of names");
}
