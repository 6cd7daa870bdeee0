/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/backup.h"
#include "cli/cmd.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "cli/talk.h"
#include "vault/err.h"
#include "vault/journal_scan.h"
#include "vault/log.h"
#include "vault/reader.h"

#define MARK VAULTDIR_RESTORE
#define CHECKPOINT "trail/checkpoint"
#define JOURNAL "trail/journal"

/* A restore under way. */
struct run {
	const struct options *o;
	const char *epoch_file;
	struct file *src, *state, *dir;
	struct backup backup;
	struct vaultdir *vault; /* what the state says it is of */
	uint8_t *epoch;
	size_t epoch_length;
	struct backup_list list;
	struct progress *progress;
	struct mirror_totals totals;
};

static void
run_clear(struct run *b)
{
	progress_free(b->progress);
	backup_list_clear(&b->list);
	free(b->epoch);
	vaultdir_free(b->vault);
	file_free(b->dir);
	file_free(b->state);
	file_free(b->src);
}

/* --- what is to be restored --- */

static int
no_backup(const struct run *b, const char *path)
{
	struct stat st;

	if (fstatat(b->src->fd, BACKUP_OBJECTS, &st, AT_SYMLINK_NOFOLLOW) ==
		0 &&
	    fstatat(b->src->fd, VAULTDIR_JSON, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return log_err(ERR_INTEGRITY,
		    "'%s' is half a backup: it was cut off before it was "
		    "whole; run 'weir backup' again, or restore another one",
		    path);
	return log_err(ERR_NOT_FOUND,
	    "'%s' is no backup: it has no " BACKUP_JSON, path);
}

static int
open_backup(struct run *b, const char *path)
{
	char name[BACKUP_STATE_SIZE], id[VAULTDIR_ID_SIZE];
	OWNED_MEM(char) state = NULL;
	int r = file_open(&b->src, NULL, path, O_RDONLY | O_DIRECTORY, 0);

	if (r == ERR_NOT_FOUND)
		return log_err(r, "there is no backup at '%s'", path);
	if (r == 0)
		r = backup_read(b->src, &b->backup);
	if (r == ERR_NOT_FOUND)
		return no_backup(b, path);
	if (r != 0)
		return r;
	backup_state(b->backup.entries, name);
	if (asprintf(&state, "%s/%s", path, name) < 0) {
		state = NULL;
		return ERR_NOMEM;
	}
	r = file_open(&b->state, b->src, name, O_RDONLY | O_DIRECTORY, 0);
	if (r == 0)
		r = vaultdir_open(&b->vault, state);
	if (r == ERR_NOT_FOUND)
		return log_err(ERR_INTEGRITY,
		    "half a backup: '%s' is missing or not whole; restore "
		    "another one",
		    state);
	if (r == 0 && strcmp(vaultdir_id(b->vault, id), b->backup.id) != 0)
		r = log_err(ERR_INTEGRITY,
		    "'%s' is of vault %s, and " BACKUP_JSON " of vault %s: "
		    "these are parts of two backups",
		    state, id, b->backup.id);
	return r;
}

/* The number of an epoch file; 0: it is none. */
static uint64_t
epoch_number(const uint8_t *bytes, size_t n)
{
	struct reader r = reader_of(bytes, n);
	uint64_t number;

	reader_expect(&r, "weirepo\n", 8);
	(void)reader_u32(&r);
	number = reader_u64(&r);
	return reader_ok(&r) ? number : 0;
}

static int
load_epoch(struct run *b)
{
	unsigned long long needed = b->backup.epoch;
	struct digest d;
	int r;

	if (b->epoch_file == NULL)
		return log_err(ERR_SECRET,
		    "the epoch key is not in the backup, which needs that of "
		    "epoch %llu: give --epoch FILE, what 'weir backup "
		    "--epoch-to' wrote; without it nothing in the backup can "
		    "be read",
		    needed);
	r = file_load(NULL, b->epoch_file, KEYRING_FILE_MAX, &b->epoch,
	    &b->epoch_length);
	if (r == ERR_NOT_FOUND)
		return log_err(ERR_SECRET, "there is no file '%s'",
		    b->epoch_file);
	if (r != 0 && r != ERR_LIMIT)
		return r;
	d = digest_of(b->epoch, r == 0 ? b->epoch_length : 0);
	if (r == 0 && digest_equal(&d, &b->backup.epoch_digest))
		return 0;
	if (r != 0 || epoch_number(b->epoch, b->epoch_length) == 0)
		return log_err(ERR_SECRET, "'%s' is no epoch key",
		    b->epoch_file);
	return log_err(ERR_SECRET,
	    "'%s' is of epoch %llu, and not the epoch key of this backup, "
	    "which needs that of epoch %llu as of when it was made",
	    b->epoch_file,
	    (unsigned long long)epoch_number(b->epoch, b->epoch_length),
	    needed);
}

/* --- where to --- */

static int
check_empty(const struct run *b)
{
	int fd = openat(b->dir->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *e;
	bool empty = true, mark = false, vault = false;

	if (d == NULL) {
		int r = log_sys("read '%s'", b->dir->name);

		if (fd >= 0)
			close(fd);
		return r;
	}
	while ((e = readdir(d)) != NULL) {
		mark = mark || strcmp(e->d_name, MARK) == 0;
		vault = vault || strcmp(e->d_name, VAULTDIR_JSON) == 0;
		empty = empty &&
		    (strcmp(e->d_name, ".") == 0 ||
			strcmp(e->d_name, "..") == 0);
	}
	closedir(d);
	if (empty || (mark && !vault))
		return 0;
	return log_err(ERR_CONFLICT,
	    vault ? "'%s' is a vault already: a restore makes a new one" :
		    "'%s' is not empty: a vault needs a directory of its own",
	    b->dir->name);
}

/* The mark says that what lies here is of a restore that may be cut off. */
static int
open_dir(struct run *b, const char *path)
{
	OWNED(file) mark = NULL;
	int r;

	if (mkdir(path, 0755) != 0 && errno != EEXIST)
		return log_sys("make '%s'", path);
	r = file_open(&b->dir, NULL, path, O_RDONLY | O_DIRECTORY, 0);
	if (r == ERR_NOT_FOUND)
		return log_err(ERR_CONFLICT, "'%s' is no directory", path);
	if (r == 0 && flock(b->dir->fd, LOCK_EX | LOCK_NB) != 0)
		r = log_err(ERR_CONFLICT,
		    "another restore into '%s' is under way", path);
	if (r == 0)
		r = check_empty(b);
	if (r == 0)
		r = file_open(&mark, b->dir, MARK, O_WRONLY | O_CREAT, 0600);
	if (r == 0)
		r = file_sync(b->dir);
	return r == 0 ? file_sync_parent(b->dir) : r;
}

/* --- parts --- */

static void
on_bad(void *arg, const struct digest *name, bool missing)
{
	char hex[DIGEST_HEX_SIZE];

	(void)arg;
	log_error("object %s is %s in the backup", digest_hex(name, hex),
	    missing ? "missing" : "damaged");
}

static void
on_progress(void *arg, const struct mirror_totals *now)
{
	struct run *b = arg;

	progress_mirror(b->progress, now);
}

static int
open_store(struct store **out, const struct file *dir, bool make)
{
	OWNED_MEM(char) path = NULL;
	int r = 0;

	if (asprintf(&path, "/proc/self/fd/%d/" VAULTDIR_OBJECTS, dir->fd) <
	    0) {
		path = NULL;
		return ERR_NOMEM;
	}
	if (make)
		r = store_dir_init(path);
	return r == 0 ? store_dir_open(out, path) : r;
}

static int
restore_objects(struct run *b)
{
	OWNED(store) from = NULL;
	OWNED(store) to = NULL;
	OWNED(file) dir = NULL;
	struct mirror m = {
		.names = b->list.names,
		.count = b->list.count,
		.stop = b->o->stop,
		.bad = on_bad,
		.progress = on_progress,
		.arg = b,
	};
	int r;

	if ((r = open_store(&from, b->src, false)) != 0 ||
	    (r = open_store(&to, b->dir, true)) != 0 ||
	    (r = file_open(&dir, b->dir, VAULTDIR_OBJECTS,
		 O_RDONLY | O_DIRECTORY, 0)) != 0)
		return r;
	m.from = from;
	m.to = dir;
	r = mirror_run(&m, &b->totals);
	progress_clear(b->progress);
	if (r == ERR_CONFLICT && *b->o->stop)
		return CMD_INTERRUPTED;
	if (r == 0 && b->totals.bad > 0)
		r = log_err(ERR_INTEGRITY,
		    "half a backup: %llu of its objects are missing or "
		    "damaged, and no vault was made; run 'weir backup "
		    "--read-data' where the vault is, or bring these objects "
		    "back from another backup, and run this again",
		    (unsigned long long)b->totals.bad);
	return r;
}

static int
restore_trail(struct run *b)
{
	OWNED_MEM(uint8_t) note = NULL;
	OWNED(file) journal = NULL;
	struct note_checkpoint c;
	size_t n;
	int r = file_load(b->state, CHECKPOINT, NOTE_MAX, &note, &n);

	if (r == 0)
		r = note_checkpoint_read(&c, (const char *)note, n,
		    &b->vault->key);
	if (r == 0 && c.size != b->backup.entries)
		r = ERR_INTEGRITY;
	if (r == ERR_NOT_FOUND || r == ERR_FORMAT || r == ERR_INTEGRITY)
		return log_err(ERR_INTEGRITY,
		    "the backup's checkpoint is missing, or not the one of "
		    "its %llu entries",
		    (unsigned long long)b->backup.entries);
	if (r == 0)
		r = backup_copy_trail(b->state, b->dir, NULL, &c,
		    (const char *)note);
	if (r == 0)
		r = file_mkdir(b->dir, JOURNAL, 0755);
	if (r == 0)
		r = file_open(&journal, b->dir, JOURNAL, O_RDONLY | O_DIRECTORY,
		    0);
	return r == 0 ? journal_scan_create(journal, c.size, NULL, 0) : r;
}

static int
restore_file(struct run *b, const char *name, const struct digest *wanted)
{
	struct digest d;
	int r = backup_copy_file(b->state, name, b->dir, name, &d);

	if (r == ERR_NOT_FOUND || (r == 0 && !digest_equal(&d, wanted)))
		r = log_err(ERR_INTEGRITY,
		    "'%s/%s' is %s: restore another backup", b->state->name,
		    name, r == 0 ? "not what " BACKUP_JSON " says" : "missing");
	return r;
}

/* Until vault.json is there, there is no vault. */
static int
finish(struct run *b)
{
	OWNED_MEM(uint8_t) json = NULL;
	size_t n;
	int r = file_load(b->state, VAULTDIR_JSON, BACKUP_JSON_MAX, &json, &n);

	if (r == 0)
		r = backup_sync(b->dir);
	if (r == 0)
		r = file_replace(b->dir, VAULTDIR_JSON, json, n, 0644);
	return r == 0 ? file_remove(b->dir, MARK) : r;
}

static int
restore(struct run *b, const char *src, const char *dir)
{
	int r;

	if ((r = open_backup(b, src)) != 0 || (r = load_epoch(b)) != 0 ||
	    (r = backup_list_read(b->state, &b->backup.list, &b->list)) != 0 ||
	    (r = progress_new(&b->progress, b->o->quiet)) != 0 ||
	    (r = open_dir(b, dir)) != 0 || (r = restore_objects(b)) != 0 ||
	    (r = restore_file(b, KEYRING_FILE, &b->backup.keyring)) != 0 ||
	    (r = restore_file(b, VAULTDIR_CATALOGUE, &b->backup.catalogue)) !=
		0 ||
	    (r = backup_copy_rules(b->state, b->dir)) != 0 ||
	    (r = file_replace(b->dir, KEYRING_EPOCH_FILE, b->epoch,
		 b->epoch_length, 0600)) != 0 ||
	    (r = restore_trail(b)) != 0)
		return r;
	return finish(b);
}

static int
report(const struct run *b, const char *dir)
{
	char made[OUT_TIME], size[OUT_SIZE], count[OUT_COUNT];
	OWNED_JSON j = NULL;

	if (!b->o->quiet) {
		log_info("what happened after %s UTC is not in it: hosts that "
			 "saw later entries of the trail refuse this vault "
			 "(exit status 3), until their state is removed",
		    out_time(b->backup.made_ms, made));
		log_info("next: weir -V '%s' check --read-data", dir);
	}
	if (b->o->json) {
		j = json_pack("{s:o, s:s, s:I, s:I, s:I, s:I}", "path",
		    out_text(dir), "vault", b->backup.id, "entries",
		    (json_int_t)b->backup.entries, "epoch",
		    (json_int_t)b->backup.epoch, "objects",
		    (json_int_t)b->backup.objects, "bytes",
		    (json_int_t)b->backup.bytes);
		return j != NULL ? out_json(j) : ERR_NOMEM;
	}
	out_line("%s, %s; %llu entries of the trail",
	    out_count(b->backup.objects, "object", count),
	    out_size(b->backup.bytes, size),
	    (unsigned long long)b->backup.entries);
	return 0;
}

int
cmd_restore(struct options *o, int argc, char **argv)
{
	struct run b = { .o = o };
	const struct options_own own[] = {
		{ "epoch", 0, OPTIONS_TEXT, &b.epoch_file },
		OPTIONS_END,
	};
	struct options_operands operands;
	int r = options_parse(o, own, argc, argv, &operands);

	if (r == 0)
		r = restore(&b, operands.items[0], operands.items[1]);
	if (r == 0)
		r = report(&b, operands.items[1]);
	run_clear(&b);
	return r;
}
