/* SPDX-License-Identifier: Apache-2.0 */

/* tests/vectors/openssh-* were made by ssh-keygen (see README.md there). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/armor.h"
#include "cli/keyfile.h"
#include "cli/sshkey.h"
#include "cli/sshwire.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/file.h"
#include "vault/log.h"

#define FOLDER "tests/vectors/"
#define LABEL "OPENSSH PRIVATE KEY"

static uint8_t *
load(const char *name, size_t *n)
{
	char path[100];
	uint8_t *bytes;

	snprintf(path, sizeof(path), FOLDER "%s", name);
	assert_int_equal(file_load(NULL, path, SSHKEY_MAX, &bytes, n), 0);
	return bytes;
}

static int
parse(struct sshkey *k, const char *name)
{
	OWNED_MEM(uint8_t) text = NULL;
	size_t n;

	text = load(name, &n);
	assert_true(sshkey_is(text, n));
	return sshkey_parse(k, text, n);
}

/* The public key beside a secret one, as ssh-keygen wrote it. */
static struct statement_key
public_of(const char *name)
{
	OWNED_MEM(uint8_t) text = NULL;
	struct statement_key k;
	size_t n;

	text = load(name, &n);
	assert_int_equal(statement_key_parse(&k, (const char *)text), 0);
	return k;
}

static void
an_unencrypted_key_is_read(void **state)
{
	struct statement_key want = public_of("openssh-ed25519.pub");
	struct statement_key mine;
	OWNED_SSHKEY k = { 0 };

	(void)state;
	assert_int_equal(parse(&k, "openssh-ed25519"), 0);
	assert_int_equal(k.kind, SSHKEY_PLAIN);
	assert_string_equal(k.comment, "erin@example");
	assert_memory_equal(k.key.bytes, want.bytes, 32);
	keyfile_public(&mine, k.seed);
	assert_memory_equal(mine.bytes, want.bytes, 32);
}

static void
an_encrypted_key_shows_its_public_half_only(void **state)
{
	struct statement_key want = public_of("openssh-ed25519-encrypted.pub");
	OWNED_SSHKEY k = { 0 };

	(void)state;
	assert_int_equal(parse(&k, "openssh-ed25519-encrypted"), 0);
	assert_int_equal(k.kind, SSHKEY_ENCRYPTED);
	assert_null(k.seed);
	assert_memory_equal(k.key.bytes, want.bytes, 32);
}

static void
another_type_is_named(void **state)
{
	OWNED_SSHKEY k = { 0 };

	(void)state;
	assert_int_equal(parse(&k, "openssh-ecdsa"), 0);
	assert_int_equal(k.kind, SSHKEY_OTHER);
	assert_string_equal(k.type, "ecdsa-sha2-nistp256");
	assert_null(k.seed);
}

/* What a key is made of, so that one thing can be wrong. */
struct parts {
	const char *magic;
	const char *cipher;
	const char *kdf;
	const char *options;
	uint32_t count;
	const char *type;
	uint32_t check;
	const char *inner_type;
	bool other_public; /* in the secret part */
	bool other_half;   /* the second half of the secret */
	bool other_seed;
	size_t padding;
	uint8_t first_pad;
	bool more; /* a byte behind */
};

static const struct parts good = {
	.magic = "openssh-key-v1",
	.cipher = "none",
	.kdf = "none",
	.options = "",
	.count = 1,
	.type = SSHWIRE_ED25519,
	.check = 7,
	.inner_type = SSHWIRE_ED25519,
	.padding = 7,
	.first_pad = 1,
};

static void
put_text(struct writer *w, const char *s)
{
	sshwire_put_string(w, s, strlen(s));
}

static int
parse_parts(struct sshkey *k, const struct parts *p)
{
	OWNED_WRITER w = writer_of(4096);
	OWNED_WRITER blob = writer_of(4096);
	OWNED_WRITER inner = writer_of(4096);
	OWNED_WRITER text = writer_of(8192);
	OWNED(sign_key) seed = NULL;
	struct statement_key public;
	uint8_t secret[64] = { 0 }, other[32] = { 9 };

	for (uint8_t i = 0; i < 32; i++)
		secret[i] = i;
	assert_int_equal(sign_key_from(&seed, secret), 0);
	keyfile_public(&public, seed);
	memcpy(secret + 32, p->other_half ? other : public.bytes, 32);
	secret[0] = (uint8_t)(secret[0] + p->other_seed);

	put_text(&blob, p->type);
	sshwire_put_string(&blob, public.bytes, 32);
	sshwire_put_u32(&inner, 7);
	sshwire_put_u32(&inner, p->check);
	put_text(&inner, p->inner_type);
	sshwire_put_string(&inner, p->other_public ? other : public.bytes, 32);
	sshwire_put_string(&inner, secret, 64);
	/* 8 + 15 + 36 + 68 + 4 + 6 = 137: 7 more make 144. */
	put_text(&inner, "vector");
	for (size_t i = 0; i < p->padding; i++)
		writer_u8(&inner, (uint8_t)(p->first_pad + i));

	writer_bytes(&w, p->magic, strlen(p->magic) + 1);
	put_text(&w, p->cipher);
	put_text(&w, p->kdf);
	put_text(&w, p->options);
	sshwire_put_u32(&w, p->count);
	sshwire_put_string(&w, blob.bytes, blob.length);
	sshwire_put_string(&w, inner.bytes, inner.length);
	if (p->more)
		writer_u8(&w, 0);
	assert_int_equal(armor_encode(&text, w.bytes, w.length, LABEL), 0);
	return sshkey_parse(k, text.bytes, text.length);
}

