/* SPDX-License-Identifier: Apache-2.0 */
/* Where what a host has seen lies, and whose turn it is to write there. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "vault/err.h"
#include "vault/log.h"
#include "vault/seen_parts.h"

#define LOCK_TRIES 300 /* a tenth of a second each */

static const char *
variable(const char *name)
{
	const char *value = secure_getenv(name);

	return value != NULL && value[0] != '\0' ? value : NULL;
}

static int
join(char **out, const char *a, const char *b)
{
	return asprintf(out, "%s/%s", a, b) < 0 ? ERR_NOMEM : 0;
}

int
seen_directory(char **out)
{
	const char *given = variable("WEIR_STATE_DIR");
	const char *state = variable("XDG_STATE_HOME");
	const char *home = variable("HOME");

	if (given != NULL) {
		*out = strdup(given);
		return *out != NULL ? 0 : ERR_NOMEM;
	}
	if (geteuid() == 0)
		return join(out, "/var/lib", "weir");
	/* One that is relative is to be passed over, says its specification. */
	if (state != NULL && state[0] == '/')
		return join(out, state, "weir");
	if (home != NULL && home[0] == '/')
		return join(out, home, ".local/state/weir");
	return log_err(ERR_NOT_FOUND,
	    "there is no place to keep what this host has seen of the vault: "
	    "set WEIR_STATE_DIR to a directory of your own");
}

static int
vault_path(char **out, const char *directory, const uint8_t vault[static 16])
{
	char hex[33];

	for (size_t i = 0; i < 16; i++)
		snprintf(hex + 2 * i, 3, "%02x", vault[i]);
	return join(out, directory, hex);
}

int
seen_before(const uint8_t vault[static 16], bool *out)
{
	OWNED_MEM(char) directory = NULL;
	OWNED_MEM(char) path = NULL;
	OWNED_MEM(char) file = NULL;
	int err;

	*out = false;
	if (variable("WEIR_STATE_DIR") == NULL && geteuid() != 0 &&
	    variable("XDG_STATE_HOME") == NULL && variable("HOME") == NULL)
		return 0;
	err = seen_directory(&directory);
	if (err == ERR_NOT_FOUND)
		return 0;
	if (err == 0)
		err = vault_path(&path, directory, vault);
	if (err == 0)
		err = join(&file, path, SEEN_FILE);
	if (err == 0)
		*out = access(file, R_OK) == 0;
	return err;
}

/* Make a directory, and those above it. */
static int
make_directories(const char *path)
{
	OWNED_MEM(char) copy = strdup(path);

	if (copy == NULL)
		return ERR_NOMEM;
	for (char *slash = strchr(copy + 1, '/');;
	     slash = strchr(slash + 1, '/')) {
		if (slash != NULL)
			*slash = '\0';
		if (mkdir(copy, 0700) != 0 && errno != EEXIST)
			return log_sys("what this host has seen is kept in "
				       "'%s' (WEIR_STATE_DIR names another "
				       "place); mkdir '%s'",
			    path, copy);
		if (slash == NULL)
			return 0;
		*slash = '/';
	}
}

/* Whoever else could write there could make this host forget. */
static int
check_owner(const struct file *dir)
{
	struct stat st;

	if (fstat(dir->fd, &st) != 0)
		return log_sys("stat '%s'", dir->name);
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return log_err(ERR_DENIED,
		    "'%s' belongs to uid %u: what this host has seen must lie "
		    "in a directory of your own (WEIR_STATE_DIR)",
		    dir->name, st.st_uid);
	if ((st.st_mode & 022) != 0)
		return log_err(ERR_DENIED,
		    "'%s' may be written by others: chmod 700 '%s'", dir->name,
		    dir->name);
	return 0;
}

int
seen_place_open(struct file **out, const char *directory,
    const uint8_t vault[static 16])
{
	OWNED_MEM(char) path = NULL;
	OWNED(file) dir = NULL;
	int err = vault_path(&path, directory, vault);

	if (err == 0)
		err = make_directories(path);
	if (err == 0)
		err = file_open(&dir, NULL, path, O_RDONLY | O_DIRECTORY, 0);
	if (err == 0)
		err = check_owner(dir);
	if (err != 0)
		return err;
	*out = dir;
	dir = NULL;
	return 0;
}

