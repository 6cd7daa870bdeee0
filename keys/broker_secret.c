/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "keys/broker_lock.h"
#include "keys/broker_state.h"
#include "keys/keyring_edit.h"
#include "keys/keyring_next.h"
#include "vault/err.h"

/*
 * Unlocking secrets (PROTOCOL.md): what a passphrase costs to try is spent on
 * the thread for what takes long, the change itself is the loop's.
 */
struct broker_secret {
	struct msg_secret_add add; /* of a removal: its proof alone */
	char *drop;
	uint8_t *bytes; /* the keyring as it is */
	struct keyring_edit how;
	struct keyring_edited made;
	int found;
	char why[KEYRING_EDIT_WHY];
};

void
broker_secret_free(struct broker_secret *s)
{
	if (s == NULL)
		return;
	keyring_edited_clear(&s->made);
	msg_secret_add_clear(&s->add);
	free(s->drop);
	free(s->bytes);
	free(s);
}

/* --- secret.ls --- */

static int
read_keyring(struct broker_call *c, uint8_t **bytes, size_t *n)
{
	int err = file_load(c->b->how.vault->dir, KEYRING_FILE,
	    KEYRING_FILE_MAX, bytes, n);

	if (err != 0)
		return broker_call_fail(c, err, "the keyring cannot be read");
	return 0;
}

static json_t *
slot_json(struct broker_call *c, const struct keyring_slot *s)
{
	char added[ENTRY_TIME_SIZE], used[ENTRY_TIME_SIZE];
	int64_t used_ms = 0;

	if (catalogue_secret_used(c->b->how.catalogue, s->number, &used_ms) !=
	    0)
		return NULL;
	entry_time_text(used_ms, used);
	return json_pack("{s:i, s:s, s:s, s:s, s:s*, s:b}", "secret", s->number,
	    "type", keyring_kind_name(s->kind), "label", s->name, "added",
	    entry_time_text((int64_t)s->created * 1000, added), "used",
	    used_ms != 0 ? used : NULL, "current",
	    s->number == c->b->how.keyring->slot);
}

int
broker_secret_ls(struct broker_call *c)
{
	OWNED_MEM(uint8_t) bytes = NULL;
	struct keyring_slots slots;
	struct reader r;
	json_t *items;
	size_t n;
	int err;

	if (!reader_end(&c->body))
		return broker_call_malformed(c);
	err = read_keyring(c, &bytes, &n);
	if (err != 0)
		return err;
	r = reader_of(bytes, n);
	err = keyring_slots_read(&slots, &r);
	if (err != 0)
		return broker_call_fail(c, ERR_INTEGRITY,
		    "the keyring is damaged: bring it back from a backup");
	items = json_array();
	for (uint16_t i = 0; i < slots.count; i++)
		if (json_array_append_new(items,
			slot_json(c, &slots.items[i])) != 0) {
			json_decref(items);
			return broker_call_fail(c, ERR_NOMEM,
			    "the list of secrets cannot be made");
		}
	return broker_call_json(c, json_pack("{s:o}", "secrets", items));
}

/* --- secret.add, secret.rm --- */

void
broker_secret_look(struct broker_secret *s)
{
	s->found = keyring_edit(&s->made, &s->how, s->why);
}

/* One that was recorded may wait for room on the disk. */
int
broker_secret_settled(struct broker_call *c)
{
	struct digest recorded;
	bool same;
	int err;

	if (c->b->secret_busy)
		return broker_call_fail(c, ERR_CONFLICT,
		    "another change of the unlocking secrets is under way; try"
		    " again");
	err = catalogue_secret_file(c->b->how.catalogue, &recorded);
	if (err == 0 || err == ERR_NOT_FOUND)
		err = keyring_next_settle(c->b->how.vault->dir,
		    err == 0 ? &recorded : NULL, &same);
	if (err != 0)
		return broker_call_fail(c, err,
		    "the keyring cannot be written: %s", err_text(err));
	return 0;
}

