/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/keyring.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys/keyring_epoch.h"
#include "keys/keyring_slot.h"
#include "vault/err.h"
#include "vault/log.h"
#include "vault/reader.h"
#include "vault/ref.h"
#include "vault/sealed.h"
#include "vault/writer.h"

#define MAGIC "weirkey\n"
#define MAGIC_SIZE 8
#define VERSION 1

#define PURPOSE_BODY "keyring body"
#define BODY_SIZE 64 /* log seed and index secret */
#define PURPOSE_SIZE (sizeof("family ") + REF_NAME_MAX)

void
keyring_free(struct keyring *k)
{
	if (k == NULL)
		return;
	root_key_free(k->root);
	sign_key_free(k->log_seed);
	page_key_free(k->index_secret);
	epoch_key_free(k->epoch);
	keyring_free(k->after);
	free(k);
}

static int
keyring_new(struct keyring **out, const uint8_t id[static 16])
{
	OWNED(keyring) k = calloc(1, sizeof(*k));
	int err;

	if (k == NULL)
		return ERR_NOMEM;
	memcpy(k->vault, id, sizeof(k->vault));
	k->epoch_number = 1;
	err = root_key_new(&k->root);
	if (err == 0)
		err = sign_key_new(&k->log_seed);
	if (err == 0)
		err = page_key_new(&k->index_secret);
	if (err == 0)
		err = epoch_key_new(&k->epoch);
	if (err != 0)
		return err;
	*out = k;
	k = NULL;
	return 0;
}

int
keyring_renew(const struct keyring *k, struct keyring **out)
{
	OWNED(keyring) next = calloc(1, sizeof(*next));
	int err;

	if (next == NULL)
		return ERR_NOMEM;
	memcpy(next->vault, k->vault, sizeof(next->vault));
	next->epoch_number = k->epoch_number;
	next->slot = k->slot;
	err = root_key_new(&next->root);
	if (err == 0)
		err = sign_key_from(&next->log_seed,
		    sign_key_bytes(k->log_seed));
	if (err == 0)
		err = page_key_from(&next->index_secret,
		    page_key_bytes(k->index_secret));
	if (err != 0)
		return err;
	*out = next;
	next = NULL;
	return 0;
}

int
keyring_body_write(struct writer *w, const struct keyring *k)
{
	SECRET(uint8_t, body, 64);

	memcpy(body, sign_key_bytes(k->log_seed), KEY_SIZE);
	memcpy(body + KEY_SIZE, page_key_bytes(k->index_secret), KEY_SIZE);
	return sealed_write(w, root_key_bytes(k->root), PURPOSE_BODY, body,
	    BODY_SIZE);
}

static struct keyring_slot
first_slot(const struct keyring_init *how)
{
	struct keyring_slot slot = {
		.kind = how->first->kind,
		.number = 1,
		.created = (uint64_t)how->created_ms / 1000,
	};

	snprintf(slot.name, sizeof(slot.name), "first");
	if (slot.kind == UNLOCK_PASSPHRASE)
		slot.cost = keyring_slot_cost(&how->cost);
	return slot;
}

static struct keyring_slot
recovery_slot(const struct keyring_init *how)
{
	struct keyring_slot slot = {
		.kind = UNLOCK_RECOVERY,
		.number = 2,
		.created = (uint64_t)how->created_ms / 1000,
	};

	snprintf(slot.name, sizeof(slot.name), "recovery");
	return slot;
}

static int
write_keyring(const struct keyring_init *how, const struct keyring *k,
    struct secret_text *recovery)
{
	const struct keyring_slot first = first_slot(how);
	const struct keyring_slot second = recovery_slot(how);
	const struct unlock text = {
		.kind = UNLOCK_RECOVERY,
		.secret = recovery,
	};
	OWNED_WRITER w = writer_of(KEYRING_FILE_MAX);
	int err;

	keyring_slots_begin(&w, k->vault, 2);
	err = keyring_slot_write(&w, &first, how->first, k->root);
	if (err == 0)
		err = keyring_slot_write(&w, &second, &text, k->root);
	if (err == 0)
		err = keyring_body_write(&w, k);
	if (err == 0 && !writer_ok(&w))
		err = ERR_NOMEM;
	if (err != 0)
		return err;
	return file_replace(how->vault, KEYRING_FILE, w.bytes, w.length,
	    KEYRING_FILE_MODE);
}

