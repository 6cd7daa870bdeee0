/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/keyring_edit.h"

#include <ctype.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vault/err.h"
#include "vault/reader.h"
#include "vault/writer.h"

/* An edit under way. */
struct edit {
	const struct keyring_edit *how;
	struct keyring_slots slots;
	struct reader body;
	const struct keyring_slot *drop; /* of slots; NULL: none */
	struct keyring_slot fresh;
	struct keyring *open;
	char *why;
};

const char *
keyring_kind_name(enum unlock_kind kind)
{
	switch (kind) {
	case UNLOCK_PASSPHRASE:
		return "passphrase";
	case UNLOCK_KEY_FILE:
		return "key-file";
	case UNLOCK_RECOVERY:
		break;
	}
	return "recovery";
}

void
keyring_edited_clear(struct keyring_edited *e)
{
	free(e->bytes);
	*e = (struct keyring_edited){ 0 };
}

static int PRINTF_LIKE(3, 4) fail(struct edit *e, int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(e->why, KEYRING_EDIT_WHY, fmt, args);
	va_end(args);
	return err;
}

static bool
is_number(const char *text)
{
	return *text != '\0' && text[strspn(text, "0123456789")] == '\0';
}

static bool
label_ok(const char *text)
{
	size_t n = 0;

	while (n <= KEYRING_SLOT_NAME && isgraph((unsigned char)text[n]))
		n++;
	return n > 0 && n <= KEYRING_SLOT_NAME && text[n] == '\0' &&
	    !is_number(text);
}

static const struct keyring_slot *
by_number(const struct keyring_slots *s, unsigned long number)
{
	for (uint16_t i = 0; i < s->count; i++)
		if (s->items[i].number == number)
			return &s->items[i];
	return NULL;
}

/* By number or by name; NULL: there is none. */
static const struct keyring_slot *
find(const struct keyring_slots *s, const char *text)
{
	if (is_number(text))
		return by_number(s, strtoul(text, NULL, 10));
	for (uint16_t i = 0; i < s->count; i++)
		if (strcmp(s->items[i].name, text) == 0)
			return &s->items[i];
	return NULL;
}

static int
check_drop(struct edit *e)
{
	if (e->how->drop == NULL || *e->how->drop == '\0')
		return 0;
	e->drop = find(&e->slots, e->how->drop);
	if (e->drop == NULL)
		return fail(e, ERR_NOT_FOUND,
		    "no unlocking secret has the number or label '%.32s';"
		    " 'weir secret ls' lists them",
		    e->how->drop);
	if (e->how->fresh == NULL && e->slots.count <= KEYRING_SLOTS_LEAST)
		return fail(e, ERR_CONFLICT,
		    "a vault has %d unlocking secrets at least, and this one"
		    " has %u: add another one first (weir secret add), or"
		    " change this one (weir secret passwd %u)",
		    KEYRING_SLOTS_LEAST, e->slots.count, e->drop->number);
	return 0;
}

/* The number and name of the new slot. */
static int
name_fresh(struct edit *e)
{
	struct keyring_slot *s = &e->fresh;
	const char *label = e->how->label;
	const struct keyring_slot *same;

	s->number = e->how->number;
	for (uint16_t i = 0; i < e->slots.count; i++)
		if (e->slots.items[i].number >= s->number)
			s->number = (uint16_t)(e->slots.items[i].number + 1);
	if (s->number == 0)
		return fail(e, ERR_LIMIT, "there are no numbers left");
	if (label != NULL && *label != '\0') {
		if (!label_ok(label))
			return fail(e, ERR_USAGE,
			    "a label is 1 to %d printable characters without"
			    " blanks, and not a number",
			    KEYRING_SLOT_NAME);
		snprintf(s->name, sizeof(s->name), "%s", label);
	} else if (e->drop != NULL) {
		memcpy(s->name, e->drop->name, sizeof(s->name));
	} else {
		snprintf(s->name, sizeof(s->name), "%s-%u",
		    keyring_kind_name(s->kind), s->number);
	}
	same = find(&e->slots, s->name);
	if (same != NULL && same != e->drop)
		return fail(e, ERR_CONFLICT,
		    "the label '%s' is secret %u's; choose another one:"
		    " --label TEXT",
		    s->name, same->number);
	return 0;
}

/* Two slots of one secret are lost together. */
static int
check_new(struct edit *e)
{
	const struct keyring_edit *how = e->how;
	OWNED(keyring) other = NULL;
	int err = keyring_prove(how->bytes, how->length, how->fresh, 0, &other);

	if (err != 0)
		return err == ERR_SECRET ? 0 : err;
	return fail(e, ERR_CONFLICT,
	    "the new secret opens the vault already, as secret %u: two that"
	    " are the same are lost together, so choose another one",
	    other->slot);
}