static void
each_part_is_held_to_its_rule(void **state)
{
	struct parts bad[13];
	OWNED_SSHKEY k = { 0 };
	size_t n = 0;

	(void)state;
	assert_int_equal(parse_parts(&k, &good), 0);
	assert_int_equal(k.kind, SSHKEY_PLAIN);
	assert_string_equal(k.comment, "vector");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		bad[i] = good;
	bad[n++].magic = "openssh-key-v2";
	bad[n++].kdf = "bcrypt";
	bad[n++].options = "x";
	bad[n++].count = 0;
	bad[n++].count = 2;
	bad[n++].check = 8;
	bad[n++].inner_type = "ssh-rsa";
	bad[n++].other_public = true;
	bad[n++].other_half = true;
	bad[n++].other_seed = true;
	bad[n++].padding = 15;
	bad[n++].first_pad = 2;
	bad[n++].more = true;
	for (size_t i = 0; i < n; i++) {
		OWNED_SSHKEY none = { 0 };

		assert_int_equal(parse_parts(&none, &bad[i]), ERR_FORMAT);
		assert_null(none.seed);
	}
}

static void
a_security_key_is_told_apart(void **state)
{
	struct parts p = good;
	OWNED_SSHKEY k = { 0 };

	(void)state;
	p.type = SSHWIRE_SK_ED25519;
	assert_int_equal(parse_parts(&k, &p), 0);
	assert_int_equal(k.kind, SSHKEY_SK);
	assert_string_equal(k.type, SSHWIRE_SK_ED25519);
}

static void
every_truncation_is_refused(void **state)
{
	OWNED_WRITER binary = writer_of(SSHKEY_MAX);
	OWNED_MEM(uint8_t) text = NULL;
	size_t n;

	(void)state;
	text = load("openssh-ed25519", &n);
	assert_int_equal(armor_decode(&binary, text, n, LABEL), 0);
	for (size_t i = 0; i + 1 < n; i++) {
		OWNED_SSHKEY k = { 0 };

		assert_int_not_equal(sshkey_parse(&k, text, i), 0);
	}
	for (size_t i = 0; i < binary.length; i++) {
		OWNED_WRITER w = writer_of(SSHKEY_MAX);
		OWNED_SSHKEY k = { 0 };

		assert_int_equal(armor_encode(&w, binary.bytes, i, LABEL), 0);
		assert_int_equal(sshkey_parse(&k, w.bytes, w.length),
		    ERR_FORMAT);
	}
}

/* Only the comment, and the type, which another key's would be, are not
 * bound to the key: a flip there gives the same key or none. */
static void
a_flipped_bit_never_gives_another_key(void **state)
{
	struct statement_key want = public_of("openssh-ed25519.pub");
	OWNED_WRITER binary = writer_of(SSHKEY_MAX);
	OWNED_MEM(uint8_t) text = NULL;
	size_t n, same = 0;

	(void)state;
	text = load("openssh-ed25519", &n);
	assert_int_equal(armor_decode(&binary, text, n, LABEL), 0);
	for (size_t bit = 0; bit < 8 * binary.length; bit++) {
		OWNED_WRITER w = writer_of(SSHKEY_MAX);
		OWNED_SSHKEY k = { 0 };
		uint8_t mask = (uint8_t)(1U << bit % 8);

		binary.bytes[bit / 8] ^= mask;
		assert_int_equal(armor_encode(&w, binary.bytes, binary.length,
				     LABEL),
		    0);
		binary.bytes[bit / 8] ^= mask;
		if (sshkey_parse(&k, w.bytes, w.length) != 0 || k.seed == NULL)
			continue;
		assert_memory_equal(k.key.bytes, want.bytes, 32);
		same++;
	}
	/* The comment's bits, and that of its length by which it takes in the
	 * one byte of padding. */
	assert_int_equal(same, 8 * strlen("erin@example") + 1);
}

static int
setup(void **state)
{
	(void)state;
	return secret_init();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_unencrypted_key_is_read),
		cmocka_unit_test(an_encrypted_key_shows_its_public_half_only),
		cmocka_unit_test(another_type_is_named),
		cmocka_unit_test(each_part_is_held_to_its_rule),
		cmocka_unit_test(a_security_key_is_told_apart),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(a_flipped_bit_never_gives_another_key),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