static int
start(struct broker_call *c, struct broker_secret *s, bool add)
{
	struct broker_check *k = calloc(1, sizeof(*k));
	size_t n = 0;
	int err;

	if (k == NULL) {
		broker_secret_free(s);
		return ERR_NOMEM;
	}
	k->secret = s;
	err = broker_secret_settled(c);
	if (err == 0)
		err = read_keyring(c, &s->bytes, &n);
	if (err == 0)
		s->how = (struct keyring_edit){
			.bytes = s->bytes,
			.length = n,
			.proof = &s->add.proof,
			.fresh = add ? &s->add.fresh : NULL,
			.label = s->add.label,
			.number = (uint16_t)catalogue_next(c->b->how.catalogue,
			    CATALOGUE_SECRET),
			.now_ms = broker_record_clock(),
			.drop = s->drop,
		};
	return broker_check_secret(c, k, err);
}

int
broker_secret_add(struct broker_call *c)
{
	struct broker_secret *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return ERR_NOMEM;
	if (msg_secret_add_read(&s->add, &c->body) != 0) {
		broker_secret_free(s);
		return broker_call_malformed(c);
	}
	if (s->add.replace) {
		s->drop = s->add.slot;
		s->add.slot = NULL;
	}
	return start(c, s, true);
}

int
broker_secret_rm(struct broker_call *c)
{
	struct broker_secret *s = calloc(1, sizeof(*s));
	struct msg_secret_rm m;

	if (s == NULL)
		return ERR_NOMEM;
	if (msg_secret_rm_read(&m, &c->body) != 0) {
		broker_secret_free(s);
		return broker_call_malformed(c);
	}
	s->add.proof = m.proof;
	s->drop = m.slot;
	return start(c, s, false);
}

/* A wrong proof is told of, and is a wrong secret for who gave it. */
static int
refuse(struct broker_call *c, const struct broker_secret *s)
{
	int err;

	if (s->found != ERR_SECRET)
		return broker_call_fail(c, s->found, "%s",
		    s->why[0] != '\0' ? s->why : err_text(s->found));
	err = broker_call_refuse(c, "a secret that does not open the vault",
	    "%s", s->why);
	return err == ERR_DENIED ? ERR_SECRET : err;
}

static void
fill_entry(struct broker_call *c, struct entry *e,
    const struct broker_secret *s)
{
	const struct keyring_slot *added = &s->made.added;
	const struct keyring_slot *dropped = &s->made.dropped;
	struct digest file = digest_of(s->made.bytes, s->made.length);

	if (added->number != 0) {
		broker_call_entry(c, e, ENTRY_SECRET_ADD);
		entry_number(e, "secret", added->number);
		entry_text(e, "type", keyring_kind_name(added->kind));
		entry_text(e, "label", added->name);
		if (dropped->number != 0)
			entry_number(e, "replaces", dropped->number);
	} else {
		broker_call_entry(c, e, ENTRY_SECRET_RM);
		entry_number(e, "secret", dropped->number);
		entry_text(e, "label", dropped->name);
	}
	entry_number(e, "proved", s->made.proved);
	entry_digest(e, "keyring", &file);
}

/* Beside, recorded, in its place (FORMAT.md, "Changing slots"). */
static int
change(struct broker_call *c, const struct broker_secret *s)
{
	const struct file *vault = c->b->how.vault->dir;
	OWNED_ENTRY e = { 0 };
	int err = keyring_next_put(vault, s->made.bytes, s->made.length);

	if (err != 0)
		return broker_call_fail(c, err,
		    "the new keyring cannot be written: %s; nothing was"
		    " changed",
		    err_text(err));
	fill_entry(c, &e, s);
	err = broker_call_record(c, &e);
	if (err != 0)
		return err;
	err = keyring_next_take(vault);
	if (err != 0)
		return broker_call_fail(c, err,
		    "the change is recorded, and the keyring cannot be"
		    " written: %s; it is finished when weir-keyd starts again",
		    err_text(err));
	msg_number_write(&c->reply,
	    s->made.added.number != 0 ? s->made.added.number :
					s->made.dropped.number);
	return 0;
}

int
broker_secret_checked(struct broker_call *c, struct broker_check *k)
{
	const struct broker_secret *s = k->secret;
	int err;

	c->b->secret_busy = false;
	if (c->b->failed != 0 || c->b->stopping)
		err = broker_call_fail(c, ERR_IO, "weir-keyd stops");
	else if (s->found != 0)
		err = refuse(c, s);
	else
		err = broker_call_need(c, ROLE_OWNER);
	if (err == 0)
		err = change(c, s);
	broker_check_free(k);
	return err;
}
