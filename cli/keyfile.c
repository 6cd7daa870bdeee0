/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/keyfile.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "cli/armor.h"
#include "keys/keyring_slot.h"
#include "vault/err.h"
#include "vault/reader.h"

#define LABEL "WEIR SECRET KEY"
#define MAGIC "weirsec\n"
#define VERSION 1
#define BINARY_MAX 1024

#define PASSES 3
#define MEMORY (256ULL << 20)

bool
keyfile_name_ok(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-");

	return n >= 1 && n <= STATEMENT_NAME_MAX && name[n] == '\0';
}

void
keyfile_public(struct statement_key *out, const struct sign_key *seed)
{
	SECRET(uint8_t, secret, 64);

	crypto_sign_seed_keypair(out->bytes, secret, sign_key_bytes(seed));
}

#define PURPOSE_SIZE (sizeof("person ") + STATEMENT_NAME_MAX)

static const char *
purpose(char buf[static PURPOSE_SIZE], const char *name)
{
	snprintf(buf, PURPOSE_SIZE, "person %s", name);
	return buf;
}

int
keyfile_write(struct writer *w, const struct keyfile_new *how)
{
	OWNED_WRITER binary = writer_of(BINARY_MAX);
	char why[PURPOSE_SIZE], name[STATEMENT_NAME_MAX] = { 0 };
	struct keyring_cost cost = how->cost;
	uint8_t salt[SEALED_SALT];
	struct statement_key key;
	SECRET(uint8_t, under, 32);
	int r;

	if (!keyfile_name_ok(how->name))
		return ERR_USAGE;
	if (cost.passes == 0 && cost.memory == 0)
		cost = (struct keyring_cost){ PASSES, MEMORY };
	if (!keyring_slot_cost_ok(&cost))
		return ERR_LIMIT;
	memcpy(name, how->name, strlen(how->name));
	keyfile_public(&key, how->seed);
	randombytes_buf(salt, sizeof(salt));
	r = keyring_slot_stretch(under, &cost, how->passphrase, salt);
	if (r != 0)
		return r;

	writer_bytes(&binary, MAGIC, strlen(MAGIC));
	writer_u16(&binary, VERSION);
	writer_u16(&binary, 0);
	writer_bytes(&binary, name, sizeof(name));
	writer_u32(&binary, cost.passes);
	writer_u64(&binary, cost.memory);
	writer_bytes(&binary, key.bytes, sizeof(key.bytes));
	r = sealed_write_salted(&binary, under, salt, purpose(why, how->name),
	    sign_key_bytes(how->seed), KEY_SIZE);
	if (r != 0)
		return r;
	return armor_encode(w, binary.bytes, binary.length, LABEL);
}

bool
keyfile_is(const void *text, size_t n)
{
	return armor_is(text, n, LABEL);
}

/* A name with zeros behind it. */
static void
read_name(char out[static STATEMENT_NAME_MAX + 1], struct reader *r)
{
	size_t n;

	reader_copy(r, out, STATEMENT_NAME_MAX);
	out[STATEMENT_NAME_MAX] = '\0';
	if (!keyfile_name_ok(out))
		reader_fail(r);
	for (n = strlen(out); n < STATEMENT_NAME_MAX; n++)
		if (out[n] != '\0')
			reader_fail(r);
}

int
keyfile_parse(struct keyfile *out, const void *text, size_t n)
{
	OWNED_WRITER binary = writer_of(BINARY_MAX);
	struct keyfile f = { 0 };
	struct reader r;
	int err;

	if ((err = armor_decode(&binary, text, n, LABEL)) != 0)
		return err;
	r = reader_of(binary.bytes, binary.length);
	reader_expect(&r, MAGIC, strlen(MAGIC));
	if (reader_u16(&r) != VERSION || reader_u16(&r) != 0)
		reader_fail(&r);
	read_name(f.name, &r);
	f.cost.passes = reader_u32(&r);
	f.cost.memory = reader_u64(&r);
	reader_copy(&r, f.key.bytes, sizeof(f.key.bytes));
	reader_copy(&r, f.sealed, sizeof(f.sealed));
	if (!reader_end(&r) || !statement_key_ok(f.key.bytes))
		return ERR_FORMAT;
	if (!keyring_slot_cost_ok(&f.cost))
		return ERR_LIMIT;
	*out = f;
	return 0;
}

int
keyfile_open(const struct keyfile *f, const struct secret_text *passphrase,
    struct sign_key **out)
{
	struct reader sealed = reader_of(f->sealed, sizeof(f->sealed));
	const uint8_t *salt = sealed_salt(&sealed);
	OWNED(sign_key) seed = NULL;
	char why[PURPOSE_SIZE];
	struct statement_key key;
	SECRET(uint8_t, under, 32);
	SECRET(uint8_t, bytes, 32);
	int r;

	r = keyring_slot_stretch(under, &f->cost, passphrase, salt);
	if (r == 0)
		r = sealed_read(&sealed, under, purpose(why, f->name), bytes,
		    KEY_SIZE);
	if (r != 0 || (r = sign_key_from(&seed, bytes)) != 0)
		return r;
	keyfile_public(&key, seed);
	if (memcmp(key.bytes, f->key.bytes, sizeof(key.bytes)) != 0)
		return ERR_FORMAT;
	*out = seed;
	seed = NULL;
	return 0;
}