static int
check_fresh(struct edit *e)
{
	const struct keyring_edit *how = e->how;
	int err;

	if (how->fresh == NULL)
		return 0;
	if (e->drop == NULL && e->slots.count == KEYRING_SLOTS_MAX)
		return fail(e, ERR_LIMIT,
		    "a vault has %d unlocking secrets at most; remove one"
		    " first: weir secret rm N",
		    KEYRING_SLOTS_MAX);
	e->fresh.kind = how->fresh->kind;
	e->fresh.created = (uint64_t)how->now_ms / 1000;
	if (e->fresh.kind == UNLOCK_PASSPHRASE)
		e->fresh.cost = keyring_slot_cost(&how->cost);
	err = name_fresh(e);
	return err == 0 ? check_new(e) : err;
}

/* What opens the vault after is not what goes. */
static int
prove(struct edit *e)
{
	const struct keyring_edit *how = e->how;
	uint16_t but = e->drop != NULL && how->fresh == NULL ? e->drop->number :
							       0;
	OWNED(keyring) other = NULL;
	int err = keyring_prove(how->bytes, how->length, how->proof, but,
	    &e->open);

	if (err != ERR_SECRET)
		return err;
	if (but != 0 &&
	    keyring_prove(how->bytes, how->length, how->proof, 0, &other) == 0)
		return fail(e, ERR_CONFLICT,
		    "the secret given is secret %u itself: to remove it, prove"
		    " that another one opens the vault (--passphrase-file or"
		    " --key-file; the recovery key will do)",
		    but);
	return fail(e, ERR_SECRET,
	    "the secret given does not unlock this vault: nothing was changed");
}

static int
write_slots(struct edit *e, struct writer *w)
{
	bool added = e->how->fresh != NULL;
	uint16_t count = e->slots.count;

	count = (uint16_t)(count + (added ? 1 : 0) - (e->drop != NULL ? 1 : 0));
	keyring_slots_begin(w, e->slots.vault, count);
	for (uint16_t i = 0; i < e->slots.count; i++)
		if (&e->slots.items[i] != e->drop)
			keyring_slot_copy(w, &e->slots.items[i]);
	return added ?
	    keyring_slot_write(w, &e->fresh, e->how->fresh, e->open->root) :
	    0;
}

/* What is about to be written opens, and is the same vault. */
static int
prove_again(struct edit *e, const struct writer *w)
{
	const struct unlock *secret = e->how->fresh != NULL ? e->how->fresh :
							      e->how->proof;
	OWNED(keyring) again = NULL;
	int err = keyring_prove(w->bytes, w->length, secret, 0, &again);

	if (err == 0 &&
	    sodium_memcmp(root_key_bytes(again->root),
		root_key_bytes(e->open->root), KEY_SIZE) != 0)
		err = ERR_INTEGRITY;
	if (err == ERR_SECRET)
		err = ERR_INTEGRITY;
	if (err == ERR_INTEGRITY)
		return fail(e, err,
		    "the new keyring does not open: nothing was changed");
	return err;
}

static int
make(struct edit *e, struct keyring_edited *out)
{
	OWNED_WRITER w = writer_of(KEYRING_FILE_MAX);
	struct keyring_edited made = { 0 };
	int err = write_slots(e, &w);

	if (err == 0) {
		writer_bytes(&w, e->body.at, e->body.left);
		err = writer_ok(&w) ? prove_again(e, &w) : ERR_NOMEM;
	}
	if (err != 0)
		return err;
	made.bytes = writer_take(&w, &made.length);
	if (made.bytes == NULL)
		return ERR_NOMEM;
	made.proved = e->open->slot;
	made.added = e->fresh;
	if (e->drop != NULL)
		made.dropped = *e->drop;
	*out = made;
	return 0;
}

int
keyring_edit(struct keyring_edited *out, const struct keyring_edit *how,
    char why[static KEYRING_EDIT_WHY])
{
	struct edit e = {
		.how = how,
		.body = reader_of(how->bytes, how->length),
		.why = why,
	};
	int err = keyring_slots_read(&e.slots, &e.body);

	*why = '\0';
	if (err == 0)
		err = check_drop(&e);
	if (err == 0)
		err = prove(&e);
	if (err == 0 && how->drop != NULL && *how->drop == '\0')
		e.drop = by_number(&e.slots, e.open->slot);
	if (err == 0)
		err = check_fresh(&e);
	if (err == 0)
		err = make(&e, out);
	keyring_free(e.open);
	return err;
}
