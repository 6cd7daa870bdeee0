/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdlib.h>

#include "keys/broker_lock.h"
#include "keys/broker_removal.h"
#include "keys/keyring_epoch.h"
#include "keys/keyring_next.h"
#include "keys/keyring_rekey.h"
#include "keys/keyring_rewrap.h"
#include "vault/err.h"

/*
 * Another root key (FORMAT.md, "Changing the root key"): slots are opened and
 * made on the thread for what takes long, all else is the loop's.
 */
struct broker_rekey {
	struct msg_rekey m;
	uint8_t *bytes; /* the keyring as it is */
	struct keyring_rekey how;
	struct keyring_rekeyed made;
	int found;
	char why[KEYRING_EDIT_WHY];
};

void
broker_rekey_free(struct broker_rekey *r)
{
	if (r == NULL)
		return;
	keyring_rekeyed_clear(&r->made);
	msg_rekey_clear(&r->m);
	free(r->bytes);
	free(r);
}

void
broker_rekey_look(struct broker_rekey *r)
{
	r->found = keyring_rekey(&r->made, &r->how, r->why);
}

/* Nothing is begun that gets into something else's way. */
static int
check(struct broker_call *c)
{
	struct catalogue_shred s;
	int err = broker_removal_backups(c, "rekey");

	if (err != 0)
		return err;
	err = catalogue_shred_pending(c->b->how.catalogue, &s);
	if (err == 0)
		return broker_call_fail(c, ERR_CONFLICT,
		    "the shred of %s@%.12s is not finished: run 'weir shred"
		    " %s@%.12s' again first",
		    s.model, s.version, s.model, s.version);
	return err == ERR_NOT_FOUND ? 0 : broker_call_unreadable(c, err);
}

static int
prepare(struct broker_call *c, struct broker_rekey *r)
{
	size_t n;
	int err = check(c);

	if (err == 0)
		err = broker_secret_settled(c);
	if (err != 0)
		return err;
	err = file_load(c->b->how.vault->dir, KEYRING_FILE, KEYRING_FILE_MAX,
	    &r->bytes, &n);
	if (err != 0)
		return broker_call_fail(c, err, "the keyring cannot be read");
	r->how = (struct keyring_rekey){
		.bytes = r->bytes,
		.length = n,
		.proof = &r->m.proof,
		.others = r->m.others,
		.count = r->m.count,
		.recovery = &r->m.recovery,
		.number = (uint16_t)catalogue_next(c->b->how.catalogue,
		    CATALOGUE_SECRET),
		.drop = r->m.drop,
		.now_ms = broker_record_clock(),
	};
	return 0;
}

int
broker_rekey_rekey(struct broker_call *c)
{
	struct broker_rekey *r = calloc(1, sizeof(*r));
	struct broker_check *k = calloc(1, sizeof(*k));
	int err;

	if (r == NULL || k == NULL) {
		free(r);
		free(k);
		return ERR_NOMEM;
	}
	k->rekey = r;
	err = msg_rekey_read(&r->m, &c->body) != 0 ? broker_call_malformed(c) :
						     prepare(c, r);
	return broker_check_secret(c, k, err);
}

/* A wrong proof is told of, and is a wrong secret for who gave it. */
static int
refuse(struct broker_call *c, const struct broker_rekey *r)
{
	int err;

	if (r->found != ERR_SECRET)
		return broker_call_fail(c, r->found, "%s",
		    r->why[0] != '\0' ? r->why : err_text(r->found));
	err = broker_call_refuse(c, "a secret that does not open the vault",
	    "%s", r->why);
	return err == ERR_DENIED ? ERR_SECRET : err;
}

static void
list(struct entry *e, const char *key, const uint16_t *numbers, size_t n)
{
	entry_open_list(e, key);
	for (size_t i = 0; i < n; i++)
		entry_number(e, NULL, numbers[i]);
	entry_close(e);
}

static int
record(struct broker_call *c, const struct keyring_rekeyed *m)
{
	struct digest file = digest_of(m->bytes, m->length);
	OWNED_ENTRY e = { 0 };

	broker_call_entry(c, &e, ENTRY_REKEY);
	entry_number(&e, "epoch", m->next->epoch_number);
	list(&e, "kept", m->kept, m->kept_count);
	list(&e, "dropped", m->dropped, m->dropped_count);
	if (m->added.number != 0) {
		entry_number(&e, "secret", m->added.number);
		entry_text(&e, "label", m->added.name);
	}
	entry_number(&e, "proved", m->proved);
	entry_digest(&e, "keyring", &file);
	return broker_call_record(c, &e);
}

