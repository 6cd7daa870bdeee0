/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/keyring_slot.h"

#include <assert.h>
#include <ctype.h>
#include <sodium.h>
#include <string.h>

#include "vault/digest.h"
#include "vault/err.h"
#include "vault/log.h"
#include "vault/sealed.h"

#define PURPOSE "root"
#define KEY_DOMAIN "weir slot key v1"
#define SALT_DOMAIN "weir slot salt v1"

#define PASSES_MAX 16
#define MEMORY_MIN (8ULL << 20)
#define MEMORY_MAX (4ULL << 30)

#define DEFAULT_PASSES crypto_pwhash_OPSLIMIT_MODERATE
#define DEFAULT_MEMORY crypto_pwhash_MEMLIMIT_MODERATE

#define GROUP 4
#define RECOVERY_DIGITS 52 /* ceil(256 / 5) */
#define RECOVERY_SIZE (RECOVERY_DIGITS + RECOVERY_DIGITS / GROUP - 1)

static const char base32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

int
keyring_slot_recovery(const uint8_t key[static KEY_SIZE],
    struct secret_text **out)
{
	char text[RECOVERY_SIZE];
	unsigned int bits = 0, held = 0;
	size_t n = 0, digits = 0;
	int err;

	for (size_t i = 0; digits < RECOVERY_DIGITS;) {
		if (held < 5) {
			bits = bits << 8 | (i < KEY_SIZE ? key[i] : 0U);
			held += 8;
			i++;
		}
		held -= 5;
		if (digits > 0 && digits % GROUP == 0)
			text[n++] = '-';
		text[n++] = base32[bits >> held & 31];
		digits++;
	}
	assert(n == RECOVERY_SIZE);
	err = secret_text_from(out, text, n);
	secret_wipe(text, sizeof(text));
	secret_wipe(&bits, sizeof(bits));
	return err;
}

/* The value of a base32 digit, -1 for anything else. */
static int
base32_value(uint8_t c)
{
	const char *at = c != '\0' ? strchr(base32, toupper(c)) : NULL;

	return at != NULL ? (int)(at - base32) : -1;
}

int
keyring_slot_recovery_parse(uint8_t out[static KEY_SIZE],
    const struct secret_text *text)
{
	SECRET(uint8_t, key, 32);
	size_t length, n = 0, digits = 0;
	const uint8_t *s = secret_text_bytes(text, &length);
	unsigned int bits = 0, held = 0;

	for (size_t i = 0; i < length; i++) {
		int value;

		if (s[i] == '-' || isspace(s[i]))
			continue;
		value = base32_value(s[i]);
		if (value < 0 || ++digits > RECOVERY_DIGITS)
			return ERR_FORMAT;
		bits = (bits << 5 | (unsigned int)value) & 0xffff;
		held += 5;
		if (held >= 8 && n < KEY_SIZE) {
			held -= 8;
			key[n++] = (uint8_t)(bits >> held);
		}
	}
	/* What is left of the last digit says nothing: one text a key. */
	if (digits != RECOVERY_DIGITS || (bits & ((1U << held) - 1)) != 0)
		return ERR_FORMAT;
	memcpy(out, key, KEY_SIZE);
	return 0;
}

int
keyring_slot_stretch(uint8_t out[static KEY_SIZE],
    const struct keyring_cost *cost, const struct secret_text *passphrase,
    const uint8_t salt[static SEALED_SALT])
{
	const struct digest d = digest_of2(SALT_DOMAIN, strlen(SALT_DOMAIN),
	    salt, SEALED_SALT);
	size_t n;
	const uint8_t *text = secret_text_bytes(passphrase, &n);

	static_assert(crypto_pwhash_SALTBYTES <= DIGEST_SIZE, "salt");
	if (crypto_pwhash(out, KEY_SIZE, (const char *)text, n, d.bytes,
		cost->passes, (size_t)cost->memory,
		crypto_pwhash_ALG_ARGON2ID13) != 0)
		return log_err(ERR_NOMEM,
		    "this passphrase needs %llu MiB to check",
		    (unsigned long long)(cost->memory >> 20));
	return 0;
}

static void
hash(uint8_t out[static KEY_SIZE], const uint8_t *secret, size_t n,
    const uint8_t salt[static SEALED_SALT])
{
	const struct kdf_input in = {
		.key = secret,
		.key_length = n,
		.salt = salt,
		.salt_length = SEALED_SALT,
		.info = KEY_DOMAIN,
		.info_length = strlen(KEY_DOMAIN),
	};

	digest_hkdf(out, KEY_SIZE, &in);
}

