/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/swap.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "vault/err.h"
#include "vault/log.h"

#define ALLOW "WEIR_ALLOW_SWAP"
#define CRYPT "CRYPT-"
#define ZRAM "/dev/zram"
#define DEPTH 8 /* of devices upon devices */

/* The first line of a file; false: there is none. */
static bool
first_line(char out[static SWAP_NAME], const char *path)
{
	FILE *file = fopen(path, "re");
	bool got = file != NULL && fgets(out, SWAP_NAME, file) != NULL;

	if (file != NULL)
		fclose(file);
	if (got)
		out[strcspn(out, "\n")] = '\0';
	return got;
}

/* Whether a block device, by its directory in sysfs, is encrypted, or all of
 * those that it is made of. */
static bool
is_encrypted(const char *dir, unsigned int depth)
{
	char path[PATH_MAX], uuid[SWAP_NAME];
	bool all = false;
	struct dirent *e;
	DIR *slaves;

	snprintf(path, sizeof(path), "%s/dm/uuid", dir);
	if (first_line(uuid, path) && strncmp(uuid, CRYPT, strlen(CRYPT)) == 0)
		return true;
	snprintf(path, sizeof(path), "%s/slaves", dir);
	if (depth == 0 || (slaves = opendir(path)) == NULL)
		return false;
	while ((e = readdir(slaves)) != NULL) {
		char slave[PATH_MAX];

		if (e->d_name[0] == '.')
			continue;
		if ((size_t)snprintf(slave, sizeof(slave), "%s/%s", path,
			e->d_name) >= sizeof(slave) ||
		    !is_encrypted(slave, depth - 1)) {
			all = false;
			break;
		}
		all = true;
	}
	closedir(slaves);
	return all;
}

/* It is memory, unless it writes what has not been used for long to a disk. */
static bool
zram_is_safe(const char *root, const char *device)
{
	char path[PATH_MAX], behind[SWAP_NAME];

	snprintf(path, sizeof(path), "%s/sys/block/%s/backing_dev", root,
	    strrchr(device, '/') + 1);
	return !first_line(behind, path) || strcmp(behind, "none") == 0;
}

/* Whether what a line of /proc/swaps names keeps nothing readable. */
static bool
is_safe(const char *root, const char *device)
{
	char path[PATH_MAX];
	struct stat st;
	dev_t dev;

	if (strncmp(device, ZRAM, strlen(ZRAM)) == 0)
		return zram_is_safe(root, device);
	snprintf(path, sizeof(path), "%s%s", root, device);
	if (stat(path, &st) != 0)
		return false;
	dev = S_ISBLK(st.st_mode) ? st.st_rdev : st.st_dev;
	snprintf(path, sizeof(path), "%s/sys/dev/block/%u:%u", root, major(dev),
	    minor(dev));
	return is_encrypted(path, DEPTH);
}

bool
swap_find(const char *root, char name[static SWAP_NAME])
{
	char path[PATH_MAX], line[SWAP_NAME];
	bool heading = true, found = false;
	FILE *file;

	snprintf(path, sizeof(path), "%s/proc/swaps", root);
	file = fopen(path, "re");
	while (
	    file != NULL && !found && fgets(line, sizeof(line), file) != NULL) {
		line[strcspn(line, " \t\n")] = '\0';
		found = !heading && line[0] == '/' && !is_safe(root, line);
		heading = false;
	}
	if (file != NULL)
		fclose(file);
	if (found)
		memcpy(name, line, sizeof(line));
	return found;
}

void
swap_allow(void)
{
	if (setenv(ALLOW, "yes", 1) != 0)
		log_warn("setenv " ALLOW " failed");
}

int
swap_check(void)
{
	const char *allowed = getenv(ALLOW);
	char name[SWAP_NAME];

	if ((allowed != NULL && allowed[0] != '\0') || !swap_find("", name))
		return 0;
	return log_err(ERR_DENIED,
	    "swap on %s is not encrypted: what weir has in memory may stay on "
	    "that disk; sudo swapoff %s, or encrypt it (crypttab(5)), or, to "
	    "go on all the same, --allow-swap",
	    name, name);
}
