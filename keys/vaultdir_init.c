/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "keys/catalogue.h"
#include "keys/vaultdir.h"
#include "vault/clock.h"
#include "vault/entry.h"
#include "vault/err.h"
#include "vault/log.h"
#include "vault/store.h"
#include "vault/trail.h"

/*
 * The mark of a directory that init has begun to fill: the first thing there,
 * and gone after vault.json has come.  Only where it lies is anything ever
 * removed.
 */
#define MARK ".init"
#define DIR_MODE 0755
#define DEPTH_MAX 8

static int remove_tree(int dir, const char *name, unsigned int depth);

/* All that is in a directory, which is closed. */
static int
empty_directory(int fd, unsigned int depth)
{
	DIR *d = fdopendir(fd);
	const struct dirent *e;
	int err = 0;

	if (d == NULL) {
		err = log_sys("read a directory of the half-made vault");
		close(fd);
		return err;
	}
	while (err == 0 && (e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			err = remove_tree(dirfd(d), e->d_name, depth);
	closedir(d);
	return err;
}

/* A name beneath dir, with all that is in it.  Links are not followed. */
static int
remove_tree(int dir, const char *name, unsigned int depth)
{
	char shown[64];
	int fd, err = 0;

	log_name(shown, sizeof(shown), name, strlen(name));
	if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return log_sys("remove '%s' of the half-made vault", shown);
	if (depth == DEPTH_MAX)
		return log_err(ERR_CONFLICT,
		    "'%s' is not of a half-made vault: too deep", shown);
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return log_sys("open '%s' of the half-made vault", shown);
	err = empty_directory(fd, depth + 1);
	if (err == 0 && unlinkat(dir, name, AT_REMOVEDIR) != 0)
		err = log_sys("remove '%s' of the half-made vault", shown);
	return err;
}

static bool
exists(const struct file *dir, const char *name)
{
	struct stat st;

	return fstatat(dir->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Take away what an init that was cut off has left. */
static int
clean(const struct file *dir)
{
	static const char *const names[] = { KEYRING_FILE, KEYRING_EPOCH_FILE,
		VAULTDIR_CATALOGUE, VAULTDIR_CATALOGUE "-wal",
		VAULTDIR_CATALOGUE "-shm", VAULTDIR_CATALOGUE "-journal",
		VAULTDIR_OBJECTS, VAULTDIR_RUN, "trail" };
	int err = 0;

	for (size_t i = 0; err == 0 && i < sizeof(names) / sizeof(names[0]);
	     i++)
		err = remove_tree(dir->fd, names[i], 0);
	return err;
}

static int
is_empty(const struct file *dir, bool *empty)
{
	int fd = openat(dir->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *e;

	if (d == NULL) {
		int err = log_sys("read '%s'", dir->name);

		if (fd >= 0)
			close(fd);
		return err;
	}
	*empty = true;
	while ((e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			*empty = false;
	closedir(d);
	return 0;
}

/* Make the directory, or see that it can be used, and mark it. */
static int
claim(struct file **out, const char *path)
{
	OWNED(file) dir = NULL;
	OWNED(file) mark = NULL;
	bool empty = false;
	int err;

	if (mkdir(path, DIR_MODE) != 0 && errno != EEXIST)
		return log_sys("make '%s'", path);
	err = file_open(&dir, NULL, path, O_RDONLY | O_DIRECTORY, 0);
	if (err == ERR_NOT_FOUND)
		return log_err(ERR_CONFLICT, "'%s' is no directory", path);
	if (err != 0)
		return err;
	if (exists(dir, VAULTDIR_JSON))
		return log_err(ERR_CONFLICT, "'%s' is a vault already", path);
	err = is_empty(dir, &empty);
	if (err == 0 && !empty && !exists(dir, MARK))
		err = log_err(ERR_CONFLICT,
		    "'%s' is not empty: a vault needs a directory of its own",
		    path);
	if (err == 0)
		err = file_open(&mark, dir, MARK, O_WRONLY | O_CREAT, 0600);
	if (err == 0)
		err = file_sync(dir);
	if (err == 0)
		err = file_sync_parent(dir);
	if (err != 0)
		return err;
	*out = dir;
	dir = NULL;
	return 0;
}

/* A vault in the making. */
struct making {
	const struct vaultdir_init *how;
	struct file *dir;
	char *path;
	uint8_t id[16];
	char hex[VAULTDIR_ID_SIZE];
	int64_t now_ms;
	struct note_key key;
	struct keyring *keyring;
	struct secret_text *recovery;
	struct catalogue *catalogue;
	struct trail *trail;
};

static void
making_clear(struct making *m)
{
	trail_free(m->trail);
	catalogue_free(m->catalogue);
	secret_text_free(m->recovery);
	keyring_free(m->keyring);
	file_free(m->dir);
	free(m->path);
}

static int
make_keyring(struct making *m)
{
	struct keyring_init how = {
		.vault = m->dir,
		.first = m->how->first,
		.cost = m->how->cost,
		.created_ms = m->now_ms,
	};
	char name[NOTE_NAME_MAX + 1];
	int err;

	memcpy(how.id, m->id, sizeof(how.id));
	err = keyring_init(&how, &m->keyring, &m->recovery);
	if (err != 0)
		return err;
	snprintf(name, sizeof(name), "weir.local/%s", m->hex);
	return note_key_of(&m->key, name, m->keyring->log_seed);
}

static int
make_parts(struct making *m)
{
	OWNED_MEM(char) objects = NULL;
	OWNED_MEM(char) catalogue = NULL;
	mode_t mask;
	int err;

	if (asprintf(&objects, "%s/" VAULTDIR_OBJECTS, m->path) < 0 ||
	    asprintf(&catalogue, "%s/" VAULTDIR_CATALOGUE, m->path) < 0)
		return ERR_NOMEM;
	err = store_dir_init(objects);
	if (err == 0)
		err = trail_init(m->dir, &m->key, m->keyring->log_seed);
	if (err != 0)
		return err;
	/* SQLite makes its files by it; they are nobody else's to read. */
	mask = umask(077);
	err = catalogue_create(&m->catalogue, catalogue);
	umask(mask);
	return err;
}

static int
record(struct making *m, struct entry *e)
{
	const uint8_t *bytes;
	uint64_t index;
	size_t n;
	int err = entry_end(e, &bytes, &n);

	if (err == 0)
		err = trail_append(m->trail, bytes, n, &index);
	if (err == 0)
		err = trail_wait(m->trail, index);
	if (err == 0) {
		struct entry_view v;

		err = entry_parse(&v, bytes, n);
		if (err == 0) {
			err = catalogue_apply(m->catalogue, index, &v);
			entry_view_clear(&v);
		}
	}
	return err;
}

static int
record_init(struct making *m, const struct entry_actor *by)
{
	OWNED_ENTRY e = { 0 };

	entry_begin(&e, ENTRY_INIT, by, m->now_ms);
	entry_text(&e, "vault", m->hex);
	entry_text(&e, "origin", m->key.name);
	return record(m, &e);
}

static int
record_owner(struct making *m, const struct entry_actor *by)
{
	OWNED_ENTRY e = { 0 };

	entry_begin(&e, ENTRY_ROLE_ADD, by, m->now_ms);
	entry_text(&e, "role", role_name(ROLE_OWNER));
	entry_text(&e, "to", m->how->owner);
	return record(m, &e);
}

static int
begin_trail(struct making *m)
{
	const struct entry_actor by = {
		.principal = m->how->owner,
		.uid = m->how->uid,
	};
	struct trail_open how = {
		.vault = m->dir,
		.key = &m->key,
		.seed = m->keyring->log_seed,
	};
	struct note_checkpoint published;
	int err;

	memcpy(how.id.bytes, m->id, sizeof(how.id.bytes));
	err = trail_open(&m->trail, &how);
	if (err == 0)
		err = record_init(m, &by);
	if (err == 0)
		err = record_owner(m, &by);
	if (err == 0)
		err = catalogue_flush(m->catalogue);
	if (err == 0)
		err = trail_publish(m->trail, &published, NULL);
	return err;
}

static int
write_json(struct making *m)
{
	OWNED_MEM(char) vkey = note_key_text(&m->key);
	OWNED_MEM(char) text = NULL;
	char created[ENTRY_TIME_SIZE];
	int n;

	if (vkey == NULL)
		return ERR_NOMEM;
	/* None of these has a character that JSON would escape. */
	n = asprintf(&text,
	    "{\"weir\":1,\"id\":\"%s\",\"origin\":\"%s\",\"vkey\":\"%s\","
	    "\"created\":\"%s\"}\n",
	    m->hex, m->key.name, vkey, entry_time_text(m->now_ms, created));
	if (n < 0)
		return ERR_NOMEM;
	return file_replace(m->dir, VAULTDIR_JSON, text, (size_t)n, 0644);
}

/* The owner gets the recovery key first: a vault without one is not made. */
static int
hand_over(struct making *m)
{
	const struct vaultdir_made made = {
		.path = m->path,
		.id = m->hex,
		.key = &m->key,
		.recovery = m->recovery,
	};
	int cleaned, err = m->how->keep(m->how->arg, &made);

	if (err == 0)
		return 0;
	cleaned = clean(m->dir);
	return cleaned != 0 ? cleaned : err;
}

static int
fill(struct making *m)
{
	int err;

	err = clean(m->dir);
	if (err == 0)
		err = make_keyring(m);
	if (err == 0)
		err = make_parts(m);
	if (err == 0)
		err = begin_trail(m);
	if (err != 0)
		return err;
	/* Whole and closed before it is a vault. */
	trail_free(m->trail);
	m->trail = NULL;
	catalogue_free(m->catalogue);
	m->catalogue = NULL;
	err = hand_over(m);
	return err == 0 ? write_json(m) : err;
}

static void
new_id(struct making *m)
{
	randombytes_buf(m->id, sizeof(m->id));
	for (size_t i = 0; i < sizeof(m->id); i++)
		snprintf(m->hex + 2 * i, 3, "%02x", m->id[i]);
}

int
vaultdir_init(const struct vaultdir_init *how)
{
	__attribute__((cleanup(making_clear))) struct making m = {
		.how = how,
		.now_ms = clock_wall_ms(),
	};
	OWNED(file) lock = NULL;
	int err;

	err = claim(&m.dir, how->path);
	if (err != 0)
		return err;
	err = vaultdir_lock(&lock, m.dir);
	if (err == ERR_CONFLICT)
		return log_err(err, "another init is at work in '%s'",
		    how->path);
	if (err != 0)
		return err;
	/* Another one may have been at work until now, and have finished. */
	if (exists(m.dir, VAULTDIR_JSON)) {
		err = file_remove(m.dir, MARK);
		return err != 0 ?
		    err :
		    log_err(ERR_CONFLICT, "'%s' is a vault already", how->path);
	}
	m.path = realpath(how->path, NULL);
	if (m.path == NULL)
		return log_sys("resolve '%s'", how->path);

	new_id(&m);
	err = fill(&m);
	return err == 0 ? file_remove(m.dir, MARK) : err;
}
