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
#include "keys/peer.h"
#include "vault/clock.h"
#include "vault/err.h"
#include "vault/log.h"
#include "vault/names.h"
#include "vault/tiles_view.h"

#define CHECKPOINT "trail/checkpoint"
#define STATE_PREFIX "state-"
#define COPY VAULTDIR_RUN "/" VAULTDIR_COPY

/* A backup under way. */
struct run {
	const struct options *o;
	const char *epoch_to;
	bool read_data;
	struct vaultdir *vault;
	struct file *dest;
	bool had; /* there is an earlier backup: */
	struct backup before;
	/* Until it is done, nothing that it is to copy goes for good. */
	struct client *client;
	struct msg_backup from; /* what keyd said */
	struct note_checkpoint checkpoint;
	struct backup now;
	struct backup_list list;
	struct progress *progress;
	struct mirror_totals totals;
	json_t *bad; /* objects that the vault has not got whole */
};

static void
run_clear(struct run *b)
{
	json_decref(b->bad);
	progress_free(b->progress);
	backup_list_clear(&b->list);
	msg_backup_clear(&b->from);
	client_free(b->client);
	file_free(b->dest);
	vaultdir_free(b->vault);
}

/* --- where to --- */

static int
open_vault(struct run *b)
{
	const char *path;
	char owner[PEER_SIZE];
	int r;

	if ((r = options_vault(b->o, &path)) != 0 ||
	    (r = vaultdir_open(&b->vault, path)) != 0)
		return r;
	if (geteuid() == 0 || geteuid() == b->vault->owner)
		return 0;
	return log_err(ERR_DENIED,
	    "a backup reads the vault's files, which are %s's: run it as that "
	    "user, or as root",
	    peer_principal(b->vault->owner, owner) + strlen("user:"));
}