int
keyring_init(const struct keyring_init *how, struct keyring **out,
    struct secret_text **recovery)
{
	OWNED(secret_text) text = NULL;
	OWNED(keyring) k = NULL;
	SECRET(uint8_t, bytes, 32);
	int err;

	randombytes_buf(bytes, sizeof(bytes));
	err = keyring_new(&k, how->id);
	if (err == 0)
		err = keyring_slot_recovery(bytes, &text);
	if (err == 0)
		err = keyring_epoch_put(how->vault, KEYRING_EPOCH_FILE, k);
	if (err == 0)
		err = write_keyring(how, k, text);
	if (err != 0)
		return err;
	*out = k;
	k = NULL;
	*recovery = text;
	text = NULL;
	return 0;
}

int
keyring_slots_read(struct keyring_slots *out, struct reader *r)
{
	struct keyring_slots s = { 0 };
	uint16_t version;

	reader_expect(r, MAGIC, MAGIC_SIZE);
	version = reader_u16(r);
	s.count = reader_u16(r);
	reader_copy(r, s.vault, sizeof(s.vault));
	if (!reader_ok(r) || version != VERSION || s.count == 0 ||
	    s.count > KEYRING_SLOTS_MAX)
		return ERR_FORMAT;
	for (uint16_t i = 0; i < s.count; i++) {
		int err = keyring_slot_read(&s.items[i], r);

		if (err != 0)
			return err;
		if (s.items[i].number == 0)
			s.items[i].number = i + 1;
		for (uint16_t j = 0; j < i; j++)
			if (s.items[j].number == s.items[i].number)
				return ERR_FORMAT;
	}
	*out = s;
	return 0;
}

void
keyring_slots_begin(struct writer *w, const uint8_t vault[static 16],
    uint16_t count)
{
	writer_bytes(w, MAGIC, MAGIC_SIZE);
	writer_u16(w, VERSION);
	writer_u16(w, count);
	writer_bytes(w, vault, 16);
}

/* Try each slot that can be this secret's, but one. */
static int
open_slots(struct keyring *k, const struct keyring_slots *s,
    const struct unlock *secret, uint16_t but)
{
	for (uint16_t i = 0; i < s->count; i++) {
		const struct keyring_slot *slot = &s->items[i];
		int err;

		if (slot->number == but || !keyring_slot_takes(slot, secret))
			continue;
		err = keyring_slot_open(slot, secret, &k->root);
		if (err == 0)
			k->slot = slot->number;
		if (err != ERR_SECRET)
			return err;
	}
	return ERR_SECRET;
}

static int
read_body(struct keyring *k, struct reader *r)
{
	SECRET(uint8_t, body, 64);
	int err;

	err = sealed_read(r, root_key_bytes(k->root), PURPOSE_BODY, body,
	    BODY_SIZE);
	if (err == 0 && !reader_end(r))
		err = ERR_FORMAT;
	if (err == 0)
		err = sign_key_from(&k->log_seed, body);
	if (err == 0)
		err = page_key_from(&k->index_secret, body + KEY_SIZE);
	/* The slot's key was right: these bytes were changed. */
	return err == ERR_SECRET ? ERR_INTEGRITY : err;
}

static int
read_keyring(struct keyring *k, struct reader *r, const struct unlock *secret,
    uint16_t but)
{
	struct keyring_slots slots;
	int err = keyring_slots_read(&slots, r);

	if (err != 0)
		return err;
	memcpy(k->vault, slots.vault, sizeof(k->vault));
	err = open_slots(k, &slots, secret, but);
	return err == 0 ? read_body(k, r) : err;
}

int
keyring_prove(const void *bytes, size_t n, const struct unlock *secret,
    uint16_t but, struct keyring **out)
{
	struct reader r = reader_of(bytes, n);
	OWNED(keyring) k = calloc(1, sizeof(*k));
	int err;

	if (k == NULL)
		return ERR_NOMEM;
	err = read_keyring(k, &r, secret, but);
	if (err != 0)
		return err;
	*out = k;
	k = NULL;
	return 0;
}

int
keyring_parse(const struct keyring_bytes *bytes, const struct unlock *secret,
    struct keyring **out)
{
	struct reader r = reader_of(bytes->keyring, bytes->keyring_length);
	struct reader e = reader_of(bytes->epoch, bytes->epoch_length);
	OWNED(keyring) k = calloc(1, sizeof(*k));
	int err;