int
seen_vault_directory(struct file **out, const uint8_t vault[static 16])
{
	OWNED_MEM(char) directory = NULL;
	int err = seen_directory(&directory);

	return err == 0 ? seen_place_open(out, directory, vault) : err;
}

/* Another mount may be at it, and takes no longer than keyd does. */
int
seen_place_lock(struct seen *s)
{
	const struct timespec pause = { .tv_nsec = 100000000 };
	int err = file_open(&s->lock, s->dir, SEEN_LOCK, O_RDWR | O_CREAT,
	    0600);

	for (int i = 0; err == 0; i++) {
		struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

		if (fcntl(s->lock->fd, F_OFD_SETLK, &lock) == 0)
			return 0;
		if (errno != EAGAIN && errno != EACCES && errno != EINTR)
			return log_sys("lock '%s'", s->lock->name);
		if (i == LOCK_TRIES)
			return log_err(ERR_CONFLICT,
			    "'%s' is held by another mount or command: try "
			    "again",
			    s->lock->name);
		(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
	}
	return err;
}

/* --- which there are --- */

/* 32 lowercase hex digits and no more. */
static bool
id_of(const char *name, uint8_t id[static 16])
{
	char hex[33];

	for (size_t i = 0; i < 16; i++) {
		unsigned int byte;

		if (strlen(name) != 32 ||
		    sscanf(name + 2 * i, "%2x", &byte) != 1)
			return false;
		id[i] = (uint8_t)byte;
	}
	seen_vault_name(id, hex);
	return strcmp(hex, name) == 0;
}

char *
seen_vault_name(const uint8_t vault[static 16], char out[static SEEN_NAME])
{
	for (size_t i = 0; i < 16; i++)
		snprintf(out + 2 * i, 3, "%02x", vault[i]);
	return out;
}

static int
by_id(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct seen_vault));
}

static int
add_vault(struct seen_vault **vaults, size_t *count,
    const uint8_t id[static 16])
{
	struct seen_vault *more = reallocarray(*vaults, *count + 1,
	    sizeof(**vaults));

	if (more == NULL)
		return ERR_NOMEM;
	memcpy(more[*count].id, id, sizeof(more[*count].id));
	*vaults = more;
	*count += 1;
	return 0;
}

int
seen_vaults(struct seen_vault **out, size_t *count)
{
	OWNED_MEM(char) directory = NULL;
	OWNED_MEM(struct seen_vault) vaults = NULL;
	const struct dirent *e;
	uint8_t id[16];
	size_t n = 0;
	bool before;
	DIR *dir;
	int err = seen_directory(&directory);

	*out = NULL;
	*count = 0;
	if (err != 0)
		return err;
	dir = opendir(directory);
	if (dir == NULL)
		return errno == ENOENT ? 0 : log_sys("open '%s'", directory);
	while (err == 0 && (e = readdir(dir)) != NULL) {
		if (!id_of(e->d_name, id))
			continue;
		err = seen_before(id, &before);
		if (err == 0 && before)
			err = add_vault(&vaults, &n, id);
	}
	(void)closedir(dir);
	if (err != 0)
		return err;
	if (n > 0)
		qsort(vaults, n, sizeof(*vaults), by_id);
	*out = vaults;
	*count = n;
	vaults = NULL;
	return 0;
}

int
seen_forget(const uint8_t vault[static 16], const char *note)
{
	OWNED(seen) s = calloc(1, sizeof(*s));
	OWNED_MEM(char) directory = NULL;
	bool before;
	int err = s != NULL ? seen_before(vault, &before) : ERR_NOMEM;

	if (err == 0 && !before)
		return ERR_NOT_FOUND;
	if (err == 0)
		err = seen_directory(&directory);
	if (err == 0)
		err = seen_place_open(&s->dir, directory, vault);
	if (err == 0)
		err = seen_place_lock(s);
	if (err == 0)
		err = seen_refused(s, "", note);
	return err == 0 ? file_remove(s->dir, SEEN_FILE) : err;
}
