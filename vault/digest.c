/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/digest.h"

#include <assert.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "vault/err.h"
#include "vault/secret.h"

#define HKDF_INFO_MAX 1024 /* OpenSSL 3.0 takes no more */

/* Constants made at first use: fetching an algorithm costs more than hashing
 * a small record does. */
static EVP_MD *sha256;
static EVP_KDF *hkdf;
static pthread_once_t fetched = PTHREAD_ONCE_INIT;

static void
fetch(void)
{
	sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	hkdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	if (sha256 == NULL || hkdf == NULL)
		abort(); /* an OpenSSL without SHA-256 */
}

static const EVP_MD *
get_sha256(void)
{
	if (pthread_once(&fetched, fetch) != 0)
		abort();
	return sha256;
}

static EVP_KDF *
get_hkdf(void)
{
	if (pthread_once(&fetched, fetch) != 0)
		abort();
	return hkdf;
}

/* A digest that could not be made has no value to return, and going on with
 * a wrong one is worse than stopping. */
static void
must(int ok)
{
	if (ok <= 0)
		abort();
}

bool
digest_equal(const struct digest *a, const struct digest *b)
{
	return CRYPTO_memcmp(a->bytes, b->bytes, DIGEST_SIZE) == 0;
}

int
digest_compare(const struct digest *a, const struct digest *b)
{
	return memcmp(a->bytes, b->bytes, DIGEST_SIZE);
}

bool
digest_is_zero(const struct digest *d)
{
	static const struct digest zero;

	return digest_equal(d, &zero);
}

char *
digest_hex(const struct digest *d, char buf[static DIGEST_HEX_SIZE])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < DIGEST_SIZE; i++) {
		buf[2 * i] = digits[d->bytes[i] >> 4];
		buf[2 * i + 1] = digits[d->bytes[i] & 15];
	}
	buf[2 * DIGEST_SIZE] = '\0';
	return buf;
}

/* The value of a lowercase hex digit and 16; 0 for anything else. */
static const uint8_t nibbles[256] = {
	['0'] = 16,
	['1'] = 17,
	['2'] = 18,
	['3'] = 19,
	['4'] = 20,
	['5'] = 21,
	['6'] = 22,
	['7'] = 23,
	['8'] = 24,
	['9'] = 25,
	['a'] = 26,
	['b'] = 27,
	['c'] = 28,
	['d'] = 29,
	['e'] = 30,
	['f'] = 31,
};

int
digest_parse(struct digest *out, const char *hex)
{
	struct digest d;

	for (size_t i = 0; i < DIGEST_SIZE; i++) {
		uint8_t high = nibbles[(uint8_t)hex[2 * i]];
		uint8_t low = high != 0 ? nibbles[(uint8_t)hex[2 * i + 1]] : 0;

		if (low == 0)
			return ERR_FORMAT;
		d.bytes[i] = (uint8_t)(high << 4 | (low & 15));
	}
	if (hex[2 * DIGEST_SIZE] != '\0')
		return ERR_FORMAT;
	*out = d;
	return 0;
}

struct digest
digest_of(const void *bytes, size_t n)
{
	struct digest d;

	must(EVP_Digest(bytes, n, d.bytes, NULL, get_sha256(), NULL));
	return d;
}

struct digester {
	EVP_MD_CTX *ctx;
};

int
digester_new(struct digester **out)
{
	OWNED(digester) d = calloc(1, sizeof(*d));

	if (d == NULL)
		return ERR_NOMEM;
	d->ctx = EVP_MD_CTX_new();
	if (d->ctx == NULL ||
	    EVP_DigestInit_ex2(d->ctx, get_sha256(), NULL) != 1)
		return ERR_NOMEM;
	*out = d;
	d = NULL;
	return 0;
}

void
digester_add(struct digester *d, const void *bytes, size_t n)
{
	must(EVP_DigestUpdate(d->ctx, bytes, n));
}

struct digest
digester_end(struct digester *d)
{
	struct digest out;

	must(EVP_DigestFinal_ex(d->ctx, out.bytes, NULL));
	must(EVP_DigestInit_ex2(d->ctx, NULL, NULL));
	return out;
}

void
digester_free(struct digester *d)
{
	if (d == NULL)
		return;
	EVP_MD_CTX_free(d->ctx);
	free(d);
}

struct digest
digest_of2(const void *a, size_t an, const void *b, size_t bn)
{
	OWNED(digester) d = NULL;

	must(digester_new(&d) == 0);
	digester_add(d, a, an);
	digester_add(d, b, bn);
	return digester_end(d);
}

static OSSL_PARAM
octets(const char *name, const void *bytes, size_t n)
{
	static uint8_t nothing[1];

	/* OpenSSL only reads; its type has no const. */
	return OSSL_PARAM_construct_octet_string(name,
	    n > 0 ? (void *)(uintptr_t)bytes : nothing, n);
}

static void
derive(uint8_t *out, size_t n, const char *mode, const struct kdf_input *in)
{
	char sha[] = "SHA256", how[32];
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(get_hkdf());
	OSSL_PARAM params[6], *p = params;

	assert(n > 0 && n <= (size_t)255 * DIGEST_SIZE);
	assert(in->info_length <= HKDF_INFO_MAX);
	must(ctx != NULL);
	memcpy(how, mode, strlen(mode) + 1);
	*p++ = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, sha, 0);
	*p++ = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_MODE, how, 0);
	*p++ = octets(OSSL_KDF_PARAM_KEY, in->key, in->key_length);
	*p++ = octets(OSSL_KDF_PARAM_SALT, in->salt, in->salt_length);
	*p++ = octets(OSSL_KDF_PARAM_INFO, in->info, in->info_length);
	*p = OSSL_PARAM_construct_end();
	must(EVP_KDF_derive(ctx, out, n, params));
	EVP_KDF_CTX_free(ctx); /* wipes */
}

void
digest_hkdf(uint8_t *out, size_t n, const struct kdf_input *in)
{
	derive(out, n, "EXTRACT_AND_EXPAND", in);
}

void
digest_hkdf_expand(uint8_t *out, size_t n, const uint8_t key[static 32],
    const void *info, size_t info_length)
{
	const struct kdf_input in = {
		.key = key,
		.key_length = 32,
		.info = info,
		.info_length = info_length,
	};

	derive(out, n, "EXPAND_ONLY", &in);
}