	if (k == NULL)
		return ERR_NOMEM;
	err = read_keyring(k, &r, secret, 0);
	if (err == 0)
		err = keyring_epoch_read(k, &e);
	if (err != 0)
		return err;
	*out = k;
	k = NULL;
	return 0;
}

static int
load(const struct file *vault, const char *name, uint8_t **out, size_t *length)
{
	int err = file_load(vault, name, KEYRING_FILE_MAX, out, length);

	if (err == ERR_NOT_FOUND)
		return log_err(err,
		    "'%s' is not in the vault: bring it back"
		    " from a backup",
		    name);
	return err;
}

/* With the epoch that is in the way of becoming the vault's, when it is not
 * this one: a root key has changed (FORMAT.md). */
static int
parse(const struct file *vault, const struct keyring_bytes *bytes,
    const struct unlock *secret, struct keyring **out)
{
	OWNED_MEM(uint8_t) epoch = NULL;
	struct keyring_bytes other = *bytes;
	int err = keyring_parse(bytes, secret, out);

	if (err != ERR_INTEGRITY ||
	    file_load(vault, KEYRING_EPOCH_NEXT_FILE, KEYRING_FILE_MAX, &epoch,
		&other.epoch_length) != 0)
		return err;
	other.epoch = epoch;
	err = keyring_parse(&other, secret, out);
	if (err == 0)
		(*out)->epoch_next = true;
	return err;
}

/* What is beside the keyring. */
static int
parse_next(const struct file *vault, struct keyring_bytes bytes,
    const struct unlock *secret, struct keyring **out)
{
	OWNED_MEM(uint8_t) next = NULL;
	int err = file_load(vault, KEYRING_NEXT_FILE, KEYRING_FILE_MAX, &next,
	    &bytes.keyring_length);

	if (err != 0)
		return ERR_SECRET;
	bytes.keyring = next;
	err = parse(vault, &bytes, secret, out);
	return err == 0 ? 0 : ERR_SECRET;
}

/* A secret that is only in what the keyring was about to be opens it, too:
 * whether it became that is in the trail (keyring_next.h). */
static int
try_next(const struct file *vault, const struct keyring_bytes *bytes,
    const struct unlock *secret, struct keyring **out)
{
	int err = parse_next(vault, *bytes, secret, out);

	if (err == 0)
		(*out)->next = true;
	return err;
}

/* A change of slots has the same root key, and is not it. */
static void
look_after(const struct file *vault, const struct keyring_bytes *bytes,
    const struct unlock *secret, struct keyring *k)
{
	OWNED(keyring) after = NULL;

	if (k->next || parse_next(vault, *bytes, secret, &after) != 0 ||
	    sodium_memcmp(root_key_bytes(after->root), root_key_bytes(k->root),
		KEY_SIZE) == 0)
		return;
	k->after = after;
	after = NULL;
}

int
keyring_open(const struct file *vault, const struct unlock *secret,
    struct keyring **out)
{
	OWNED_MEM(uint8_t) keyring = NULL;
	OWNED_MEM(uint8_t) epoch = NULL;
	struct keyring_bytes bytes;
	int err;

	err = load(vault, KEYRING_FILE, &keyring, &bytes.keyring_length);
	if (err == 0)
		err = load(vault, KEYRING_EPOCH_FILE, &epoch,
		    &bytes.epoch_length);
	if (err != 0)
		return err;
	bytes.keyring = keyring;
	bytes.epoch = epoch;
	err = parse(vault, &bytes, secret, out);
	if (err == ERR_SECRET)
		err = try_next(vault, &bytes, secret, out);
	if (err == 0)
		look_after(vault, &bytes, secret, *out);
	if (err == ERR_SECRET)
		return log_err(err,
		    "the secret given does not unlock this"
		    " vault");
	if (err == ERR_FORMAT || err == ERR_LIMIT || err == ERR_INTEGRITY)
		return log_err(err,
		    "the vault's keyring or epoch file is"
		    " damaged: bring it back from a backup");
	return err;
}

void
keyring_lock(struct keyring *k)
{
	root_key_free(k->root);
	k->root = NULL;
	page_key_free(k->index_secret);
	k->index_secret = NULL;
	epoch_key_free(k->epoch);
	k->epoch = NULL;
}

