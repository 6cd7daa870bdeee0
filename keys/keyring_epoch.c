/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/keyring_epoch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "vault/err.h"
#include "vault/log.h"
#include "vault/sealed.h"
#include "vault/writer.h"

#define MAGIC "weirepo\n"
#define MAGIC_SIZE 8
#define VERSION 1
#define PURPOSE "epoch"

int
keyring_epoch_put(const struct file *vault, const char *name,
    const struct keyring *k)
{
	OWNED_WRITER w = writer_of(KEYRING_FILE_MAX);
	int err;

	writer_bytes(&w, MAGIC, MAGIC_SIZE);
	writer_u16(&w, VERSION);
	writer_u16(&w, 0);
	writer_u64(&w, k->epoch_number);
	err = sealed_write(&w, root_key_bytes(k->root), PURPOSE,
	    epoch_key_bytes(k->epoch), KEY_SIZE);
	if (err == 0 && !writer_ok(&w))
		err = ERR_NOMEM;
	if (err != 0)
		return err;
	return file_replace(vault, name, w.bytes, w.length, KEYRING_FILE_MODE);
}

int
keyring_epoch_read(struct keyring *k, struct reader *r)
{
	SECRET(uint8_t, key, 32);
	uint16_t version, zero;
	int err;

	reader_expect(r, MAGIC, MAGIC_SIZE);
	version = reader_u16(r);
	zero = reader_u16(r);
	k->epoch_number = reader_u64(r);
	if (!reader_ok(r) || version != VERSION || zero != 0)
		return ERR_FORMAT;
	err = sealed_read(r, root_key_bytes(k->root), PURPOSE, key, KEY_SIZE);
	if (err == ERR_SECRET)
		return ERR_INTEGRITY;
	if (err == 0 && !reader_end(r))
		err = ERR_FORMAT;
	return err == 0 ? epoch_key_from(&k->epoch, key) : err;
}

int
keyring_epoch_begin(const struct keyring *k, const struct file *vault,
    struct keyring *next)
{
	struct keyring n = *k;
	int err;

	n.epoch = NULL;
	n.epoch_number++;
	err = epoch_key_new(&n.epoch);
	if (err == 0)
		err = keyring_epoch_put(vault, KEYRING_EPOCH_NEXT_FILE, &n);
	if (err != 0)
		epoch_key_free(n.epoch);
	else
		*next = n;
	return err;
}

void
keyring_epoch_free(struct keyring *next)
{
	epoch_key_free(next->epoch);
	next->epoch = NULL;
}

/* Files that writers left behind: an epoch may be among them. */
static int
destroy_leftovers(const struct file *vault)
{
	int fd = openat(vault->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *e;
	int err = 0;

	if (stream == NULL) {
		err = log_sys("list '%s'", vault->name);
		owned_fd_close(&fd);
		return err;
	}
	while (err == 0 && (e = readdir(stream)) != NULL)
		if (strncmp(e->d_name, FILE_TEMPORARY,
			strlen(FILE_TEMPORARY)) == 0)
			err = file_destroy(vault, e->d_name);
	closedir(stream);
	return err;
}

/*
 * The old key keeps a name until its bytes are overwritten: whatever is cut
 * off, the next start finds it.
 */
int
keyring_epoch_take(const struct file *vault)
{
	int err;

	if (linkat(vault->fd, KEYRING_EPOCH_FILE, vault->fd,
		KEYRING_EPOCH_OLD_FILE, 0) != 0 &&
	    errno != EEXIST)
		return log_sys("link '%s/" KEYRING_EPOCH_OLD_FILE "'",
		    vault->name);
	if (renameat(vault->fd, KEYRING_EPOCH_NEXT_FILE, vault->fd,
		KEYRING_EPOCH_FILE) != 0)
		return log_sys("rename to '%s/" KEYRING_EPOCH_FILE "'",
		    vault->name);
	err = file_sync(vault);
	if (err == 0)
		err = file_destroy(vault, KEYRING_EPOCH_OLD_FILE);
	return err == 0 ? destroy_leftovers(vault) : err;
}

int
keyring_epoch_end(struct keyring *k, const struct file *vault,
    struct keyring *next)
{
	int err = keyring_epoch_take(vault);

	if (err != 0)
		return err;
	epoch_key_free(k->epoch);
	k->epoch = next->epoch;
	k->epoch_number = next->epoch_number;
	next->epoch = NULL;
	return 0;
}

/* What the catalogue went over to is still beside. */
static int
go_on(struct keyring *k, const struct file *vault, uint64_t in_force)
{
	OWNED_MEM(uint8_t) bytes = NULL;
	struct keyring next = *k;
	struct reader r;
	size_t n;
	int err = file_load(vault, KEYRING_EPOCH_NEXT_FILE, KEYRING_FILE_MAX,
	    &bytes, &n);

	next.epoch = NULL;
	if (err == 0) {
		r = reader_of(bytes, n);
		err = keyring_epoch_read(&next, &r);
	}
	if (err == ERR_NOT_FOUND ||
	    (err == 0 && next.epoch_number != in_force)) {
		keyring_epoch_free(&next);
		return log_err(ERR_INTEGRITY,
		    "'%s/" KEYRING_EPOCH_FILE "' is of before a shred (epoch"
		    " %ju, not %ju): bring back the one that was kept after it",
		    vault->name, (uintmax_t)k->epoch_number,
		    (uintmax_t)in_force);
	}
	if (err == 0)
		err = keyring_epoch_end(k, vault, &next);
	keyring_epoch_free(&next);
	return err;
}

int
keyring_epoch_settle(struct keyring *k, const struct file *vault,
    uint64_t in_force)
{
	int err;

	if (in_force == 0)
		in_force = 1;
	if (in_force > k->epoch_number)
		return go_on(k, vault, in_force);
	if (in_force < k->epoch_number)
		return log_err(ERR_INTEGRITY,
		    "the catalogue is of before a shred (epoch %ju, not %ju):"
		    " the key that its keys were wrapped under was destroyed"
		    " then; bring back a backup that was made after it",
		    (uintmax_t)in_force, (uintmax_t)k->epoch_number);
	if (k->epoch_next) {
		err = keyring_epoch_take(vault);
		if (err != 0)
			return err;
		k->epoch_next = false;
	}
	err = file_destroy(vault, KEYRING_EPOCH_NEXT_FILE);
	if (err == 0)
		err = file_destroy(vault, KEYRING_EPOCH_OLD_FILE);
	return err == 0 ? destroy_leftovers(vault) : err;
}