/* Both files beside those in force. */
static int
put_beside(struct broker_call *c, const struct keyring_rekeyed *m)
{
	const struct file *vault = c->b->how.vault->dir;
	const struct keyring *now = c->b->how.keyring;
	struct keyring from = *m->next, next;
	int err;

	from.epoch = now->epoch; /* borrowed */
	from.epoch_number = now->epoch_number;
	err = keyring_epoch_begin(&from, vault, &next);
	if (err != 0)
		return err;
	m->next->epoch = next.epoch;
	m->next->epoch_number = next.epoch_number;
	return keyring_next_put(vault, m->bytes, m->length);
}

/* It is not to be; the next start would undo it, too. */
static void
undo(struct broker_call *c)
{
	const struct file *vault = c->b->how.vault->dir;

	if (keyring_next_drop(vault) == 0)
		(void)!file_destroy(vault, KEYRING_EPOCH_NEXT_FILE);
}

static json_t *
numbers_json(const uint16_t *numbers, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		(void)!json_array_append_new(list, json_integer(numbers[i]));
	return list;
}

static int
reply(struct broker_call *c, const struct keyring_rekeyed *m, uint16_t started)
{
	return broker_call_json(c,
	    json_pack("{s:I, s:o, s:o, s:o*, s:i}", "epoch",
		(json_int_t)c->b->how.keyring->epoch_number, "kept",
		numbers_json(m->kept, m->kept_count), "dropped",
		numbers_json(m->dropped, m->dropped_count), "recovery",
		m->added.number != 0 ? json_integer(m->added.number) : NULL,
		"started_with", started));
}

/* The slot that keyd was started with is told of as long as it is there. */
static uint16_t
slot_after(const struct keyring *k, const struct keyring_rekeyed *m)
{
	for (size_t i = 0; i < m->kept_count; i++)
		if (m->kept[i] == k->slot)
			return k->slot;
	return m->proved;
}

static int
change(struct broker_call *c, const struct keyring_rekeyed *m)
{
	struct broker *b = c->b;
	uint16_t started = b->how.keyring->slot;
	int err = put_beside(c, m);

	if (err != 0) {
		undo(c);
		return broker_call_fail(c, err,
		    "the new keyring cannot be written: %s; nothing was"
		    " changed",
		    err_text(err));
	}
	err = record(c, m);
	if (err != 0) {
		if (b->failed == 0)
			undo(c);
		return err;
	}
	m->next->slot = slot_after(b->how.keyring, m);
	err = keyring_rewrap_finish(b->how.catalogue, b->how.vault->dir,
	    b->how.keyring, m->next);
	if (err == 0)
		return reply(c, m, started);
	if (b->failed == 0)
		broker_record_failed(b, err,
		    "a change of the root key cannot be finished now, and is"
		    " at the next start");
	return broker_call_fail(c, ERR_IO,
	    "the change is recorded, and cannot be finished: %s; weir-keyd"
	    " stops, and finishes it when it starts again",
	    err_text(err));
}

static int
check_keys(struct broker_call *c)
{
	int err = keyring_rewrap_look(c->b->how.catalogue, c->b->how.keyring,
	    true);

	return err == 0 ? 0 :
			  broker_call_fail(c, err,
			      "a wrapped key does not open, and would be lost:"
			      " bring back the catalogue from a backup first"
			      " (weir-keyd's log names it)");
}

int
broker_rekey_checked(struct broker_call *c, struct broker_check *k)
{
	const struct broker_rekey *r = k->rekey;
	int err;

	c->b->secret_busy = false;
	if (c->b->failed != 0 || c->b->stopping)
		err = broker_call_fail(c, ERR_IO, "weir-keyd stops");
	else if (keyring_locked(c->b->how.keyring))
		err = broker_lock_says(c);
	else if (r->found != 0)
		err = refuse(c, r);
	else
		err = broker_call_need(c, ROLE_OWNER);
	if (err == 0)
		err = check(c);
	if (err == 0)
		err = check_keys(c);
	if (err == 0)
		err = change(c, &r->made);
	broker_check_free(k);
	return err;
}