bool
keyring_locked(const struct keyring *k)
{
	return k->root == NULL;
}

bool
keyring_same(const struct keyring *k, const struct keyring *fresh)
{
	return memcmp(k->vault, fresh->vault, sizeof(k->vault)) == 0 &&
	    k->epoch_number == fresh->epoch_number &&
	    sodium_memcmp(sign_key_bytes(k->log_seed),
		sign_key_bytes(fresh->log_seed), KEY_SIZE) == 0;
}

void
keyring_unlock(struct keyring *k, struct keyring *fresh)
{
	keyring_lock(k);
	k->root = fresh->root;
	k->index_secret = fresh->index_secret;
	k->epoch = fresh->epoch;
	k->epoch_number = fresh->epoch_number;
	k->slot = fresh->slot;
	fresh->root = NULL;
	fresh->index_secret = NULL;
	fresh->epoch = NULL;
}

static int
wrap(const uint8_t under[static KEY_SIZE], const char *purpose,
    const uint8_t key[static KEY_SIZE], uint8_t **out, size_t *length)
{
	OWNED_WRITER w = writer_of(SEALED_OVERHEAD + KEY_SIZE);
	int err = sealed_write(&w, under, purpose, key, KEY_SIZE);
	uint8_t *bytes;

	if (err != 0)
		return err;
	bytes = writer_take(&w, length);
	if (bytes == NULL)
		return ERR_NOMEM;
	*out = bytes;
	return 0;
}

/* Only the vault's own files are wrapped: what does not open was changed. */
static int
unwrap(const uint8_t under[static KEY_SIZE], const char *purpose,
    struct reader *r, uint8_t out[static KEY_SIZE])
{
	int err = sealed_read(r, under, purpose, out, KEY_SIZE);

	if (err == 0 && !reader_end(r))
		err = ERR_FORMAT;
	if (err == ERR_SECRET || err == ERR_FORMAT)
		return log_err(ERR_INTEGRITY,
		    "the wrapped key of %s does not open", purpose);
	return err;
}

static const char *
version_purpose(char buf[static PURPOSE_SIZE], uint64_t upload)
{
	snprintf(buf, PURPOSE_SIZE, "version %ju", (uintmax_t)upload);
	return buf;
}

static const char *
family_purpose(char buf[static PURPOSE_SIZE], const char *family)
{
	snprintf(buf, PURPOSE_SIZE, "family %s", family);
	return buf;
}

int
keyring_wrap_version(const struct keyring *k, uint64_t upload,
    const struct version_key *key, uint8_t **out, size_t *length)
{
	char purpose[PURPOSE_SIZE];

	if (keyring_locked(k))
		return ERR_SECRET;
	return wrap(epoch_key_bytes(k->epoch), version_purpose(purpose, upload),
	    version_key_bytes(key), out, length);
}

int
keyring_open_version(const struct keyring *k, uint64_t upload,
    const uint8_t *wrapped, size_t length, struct version_key **out)
{
	struct reader r = reader_of(wrapped, length);
	char purpose[PURPOSE_SIZE];
	SECRET(uint8_t, key, 32);
	int err = keyring_locked(k) ?
	    ERR_SECRET :
	    unwrap(epoch_key_bytes(k->epoch), version_purpose(purpose, upload),
		&r, key);

	return err == 0 ? version_key_from(out, key) : err;
}

int
keyring_wrap_family(const struct keyring *k, const char *family,
    const struct family_key *key, uint8_t **out, size_t *length)
{
	char purpose[PURPOSE_SIZE];

	if (keyring_locked(k))
		return ERR_SECRET;
	return wrap(root_key_bytes(k->root), family_purpose(purpose, family),
	    family_key_bytes(key), out, length);
}

int
keyring_open_family(const struct keyring *k, const char *family,
    const uint8_t *wrapped, size_t length, struct family_key **out)
{
	struct reader r = reader_of(wrapped, length);
	char purpose[PURPOSE_SIZE];
	SECRET(uint8_t, key, 32);
	int err = keyring_locked(k) ?
	    ERR_SECRET :
	    unwrap(root_key_bytes(k->root), family_purpose(purpose, family), &r,
		key);

	return err == 0 ? family_key_from(out, key) : err;
}
