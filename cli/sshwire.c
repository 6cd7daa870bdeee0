/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/sshwire.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "vault/err.h"
#include "vault/log.h"

uint32_t
sshwire_u32(struct reader *r)
{
	return __builtin_bswap32(reader_u32(r));
}

const uint8_t *
sshwire_string(struct reader *r, size_t *n)
{
	uint32_t length = sshwire_u32(r);
	const uint8_t *bytes = reader_bytes(r, length);

	*n = bytes != NULL ? length : 0;
	return bytes;
}

void
sshwire_expect(struct reader *r, const char *text)
{
	size_t n;
	const uint8_t *bytes = sshwire_string(r, &n);

	if (bytes == NULL || n != strlen(text) || memcmp(bytes, text, n) != 0)
		reader_fail(r);
}

void
sshwire_text(struct reader *r, char *buf, size_t size)
{
	size_t n;
	const uint8_t *bytes = sshwire_string(r, &n);

	log_name(buf, size, bytes != NULL ? (const char *)bytes : "", n);
}

void
sshwire_put_u32(struct writer *w, uint32_t v)
{
	writer_u32(w, __builtin_bswap32(v));
}

void
sshwire_put_string(struct writer *w, const void *bytes, size_t n)
{
	if (n > UINT32_MAX) {
		w->bad = true;
		return;
	}
	sshwire_put_u32(w, (uint32_t)n);
	writer_bytes(w, bytes, n);
}

void
sshwire_blob(uint8_t out[static SSHWIRE_BLOB], const struct statement_key *k)
{
	static const uint8_t head[] = "\0\0\0\x0b" SSHWIRE_ED25519 "\0\0\0\x20";

	static_assert(sizeof(head) - 1 + sizeof(k->bytes) == SSHWIRE_BLOB,
	    "a blob is a name and a key");
	memcpy(out, head, sizeof(head) - 1);
	memcpy(out + sizeof(head) - 1, k->bytes, sizeof(k->bytes));
}

int
sshwire_blob_parse(struct statement_key *out, const void *blob, size_t n)
{
	struct reader r = reader_of(blob, n);
	const uint8_t *key;
	size_t length;

	sshwire_expect(&r, SSHWIRE_ED25519);
	key = sshwire_string(&r, &length);
	if (!reader_end(&r) || length != sizeof(out->bytes) ||
	    !statement_key_ok(key))
		return ERR_FORMAT;
	memcpy(out->bytes, key, length);
	return 0;
}

char *
sshwire_print(const struct statement_key *k, char buf[static SSHWIRE_PRINT])
{
	uint8_t blob[SSHWIRE_BLOB];
	struct digest d;

	sshwire_blob(blob, k);
	d = digest_of(blob, sizeof(blob));
	memcpy(buf, "SHA256:", 7);
	sodium_bin2base64(buf + 7, SSHWIRE_PRINT - 7, d.bytes, DIGEST_SIZE,
	    sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
	return buf;
}