/* ERR_SECRET when the secret's text cannot be one of the slot's kind. */
static int
slot_key(uint8_t out[static KEY_SIZE], const struct keyring_slot *slot,
    const struct unlock *secret, const uint8_t salt[static SEALED_SALT])
{
	SECRET(uint8_t, recovery, 32);
	const uint8_t *bytes;
	size_t n;

	switch (slot->kind) {
	case UNLOCK_PASSPHRASE:
		return keyring_slot_stretch(out, &slot->cost, secret->secret,
		    salt);
	case UNLOCK_KEY_FILE:
		bytes = secret_text_bytes(secret->secret, &n);
		hash(out, bytes, n, salt);
		return 0;
	case UNLOCK_RECOVERY:
		if (keyring_slot_recovery_parse(recovery, secret->secret) != 0)
			return ERR_SECRET;
		hash(out, recovery, KEY_SIZE, salt);
		return 0;
	}
	return ERR_USAGE;
}

bool
keyring_slot_cost_ok(const struct keyring_cost *c)
{
	return c->passes >= 1 && c->passes <= PASSES_MAX &&
	    c->memory >= MEMORY_MIN && c->memory <= MEMORY_MAX;
}

struct keyring_cost
keyring_slot_cost(const struct keyring_cost *wanted)
{
	return (struct keyring_cost){
		.passes = wanted->passes != 0 ? wanted->passes : DEFAULT_PASSES,
		.memory = wanted->memory != 0 ? wanted->memory : DEFAULT_MEMORY,
	};
}

static bool
cost_ok(const struct keyring_slot *slot)
{
	if (slot->kind != UNLOCK_PASSPHRASE)
		return slot->cost.passes == 0 && slot->cost.memory == 0;
	return keyring_slot_cost_ok(&slot->cost);
}

static void
write_head(struct writer *w, const struct keyring_slot *slot)
{
	uint8_t name[KEYRING_SLOT_NAME] = { 0 };

	memcpy(name, slot->name, strnlen(slot->name, sizeof(name)));
	writer_u8(w, (uint8_t)slot->kind);
	writer_u8(w, 0);
	writer_u16(w, slot->number);
	writer_bytes(w, name, sizeof(name));
	writer_u64(w, slot->created);
	writer_u32(w, slot->cost.passes);
	writer_u64(w, slot->cost.memory);
}

void
keyring_slot_copy(struct writer *w, const struct keyring_slot *slot)
{
	write_head(w, slot);
	writer_bytes(w, slot->sealed.at, slot->sealed.left);
}

int
keyring_slot_write(struct writer *w, const struct keyring_slot *slot,
    const struct unlock *secret, const struct root_key *root)
{
	uint8_t salt[SEALED_SALT];
	SECRET(uint8_t, key, 32);
	int err;

	if (!cost_ok(slot))
		return ERR_LIMIT;
	randombytes_buf(salt, sizeof(salt));
	err = slot_key(key, slot, secret, salt);
	if (err != 0)
		return err;
	write_head(w, slot);
	return sealed_write_salted(w, key, salt, PURPOSE, root_key_bytes(root),
	    KEY_SIZE);
}

/* A name of printable ASCII, zeros behind it. */
static void
read_name(struct keyring_slot *s, struct reader *r)
{
	size_t n = 0;

	reader_copy(r, s->name, KEYRING_SLOT_NAME);
	while (n < KEYRING_SLOT_NAME && isgraph((unsigned char)s->name[n]))
		n++;
	for (; n < KEYRING_SLOT_NAME; n++)
		if (s->name[n] != '\0')
			reader_fail(r);
}

int
keyring_slot_read(struct keyring_slot *out, struct reader *r)
{
	struct keyring_slot s = { 0 };
	uint8_t kind = reader_u8(r);

	reader_expect(r, "\0", 1);
	s.number = reader_u16(r);
	read_name(&s, r);
	s.created = reader_u64(r);
	s.cost.passes = reader_u32(r);
	s.cost.memory = reader_u64(r);
	s.sealed = reader_sub(r, SEALED_OVERHEAD + KEY_SIZE);
	if (!reader_ok(r) || kind < UNLOCK_PASSPHRASE || kind > UNLOCK_RECOVERY)
		return ERR_FORMAT;
	s.kind = (enum unlock_kind)kind;
	if (!cost_ok(&s))
		return ERR_LIMIT;
	*out = s;
	return 0;
}

bool
keyring_slot_takes(const struct keyring_slot *slot, const struct unlock *secret)
{
	SECRET(uint8_t, recovery, 32);

	if (slot->kind == secret->kind)
		return true;
	/* Somebody who types the recovery key at the prompt. */
	return slot->kind == UNLOCK_RECOVERY &&
	    secret->kind == UNLOCK_PASSPHRASE &&
	    keyring_slot_recovery_parse(recovery, secret->secret) == 0;
}

int
keyring_slot_open(const struct keyring_slot *slot, const struct unlock *secret,
    struct root_key **out)
{
	struct reader sealed = slot->sealed;
	const uint8_t *salt = sealed_salt(&sealed);
	SECRET(uint8_t, key, 32);
	SECRET(uint8_t, root, 32);
	int err;

	if (salt == NULL)
		return ERR_FORMAT;
	err = slot_key(key, slot, secret, salt);
	if (err == 0)
		err = sealed_read(&sealed, key, PURPOSE, root, sizeof(root));
	if (err != 0)
		return err;
	return root_key_from(out, root);
}
