/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/sealed.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "vault/digest.h"
#include "vault/err.h"
#include "vault/gcm.h"

#define DOMAIN "weir sealed v1"
#define PURPOSE_MAX 512

/* The key of one record. */
static void
record_key(uint8_t out[static KEY_SIZE], const uint8_t key[static KEY_SIZE],
    const uint8_t salt[static SEALED_SALT], const char *purpose)
{
	char info[sizeof(DOMAIN) + PURPOSE_MAX] = DOMAIN;
	size_t n = strlen(purpose);
	const struct kdf_input in = {
		.key = key,
		.key_length = KEY_SIZE,
		.salt = salt,
		.salt_length = SEALED_SALT,
		.info = info,
		.info_length = strlen(DOMAIN) + n,
	};

	assert(n <= PURPOSE_MAX);
	memcpy(info + strlen(DOMAIN), purpose, n);
	digest_hkdf(out, KEY_SIZE, &in);
}

int
sealed_write_salted(struct writer *w, const uint8_t key[static KEY_SIZE],
    const uint8_t salt[static SEALED_SALT], const char *purpose,
    const void *secret, size_t n)
{
	SECRET(uint8_t, sub, 32);
	OWNED(gcm) gcm = NULL;
	struct gcm_message m = {
		.aad = purpose,
		.aad_length = strlen(purpose),
		.in = secret,
		.length = n,
	};
	int err;

	if (n > SEALED_MAX || n + SEALED_OVERHEAD > w->max - w->length)
		return ERR_LIMIT;
	record_key(sub, key, salt, purpose);
	err = gcm_sealer_new(&gcm, sub);
	if (err != 0)
		return err;
	writer_bytes(w, salt, SEALED_SALT);
	writer_u32(w, (uint32_t)n);
	m.out = writer_room(w, n);
	if (m.out == NULL)
		return ERR_NOMEM;
	err = gcm_seal(gcm, &m);
	writer_bytes(w, m.tag, sizeof(m.tag));
	if (err == 0 && !writer_ok(w))
		err = ERR_NOMEM;
	return err;
}

int
sealed_write(struct writer *w, const uint8_t key[static KEY_SIZE],
    const char *purpose, const void *secret, size_t n)
{
	uint8_t salt[SEALED_SALT];

	randombytes_buf(salt, sizeof(salt));
	return sealed_write_salted(w, key, salt, purpose, secret, n);
}

const uint8_t *
sealed_salt(const struct reader *r)
{
	struct reader copy = *r;

	return reader_bytes(&copy, SEALED_SALT);
}

int
sealed_read(struct reader *r, const uint8_t key[static KEY_SIZE],
    const char *purpose, void *out, size_t n)
{
	SECRET(uint8_t, sub, 32);
	OWNED(gcm) gcm = NULL;
	struct gcm_message m = {
		.aad = purpose,
		.aad_length = strlen(purpose),
		.out = out,
		.length = n,
	};
	const uint8_t *salt = reader_bytes(r, SEALED_SALT);
	int err;

	if (reader_u32(r) != n || n > SEALED_MAX)
		reader_fail(r);
	m.in = reader_bytes(r, n);
	reader_copy(r, m.tag, sizeof(m.tag));
	if (!reader_ok(r))
		return ERR_FORMAT;
	record_key(sub, key, salt, purpose);
	err = gcm_opener_new(&gcm, sub);
	if (err != 0)
		return err;
	return gcm_open(gcm, &m) != 0 ? ERR_SECRET : 0;
}
