/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/sshkey.h"

#include <string.h>

#include "cli/armor.h"
#include "cli/keyfile.h"
#include "cli/sshwire.h"
#include "vault/err.h"
#include "vault/reader.h"
#include "vault/writer.h"

#define LABEL "OPENSSH PRIVATE KEY"
#define MAGIC "openssh-key-v1" /* with its NUL */
#define BLOCK 8 /* what an unencrypted secret part is padded to */

void
sshkey_clear(struct sshkey *k)
{
	sign_key_free(k->seed);
	k->seed = NULL;
}

bool
sshkey_is(const void *text, size_t n)
{
	return armor_is(text, n, LABEL);
}

/* 1, 2, 3, … up to a whole block. */
static void
read_padding(struct reader *r)
{
	if (r->left >= BLOCK)
		reader_fail(r);
	for (uint8_t i = 1; r->left > 0; i++)
		if (reader_u8(r) != i)
			reader_fail(r);
}

/* The secret part; what it says of the public half must be what the file's
 * head says. */
static int
read_secret(struct sshkey *k, struct reader r)
{
	size_t n, m;
	const uint8_t *public, *secret;
	struct statement_key mine;
	uint32_t check;
	int err;

	if (r.left % BLOCK != 0)
		return ERR_FORMAT;
	check = sshwire_u32(&r);
	if (sshwire_u32(&r) != check)
		reader_fail(&r);
	sshwire_expect(&r, SSHWIRE_ED25519);
	public = sshwire_string(&r, &n);
	secret = sshwire_string(&r, &m);
	sshwire_text(&r, k->comment, sizeof(k->comment));
	read_padding(&r);
	if (!reader_end(&r) || n != 32 || m != 64 ||
	    memcmp(public, k->key.bytes, 32) != 0 ||
	    memcmp(secret + 32, public, 32) != 0)
		return ERR_FORMAT;

	if ((err = sign_key_from(&k->seed, secret)) != 0)
		return err;
	keyfile_public(&mine, k->seed);
	if (memcmp(mine.bytes, k->key.bytes, sizeof(mine.bytes)) == 0)
		return 0;
	sshkey_clear(k);
	return ERR_FORMAT;
}

static bool
is_text(const uint8_t *bytes, size_t n, const char *text)
{
	return bytes != NULL && n == strlen(text) &&
	    memcmp(bytes, text, n) == 0;
}

/* The type that a public key names, and the key if it is ours. */
static int
read_public(struct sshkey *k, const uint8_t *blob, size_t n)
{
	struct reader r = reader_of(blob, n);

	sshwire_text(&r, k->type, sizeof(k->type));
	if (!reader_ok(&r))
		return ERR_FORMAT;
	k->kind = SSHKEY_OTHER;
	if (strncmp(k->type, "sk-", 3) == 0)
		k->kind = SSHKEY_SK;
	if (strcmp(k->type, SSHWIRE_ED25519) != 0)
		return 0;
	k->kind = SSHKEY_PLAIN;
	return sshwire_blob_parse(&k->key, blob, n);
}

int
sshkey_parse(struct sshkey *out, const void *text, size_t n)
{
	OWNED_WRITER binary = writer_of(SSHKEY_MAX);
	struct sshkey k = { 0 };
	const uint8_t *cipher, *kdf, *options, *blob, *secret;
	size_t cipher_n, kdf_n, options_n, blob_n, secret_n;
	struct reader r;
	int err;

	if ((err = armor_decode(&binary, text, n, LABEL)) != 0)
		return err;
	r = reader_of(binary.bytes, binary.length);
	reader_expect(&r, MAGIC, sizeof(MAGIC));
	cipher = sshwire_string(&r, &cipher_n);
	kdf = sshwire_string(&r, &kdf_n);
	options = sshwire_string(&r, &options_n);
	if (sshwire_u32(&r) != 1)
		reader_fail(&r);
	blob = sshwire_string(&r, &blob_n);
	secret = sshwire_string(&r, &secret_n);
	/* An AEAD's tag may stand behind an encrypted one. */
	if (!reader_ok(&r) || (err = read_public(&k, blob, blob_n)) != 0)
		return ERR_FORMAT;

	if (k.kind != SSHKEY_PLAIN) {
		*out = k;
		return 0;
	}
	if (!is_text(cipher, cipher_n, "none")) {
		k.kind = SSHKEY_ENCRYPTED;
		*out = k;
		return 0;
	}
	if (!is_text(kdf, kdf_n, "none") || options == NULL || options_n != 0 ||
	    !reader_end(&r))
		return ERR_FORMAT;
	if ((err = read_secret(&k, reader_of(secret, secret_n))) != 0)
		return err;
	*out = k;
	return 0;
}