/* Only what a backup is made of may be there. */
static int
check_names(const struct run *b, bool *any)
{
	int fd = openat(b->dest->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *e;
	int r = 0;

	if (d == NULL) {
		r = log_sys("read '%s'", b->dest->name);
		if (fd >= 0)
			close(fd);
		return r;
	}
	while (r == 0 && (e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		*any = true;
		if (strcmp(e->d_name, BACKUP_OBJECTS) != 0 &&
		    strcmp(e->d_name, BACKUP_JSON) != 0 &&
		    strncmp(e->d_name, STATE_PREFIX, strlen(STATE_PREFIX)) != 0)
			r = log_err(ERR_CONFLICT,
			    "'%s' is not empty, and no backup: a backup needs "
			    "a directory of its own",
			    b->dest->name);
	}
	closedir(d);
	return r;
}

static int
open_dest(struct run *b, const char *path)
{
	OWNED_MEM(char) real = NULL;
	bool any = false;
	int r;

	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return log_sys("make '%s'", path);
	r = file_open(&b->dest, NULL, path, O_RDONLY | O_DIRECTORY, 0);
	if (r == ERR_NOT_FOUND)
		return log_err(r, "'%s' is no directory", path);
	if (r != 0)
		return r;
	real = realpath(path, NULL);
	if (real == NULL)
		return log_sys("resolve '%s'", path);
	if (names_within(real, b->vault->path))
		return options_wrong(b->o,
		    "a backup is kept where the vault is not, and '%s' is in "
		    "it",
		    path);
	if (flock(b->dest->fd, LOCK_EX | LOCK_NB) != 0)
		return log_err(ERR_CONFLICT,
		    "another backup into '%s' is under way", path);
	r = check_names(b, &any);
	return r == 0 ? file_sync_parent(b->dest) : r;
}

static int
read_before(struct run *b)
{
	char id[VAULTDIR_ID_SIZE];
	int r = backup_read(b->dest, &b->before);

	if (r == ERR_NOT_FOUND)
		return 0;
	if (r != 0)
		return r;
	b->had = true;
	if (strcmp(b->before.id, vaultdir_id(b->vault, id)) != 0)
		return log_err(ERR_CONFLICT,
		    "'%s' is the backup of another vault (%s): choose another "
		    "directory",
		    b->dest->name, b->before.id);
	return 0;
}

/* The epoch key is to be apart from what it opens. */
static int
check_epoch_to(const struct run *b)
{
	OWNED_MEM(char) copy = NULL;
	OWNED_MEM(char) parent = NULL;
	OWNED_MEM(char) dest = NULL;
	OWNED_MEM(char) self = NULL;
	char *slash;

	if (b->epoch_to == NULL)
		return 0;
	copy = strdup(b->epoch_to);
	if (copy == NULL ||
	    asprintf(&self, "/proc/self/fd/%d", b->dest->fd) < 0)
		return ERR_NOMEM;
	slash = strrchr(copy, '/');
	if (slash != NULL)
		*(slash == copy ? slash + 1 : slash) = '\0';
	parent = realpath(slash != NULL ? copy : ".", NULL);
	if (parent == NULL)
		return log_sys("resolve the directory of '%s'", b->epoch_to);
	dest = realpath(self, NULL);
	if (dest != NULL && !names_within(parent, dest) &&
	    !names_within(parent, b->vault->path))
		return 0;
	return options_wrong(b->o,
	    "the epoch key is kept apart from backup and vault, and '%s' is in "
	    "one of them",
	    b->epoch_to);
}

/* --- the state --- */

static int
remove_states(const struct run *b, const char *but)
{
	int fd = openat(b->dest->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *e;
	int r = 0;

	if (d == NULL) {
		r = log_sys("read '%s'", b->dest->name);
		if (fd >= 0)
			close(fd);
		return r;
	}
	while (r == 0 && (e = readdir(d)) != NULL)
		if (strncmp(e->d_name, STATE_PREFIX, strlen(STATE_PREFIX)) ==
			0 &&
		    strcmp(e->d_name, but) != 0)
			r = backup_remove(b->dest, e->d_name);
	closedir(d);
	return r;
}

static int
ask_keyd(struct run *b)
{
	struct reader reply;
	int r;

	if ((r = talk_open(&b->client, b->o)) != 0 ||
	    (r = client_call(b->client, MSG_BACKUP, NULL, &reply)) != 0)
		return r;
	r = msg_backup_read(&b->from, &reply);
	if (r == 0)
		r = note_checkpoint_read(&b->checkpoint, b->from.note,
		    strlen(b->from.note), &b->vault->key);
	if (r != 0)
		return log_err(r, "weir-keyd's reply is not one");
	vaultdir_id(b->vault, b->now.id);
	b->now.made_ms = clock_wall_ms();
	b->now.entries = b->checkpoint.size;
	b->now.epoch = b->from.epoch_number;
	b->now.epoch_digest = digest_of(b->from.epoch, b->from.epoch_length);
	b->now.keyring = digest_of(b->from.keyring, b->from.keyring_length);
	return 0;
}

static int
is_older(const struct run *b)
{
	return log_err(ERR_INTEGRITY,
	    "'%s' has a backup with entries of the trail that this vault has "
	    "not: it is an older copy of the vault, or its trail was cut; keep "
	    "that backup, and choose another directory",
	    b->dest->name);
}

/* A backup is not given up for a vault that does not go on from it. */
static int
check_extends(const struct run *b, const struct file *state,
    const struct file *known)
{
	OWNED_MEM(uint8_t) note = NULL;
	OWNED(file) trail = NULL;
	OWNED(tiles_view) v = NULL;
	struct note_checkpoint before;
	struct digest root;
	size_t n;
	int r;

	if (known == NULL ||
	    file_load(known, CHECKPOINT, NOTE_MAX, &note, &n) != 0 ||
	    note_checkpoint_read(&before, (const char *)note, n,
		&b->vault->key) != 0)
		return 0; /* what was damaged is no reason to keep it */
	r = file_open(&trail, state, "trail", O_RDONLY | O_DIRECTORY, 0);
	if (r == 0)
		r = tiles_view_open(&v, trail, b->checkpoint.size,
		    &b->checkpoint.root);
	if (r == 0)
		r = tlog_root(before.size, tiles_view_node, v, &root);
	if (r == 0 && !digest_equal(&root, &before.root))
		r = is_older(b);
	return r;
}

static int
make_state(struct run *b, struct file **state, struct file **known)
{
	char now[BACKUP_STATE_SIZE], before[BACKUP_STATE_SIZE] = "";
	int r;

	backup_state(b->now.entries, now);
	if (b->had)
		backup_state(b->before.entries, before);
	if (b->had && b->before.entries >= b->now.entries)
		return is_older(b);
	r = remove_states(b, before);
	if (r == 0)
		r = file_mkdir(b->dest, now, 0700);
	if (r == 0)
		r = file_open(state, b->dest, now, O_RDONLY | O_DIRECTORY, 0);
	if (r == 0 && b->had) {
		r = file_open(known, b->dest, before, O_RDONLY | O_DIRECTORY,
		    0);
		if (r == ERR_NOT_FOUND)
			r = 0;
	}
	return r;
}

static int
copy_state(struct run *b, const struct file *state, const struct file *known)
{
	const struct file *vault = b->vault->dir;
	int r, removed;

	r = backup_copy_file(vault, COPY, state, VAULTDIR_CATALOGUE,
	    &b->now.catalogue);
	if (r == ERR_NOT_FOUND)
		r = log_err(ERR_CONFLICT,
		    "another backup took the copy of the catalogue: run it "
		    "again");
	removed = file_remove(vault, COPY);
	if (r == 0)
		r = removed;
	if (r == 0)
		r = file_replace(state, KEYRING_FILE, b->from.keyring,
		    b->from.keyring_length, 0600);
	if (r == 0)
		r = backup_copy_file(vault, VAULTDIR_JSON, state, VAULTDIR_JSON,
		    NULL);
	if (r == 0)
		r = backup_copy_rules(vault, state);
	if (r == 0)
		r = backup_copy_trail(vault, state, known, &b->checkpoint,
		    b->from.note);
	return r == 0 ? check_extends(b, state, known) : r;
}

/* --- objects --- */

static void
on_bad(void *arg, const struct digest *name, bool missing)
{
	struct run *b = arg;
	char hex[DIGEST_HEX_SIZE];

	(void)!json_array_append_new(b->bad,
	    json_pack("{s:s, s:b}", "object", digest_hex(name, hex), "missing",
		missing));
}

static void
on_progress(void *arg, const struct mirror_totals *now)
{
	struct run *b = arg;

	progress_mirror(b->progress, now);
}

/* The list is of what the backup has: of what is bad here, an earlier copy. */
static int
count_list(struct run *b, struct store *to)
{
	size_t n = 0;

	b->now.bytes = 0;
	for (size_t i = 0; i < b->list.count; i++) {
		uint64_t size;
		int r = store_has(to, &b->list.names[i], &size);

		if (r == ERR_NOT_FOUND)
			continue;
		if (r != 0)
			return r;
		b->now.bytes += size;
		b->list.names[n++] = b->list.names[i];
	}
	b->now.objects = b->list.count = n;
	return 0;
}

static int
copy_objects(struct run *b)
{
	OWNED_MEM(char) path = NULL;
	OWNED(store) from = NULL;
	OWNED(store) to = NULL;
	OWNED(file) dir = NULL;
	struct mirror m = {
		.read_all = b->read_data,
		.stop = b->o->stop,
		.bad = on_bad,
		.progress = on_progress,
		.arg = b,
	};
	int r;

	if (asprintf(&path, "/proc/self/fd/%d/" BACKUP_OBJECTS, b->dest->fd) <
	    0) {
		path = NULL;
		return ERR_NOMEM;
	}
	if ((r = talk_store(&from, b->o, false)) != 0 ||
	    (r = store_dir_init(path)) != 0 ||
	    (r = store_dir_open(&to, path)) != 0 ||
	    (r = file_open(&dir, b->dest, BACKUP_OBJECTS,
		 O_RDONLY | O_DIRECTORY, 0)) != 0 ||
	    (r = backup_list_of(&b->list, from)) != 0)
		return r;
	m.from = from;
	m.to = dir;
	m.names = b->list.names;
	m.count = b->list.count;
	r = mirror_run(&m, &b->totals);
	progress_clear(b->progress);
	if (r == ERR_CONFLICT && *b->o->stop)
		return CMD_INTERRUPTED;
	return r == 0 ? count_list(b, to) : r;
}

/* --- the end of it --- */

/* The state is whole, and takes the earlier one's place. */
static int
finish(struct run *b, const struct file *state)
{
	char now[BACKUP_STATE_SIZE];
	int r = backup_list_write(state, &b->list, &b->now.list);

	if (r == 0)
		r = backup_sync(b->dest);
	if (r == 0 && b->epoch_to != NULL)
		r = file_replace(NULL, b->epoch_to, b->from.epoch,
		    b->from.epoch_length, 0600);
	if (r == 0)
		r = backup_write(b->dest, &b->now);
	if (r == 0)
		r = remove_states(b, backup_state(b->now.entries, now));
	return r;
}

static void
say_epoch(const struct run *b)
{
	unsigned long long n = b->now.epoch;

	if (b->o->quiet)
		return;
	if (b->epoch_to != NULL)
		log_info("the epoch key (epoch %llu) is in '%s': keep it apart "
			 "from the backup, and only the newest; a restore "
			 "needs it",
		    n, b->epoch_to);
	else if (b->had &&
	    digest_equal(&b->before.epoch_digest, &b->now.epoch_digest))
		log_info("the epoch key (epoch %llu) is the one of the backup "
			 "before",
		    n);
	else
		log_warn("the epoch key (epoch %llu) is NOT in the backup, and "
			 "a restore needs it: keep a copy apart from both, "
			 "and only the newest: weir backup DEST --epoch-to "
			 "FILE",
		    n);
}

static int
report(const struct run *b)
{
	char size[OUT_SIZE], copied[OUT_SIZE], count[OUT_COUNT];
	OWNED_JSON j = NULL;
	json_t *one;
	size_t i;

	say_epoch(b);
	if (b->o->json) {
		j = json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:O}",
		    "vault", b->now.id, "entries", (json_int_t)b->now.entries,
		    "epoch", (json_int_t)b->now.epoch, "objects",
		    (json_int_t)b->now.objects, "bytes",
		    (json_int_t)b->now.bytes, "copied",
		    (json_int_t)b->totals.copied, "copied_bytes",
		    (json_int_t)b->totals.copied_bytes, "bad", b->bad);
		return j != NULL ? out_json(j) : ERR_NOMEM;
	}
	json_array_foreach(b->bad, i, one)
		out_line("%s %s",
		    talk_bool(one, "missing") ? "missing" : "damaged",
		    talk_text(one, "object"));
	out_line("%s, %s; copied %llu, %s; %llu entries of the trail",
	    out_count(b->now.objects, "object", count),
	    out_size(b->now.bytes, size), (unsigned long long)b->totals.copied,
	    out_size(b->totals.copied_bytes, copied),
	    (unsigned long long)b->now.entries);
	return 0;
}

static int
make_backup(struct run *b, const char *dest)
{
	OWNED(file) state = NULL;
	OWNED(file) known = NULL;
	int r;

	if ((r = open_vault(b)) != 0 || (r = open_dest(b, dest)) != 0 ||
	    (r = read_before(b)) != 0 || (r = check_epoch_to(b)) != 0 ||
	    (r = progress_new(&b->progress, b->o->quiet)) != 0 ||
	    (r = ask_keyd(b)) != 0 ||
	    (r = make_state(b, &state, &known)) != 0 ||
	    (r = copy_state(b, state, known)) != 0 ||
	    (r = copy_objects(b)) != 0 || (r = finish(b, state)) != 0 ||
	    (r = report(b)) != 0)
		return r;
	if (json_array_size(b->bad) == 0)
		return 0;
	log_error("%zu objects of the vault are damaged or missing, and not "
		  "copied; the backup has all others, and what it had of them "
		  "before: weir check --read-data says which files they are of",
	    json_array_size(b->bad));
	return CMD_INTEGRITY;
}

int
cmd_backup(struct options *o, int argc, char **argv)
{
	struct run b = { .o = o };
	const struct options_own own[] = {
		{ "epoch-to", 0, OPTIONS_TEXT, &b.epoch_to },
		{ "read-data", 0, OPTIONS_FLAG, &b.read_data },
		OPTIONS_END,
	};
	struct options_operands operands;
	int r = options_parse(o, own, argc, argv, &operands);

	if (r != 0)
		return r;
	b.bad = json_array();
	r = b.bad != NULL ? make_backup(&b, operands.items[0]) : ERR_NOMEM;
	run_clear(&b);
	return r;
}
