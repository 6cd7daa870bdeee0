/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/keyring_rekey.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vault/err.h"
#include "vault/reader.h"
#include "vault/writer.h"

struct rekey {
	const struct keyring_rekey *how;
	struct keyring_slots slots;
	const struct unlock *by[KEYRING_SLOTS_MAX]; /* what opens it; NULL */
	struct keyring *open;			    /* as it is */
	struct keyring_rekeyed made;
	char *why;
};

void
keyring_rekeyed_clear(struct keyring_rekeyed *r)
{
	free(r->bytes);
	keyring_free(r->next);
	*r = (struct keyring_rekeyed){ 0 };
}

static int PRINTF_LIKE(3, 4)
    fail(struct rekey *r, int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(r->why, KEYRING_EDIT_WHY, fmt, args);
	va_end(args);
	return err;
}

/* The slots of one secret, of those that nobody has. */
static int
claim(struct rekey *r, const struct unlock *secret, size_t *n)
{
	*n = 0;
	for (uint16_t i = 0; i < r->slots.count; i++) {
		OWNED(root_key) root = NULL;
		int err;

		if (r->by[i] != NULL ||
		    !keyring_slot_takes(&r->slots.items[i], secret))
			continue;
		err = keyring_slot_open(&r->slots.items[i], secret, &root);
		if (err == ERR_SECRET)
			continue;
		if (err != 0)
			return err;
		r->by[i] = secret;
		(*n)++;
	}
	return 0;
}

static int
claim_all(struct rekey *r)
{
	const struct keyring_rekey *how = r->how;
	size_t n;
	int err = claim(r, how->proof, &n);

	if (err == 0 && n == 0)
		return fail(r, ERR_SECRET,
		    "the secret given does not unlock this vault: nothing was"
		    " changed");
	for (size_t i = 0; err == 0 && i < how->count; i++) {
		err = claim(r, &how->others[i], &n);
		if (err == 0 && n == 0)
			return fail(r, ERR_SECRET,
			    "of the secrets that are to stay, number %zu"
			    " unlocks nothing that those before it do not:"
			    " nothing was changed",
			    i + 1);
	}
	return err == 0 ?
	    keyring_prove(how->bytes, how->length, how->proof, 0, &r->open) :
	    err;
}

/* Who would go unasked. */
static int
refuse_to_drop(struct rekey *r)
{
	char names[128] = "";
	size_t n = 0;

	for (uint16_t i = 0; i < r->slots.count && n < sizeof(names); i++) {
		const struct keyring_slot *s = &r->slots.items[i];

		if (r->by[i] == NULL && s->kind != UNLOCK_RECOVERY)
			n += (size_t)snprintf(names + n, sizeof(names) - n,
			    "%s%u (%s)", n > 0 ? ", " : "", s->number, s->name);
	}
	if (n == 0)
		return 0;
	return fail(r, ERR_CONFLICT,
	    "these secrets would go: %s; give them (--keep-key-file,"
	    " --keep-passphrase-file), or let them go (--drop-others)",
	    names);
}

/* A new recovery key's slot, called as the one that it replaces. */
static void
plan_recovery(struct rekey *r, const struct keyring_slot *replaced)
{
	struct keyring_slot *s = &r->made.added;

	s->kind = UNLOCK_RECOVERY;
	s->created = (uint64_t)r->how->now_ms / 1000;
	s->number = r->how->number;
	for (uint16_t i = 0; i < r->slots.count; i++)
		if (r->slots.items[i].number >= s->number)
			s->number = (uint16_t)(r->slots.items[i].number + 1);
	if (replaced != NULL) {
		memcpy(s->name, replaced->name, sizeof(s->name));
		return;
	}
	snprintf(s->name, sizeof(s->name), "recovery-%u", s->number);
	for (uint16_t i = 0; i < r->slots.count; i++)
		if (strcmp(r->slots.items[i].name, s->name) == 0)
			snprintf(s->name, sizeof(s->name), "rekey-%u",
			    s->number);
}

