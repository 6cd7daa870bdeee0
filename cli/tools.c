/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/tools.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vault/owned.h"

/* dir/name, if it can be run. */
static char *
within(const char *dir, size_t length, const char *name)
{
	char *path;

	if (asprintf(&path, "%.*s/%s", (int)length, dir, name) < 0)
		return NULL;
	if (access(path, X_OK) == 0)
		return path;
	free(path);
	return NULL;
}

char *
tools_find(const char *name)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *path = NULL;

	if (n > 0) {
		self[n] = '\0';
		path = within(self, (size_t)(strrchr(self, '/') - self), name);
	}
	if (path == NULL)
		path = within(WEIR_LIBEXECDIR, strlen(WEIR_LIBEXECDIR), name);
	return path;
}

char *
tools_in_path(const char *name)
{
	const char *dir = getenv("PATH");

	while (dir != NULL && *dir != '\0') {
		size_t n = strcspn(dir, ":");
		char *path = n > 0 ? within(dir, n, name) : NULL;

		if (path != NULL)
			return path;
		dir += n + (dir[n] == ':');
	}
	return NULL;
}
