/* SPDX-License-Identifier: Apache-2.0 */
#include "fuse/busy.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vault/log.h"
#include "vault/names.h"
#include "vault/owned.h"

#define SHOWN 5
#define NAME_SIZE 64

static bool
link_is_beneath(int dir, const char *name, const char *path)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(dir, name, target, sizeof(target) - 1);

	if (n < 0)
		return false;
	target[n] = '\0';
	return names_within(target, path);
}

static DIR *
open_dir(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;

	if (d == NULL && fd >= 0)
		close(fd);
	return d;
}

static bool
has_file(int process, const char *path)
{
	DIR *d = open_dir(process, "fd");
	const struct dirent *e;
	bool found = false;

	if (d == NULL)
		return false;
	while (!found && (e = readdir(d)) != NULL)
		found = link_is_beneath(dirfd(d), e->d_name, path);
	closedir(d);
	return found;
}

static bool
has_mapping(int process, const char *path)
{
	int fd = openat(process, "maps", O_RDONLY | O_CLOEXEC);
	FILE *f = fd >= 0 ? fdopen(fd, "r") : NULL;
	char line[PATH_MAX + 128];
	bool found = false;

	if (f == NULL) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	while (!found && fgets(line, sizeof(line), f) != NULL) {
		const char *name = strchr(line, '/');

		line[strcspn(line, "\n")] = '\0';
		found = name != NULL && names_within(name, path);
	}
	fclose(f);
	return found;
}

static bool
uses(int process, const char *path)
{
	return link_is_beneath(process, "cwd", path) ||
	    link_is_beneath(process, "root", path) || has_file(process, path) ||
	    has_mapping(process, path);
}

static void
name_of(int process, char name[static NAME_SIZE])
{
	OWNED_FD fd = openat(process, "comm", O_RDONLY | O_CLOEXEC);
	char text[NAME_SIZE / 4];
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text)) : -1;

	if (n > 0 && text[n - 1] == '\n')
		n--;
	log_name(name, NAME_SIZE, text, n > 0 ? (size_t)n : 0);
}

static void
append(char buf[static BUSY_TEXT_SIZE], const char *text)
{
	size_t n = strlen(buf);

	snprintf(buf + n, BUSY_TEXT_SIZE - n, "%s", text);
}

const char *
busy_by(const char *path, char buf[static BUSY_TEXT_SIZE])
{
	DIR *proc = open_dir(AT_FDCWD, "/proc");
	const struct dirent *e;
	size_t found = 0;

	buf[0] = '\0';
	while (proc != NULL && found <= SHOWN && (e = readdir(proc)) != NULL) {
		char name[NAME_SIZE], text[2 * NAME_SIZE];

		if (!isdigit((unsigned char)e->d_name[0]) ||
		    strtol(e->d_name, NULL, 10) == getpid())
			continue;
		OWNED_FD process = openat(dirfd(proc), e->d_name,
		    O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (process < 0 || !uses(process, path))
			continue;
		if (found++ == SHOWN) {
			append(buf, " and others");
			break;
		}
		name_of(process, name);
		snprintf(text, sizeof(text), "%s %s (%.20s)",
		    found == 1 ? " by" : ",", name, e->d_name);
		append(buf, text);
	}
	if (proc != NULL)
		closedir(proc);
	return buf;
}