static int
plan(struct rekey *r)
{
	const struct keyring_slot *replaced = NULL;
	struct keyring_rekeyed *m = &r->made;
	int err = r->how->drop ? 0 : refuse_to_drop(r);

	if (err != 0)
		return err;
	for (uint16_t i = 0; i < r->slots.count; i++) {
		const struct keyring_slot *s = &r->slots.items[i];

		if (r->by[i] != NULL) {
			m->kept[m->kept_count++] = s->number;
			continue;
		}
		m->dropped[m->dropped_count++] = s->number;
		if (s->kind == UNLOCK_RECOVERY && replaced == NULL)
			replaced = s;
	}
	if (replaced != NULL || m->kept_count < KEYRING_SLOTS_LEAST)
		plan_recovery(r, replaced);
	if (r->made.added.kind != 0 && r->made.added.number == 0)
		return fail(r, ERR_LIMIT, "there are no numbers left");
	return keyring_renew(r->open, &m->next);
}

static int
write(const struct rekey *r, struct writer *w)
{
	const struct root_key *root = r->made.next->root;
	bool added = r->made.added.number != 0;
	int err = 0;

	keyring_slots_begin(w, r->slots.vault,
	    (uint16_t)(r->made.kept_count + (added ? 1 : 0)));
	for (uint16_t i = 0; err == 0 && i < r->slots.count; i++)
		if (r->by[i] != NULL)
			err = keyring_slot_write(w, &r->slots.items[i],
			    r->by[i], root);
	if (err == 0 && added)
		err = keyring_slot_write(w, &r->made.added, r->how->recovery,
		    root);
	if (err == 0)
		err = keyring_body_write(w, r->made.next);
	return err == 0 && !writer_ok(w) ? ERR_NOMEM : err;
}

static int
prove_one(const struct rekey *r, const struct writer *w,
    const struct unlock *secret)
{
	OWNED(keyring) again = NULL;
	int err = keyring_prove(w->bytes, w->length, secret, 0, &again);

	if (err == ERR_SECRET)
		err = ERR_INTEGRITY;
	if (err == 0 &&
	    sodium_memcmp(root_key_bytes(again->root),
		root_key_bytes(r->made.next->root), KEY_SIZE) != 0)
		err = ERR_INTEGRITY;
	return err;
}

/* What is about to be written opens with all that are to open it. */
static int
prove(struct rekey *r, const struct writer *w)
{
	int err = prove_one(r, w, r->how->proof);

	for (size_t i = 0; err == 0 && i < r->how->count; i++)
		err = prove_one(r, w, &r->how->others[i]);
	if (err == 0 && r->made.added.number != 0)
		err = prove_one(r, w, r->how->recovery);
	if (err == ERR_INTEGRITY)
		return fail(r, err,
		    "the new keyring does not open: nothing was changed");
	return err;
}

static int
make(struct rekey *r)
{
	OWNED_WRITER w = writer_of(KEYRING_FILE_MAX);
	int err = write(r, &w);

	if (err == 0)
		err = prove(r, &w);
	if (err != 0)
		return err;
	r->made.proved = r->open->slot;
	r->made.bytes = writer_take(&w, &r->made.length);
	return r->made.bytes != NULL ? 0 : ERR_NOMEM;
}

int
keyring_rekey(struct keyring_rekeyed *out, const struct keyring_rekey *how,
    char why[static KEYRING_EDIT_WHY])
{
	struct rekey r = { .how = how, .why = why };
	struct reader body = reader_of(how->bytes, how->length);
	int err = keyring_slots_read(&r.slots, &body);

	*why = '\0';
	if (err == 0)
		err = claim_all(&r);
	if (err == 0)
		err = plan(&r);
	if (err == 0)
		err = make(&r);
	keyring_free(r.open);
	if (err == 0)
		*out = r.made;
	else
		keyring_rekeyed_clear(&r.made);
	return err;
}
