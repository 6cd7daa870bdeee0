/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "keys/broker_state.h"
#include "vault/err.h"

#define COPY VAULTDIR_RUN "/" VAULTDIR_COPY

/*
 * What a backup needs of keyd (PROTOCOL.md): all of it is as of one entry,
 * because the loop does nothing else meanwhile.
 */

/* Who can read the vault's files anyway, or an owner. */
static int
need_owner(struct broker_call *c)
{
	uid_t uid = c->from->peer.uid;

	if (uid == 0 || uid == c->b->how.own_uid)
		return 0;
	return broker_call_need(c, ROLE_OWNER);
}

static int
record(struct broker_call *c)
{
	OWNED_ENTRY e = { 0 };

	broker_call_entry(c, &e, ENTRY_BACKUP);
	entry_number(&e, "epoch", c->b->how.keyring->epoch_number);
	return broker_call_record(c, &e);
}

static int
copy_catalogue(struct broker_call *c)
{
	const struct vaultdir *v = c->b->how.vault;
	OWNED_MEM(char) path = vaultdir_path(v, COPY);
	mode_t mask;
	int err;

	if (path == NULL)
		return ERR_NOMEM;
	err = file_remove(v->dir, COPY);
	mask = umask(077);
	if (err == 0)
		err = catalogue_copy(c->b->how.catalogue, path);
	umask(mask);
	if (err != 0)
		return broker_call_fail(c, err,
		    "the catalogue cannot be copied to '%s': %s", path,
		    err_text(err));
	return 0;
}

static int
publish(struct broker_call *c, char **note)
{
	struct note_checkpoint published;
	int err = trail_publish(c->b->how.trail, &published, note);

	if (err != 0)
		return broker_call_fail(c, err,
		    "the checkpoint cannot be published: %s", err_text(err));
	/* All is applied: what was under way was drained for the record. */
	if (published.size != catalogue_applied(c->b->how.catalogue))
		return broker_call_fail(c, ERR_CONFLICT,
		    "the trail grew meanwhile; try again");
	return 0;
}

static int
load(struct broker_call *c, const char *name, uint8_t **bytes, size_t *n)
{
	int err = file_load(c->b->how.vault->dir, name, KEYRING_FILE_MAX, bytes,
	    n);

	return err == 0 ? 0 :
			  broker_call_fail(c, err, "'%s' cannot be read", name);
}

int
broker_backup_backup(struct broker_call *c)
{
	struct msg_backup m = { 0 };
	int err;

	if (!reader_end(&c->body))
		return broker_call_malformed(c);
	err = need_owner(c);
	if (err == 0)
		err = record(c);
	if (err == 0)
		err = publish(c, &m.note);
	if (err == 0)
		err = copy_catalogue(c);
	if (err == 0)
		err = load(c, KEYRING_FILE, &m.keyring, &m.keyring_length);
	if (err == 0)
		err = load(c, KEYRING_EPOCH_FILE, &m.epoch, &m.epoch_length);
	if (err == 0) {
		m.epoch_number = c->b->how.keyring->epoch_number;
		msg_backup_write(&c->reply, &m);
		c->from->backs_up = true;
	}
	msg_backup_clear(&m);
	return err;
}
