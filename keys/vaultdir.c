/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/vaultdir.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vault/entry.h"
#include "vault/err.h"
#include "vault/log.h"

#define JSON_MAX 4096
#define JSON_KEYS 5 /* all of which must be known */
#define ORIGIN "weir.local/"

void
vaultdir_free(struct vaultdir *v)
{
	if (v == NULL)
		return;
	file_free(v->dir);
	free(v->path);
	free(v);
}

char *
vaultdir_id(const struct vaultdir *v, char buf[static VAULTDIR_ID_SIZE])
{
	for (size_t i = 0; i < sizeof(v->id); i++)
		snprintf(buf + 2 * i, 3, "%02x", v->id[i]);
	return buf;
}

char *
vaultdir_path(const struct vaultdir *v, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s", v->path, name) >= 0 ? path : NULL;
}

static bool
parse_id(uint8_t out[static 16], const char *hex)
{
	static const char digits[] = "0123456789abcdef";

	if (strlen(hex) != VAULTDIR_ID_SIZE - 1 ||
	    strspn(hex, digits) != VAULTDIR_ID_SIZE - 1)
		return false;
	for (size_t i = 0; i < 16; i++) {
		const char *high = strchr(digits, hex[2 * i]);
		const char *low = strchr(digits, hex[2 * i + 1]);

		out[i] = (uint8_t)((high - digits) << 4 | (low - digits));
	}
	return true;
}

static const char *
text(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));

	return s != NULL ? s : "";
}

/* The log's name is made of the vault's id: one vault, one log. */
static bool
origin_ok(const struct vaultdir *v, const json_t *j)
{
	const char *id = text(j, "id"), *origin = text(j, "origin");
	size_t n = strlen(ORIGIN);

	return strncmp(origin, ORIGIN, n) == 0 && strcmp(origin + n, id) == 0 &&
	    strcmp(v->key.name, origin) == 0;
}

static int
parse(struct vaultdir *v, const uint8_t *bytes, size_t n)
{
	json_error_t why;
	json_t *j = json_loadb((const char *)bytes, n, JSON_REJECT_DUPLICATES,
	    &why);
	bool ok;

	ok = json_object_size(j) == JSON_KEYS &&
	    json_integer_value(json_object_get(j, "weir")) == 1 &&
	    parse_id(v->id, text(j, "id")) &&
	    note_key_parse(&v->key, text(j, "vkey")) == 0 && origin_ok(v, j) &&
	    entry_time_parse(&v->created_ms, text(j, "created")) == 0;
	json_decref(j);
	return ok ? 0 : ERR_FORMAT;
}

/* What to do where there is none. */
#define MAKE_OR_NAME                                                           \
	"; make one: weir init '%s', or name another: -V DIR or WEIR_VAULT"

int
vaultdir_absent(const char *path)
{
	return log_err(ERR_NOT_FOUND, "there is no vault at '%s'" MAKE_OR_NAME,
	    path, path);
}

static int
read_json(struct vaultdir *v)
{
	OWNED_MEM(uint8_t) bytes = NULL;
	size_t n;
	int err;

	err = file_load(v->dir, VAULTDIR_JSON, JSON_MAX, &bytes, &n);
	if (err == ERR_NOT_FOUND &&
	    faccessat(v->dir->fd, VAULTDIR_RESTORE, F_OK,
		AT_SYMLINK_NOFOLLOW) == 0)
		return log_err(err,
		    "'%s' is half a vault: a restore into it was cut off; run"
		    " it again: weir restore BACKUP '%s'",
		    v->dir->name, v->dir->name);
	if (err == ERR_NOT_FOUND)
		return log_err(err,
		    "'%s' is no vault: it has no " VAULTDIR_JSON MAKE_OR_NAME,
		    v->dir->name, v->dir->name);
	if (err == 0 && parse(v, bytes, n) != 0)
		err = log_err(ERR_FORMAT,
		    "'%s/" VAULTDIR_JSON "' is not one that this version of"
		    " weir knows",
		    v->dir->name);
	return err;
}

static int
open_dir(struct vaultdir *v, const char *path)
{
	struct stat st;
	int err;

	err = file_open(&v->dir, NULL, path, O_RDONLY | O_DIRECTORY, 0);
	if (err == ERR_NOT_FOUND)
		return vaultdir_absent(path);
	if (err != 0)
		return err;
	v->path = realpath(path, NULL);
	if (v->path == NULL)
		return log_sys("resolve '%s'", path);
	if (fstat(v->dir->fd, &st) != 0)
		return log_sys("stat '%s'", path);
	v->owner = st.st_uid;
	return 0;
}

int
vaultdir_open(struct vaultdir **out, const char *path)
{
	OWNED(vaultdir) v = calloc(1, sizeof(*v));
	int err;

	if (v == NULL)
		return ERR_NOMEM;
	err = open_dir(v, path);
	if (err == 0)
		err = read_json(v);
	if (err != 0)
		return err;
	*out = v;
	v = NULL;
	return 0;
}

/* Of the open file, so that it goes with its last descriptor and another
 * thread's closing does not drop it. */
static struct flock
whole_lock(void)
{
	return (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET };
}

int
vaultdir_lock(struct file **out, const struct file *dir)
{
	struct flock lock = whole_lock();
	OWNED(file) f = NULL;
	int err;

	err = file_open(&f, dir, VAULTDIR_LOCK, O_RDWR | O_CREAT, 0600);
	if (err != 0)
		return err;
	if (fcntl(f->fd, F_OFD_SETLK, &lock) != 0) {
		if (errno == EAGAIN || errno == EACCES)
			return ERR_CONFLICT;
		return log_sys("lock '%s'", f->name);
	}
	*out = f;
	f = NULL;
	return 0;
}

int
vaultdir_locked(const struct file *dir, bool *held)
{
	struct flock lock = whole_lock();
	OWNED(file) f = NULL;
	int err;

	err = file_open(&f, dir, VAULTDIR_LOCK, O_RDWR, 0);
	if (err == ERR_NOT_FOUND) {
		*held = false;
		return 0;
	}
	if (err != 0)
		return err;
	if (fcntl(f->fd, F_OFD_GETLK, &lock) != 0)
		return log_sys("look at the lock of '%s'", f->name);
	*held = lock.l_type != F_UNLCK;
	return 0;
}
