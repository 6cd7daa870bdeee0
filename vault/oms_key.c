/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vault/err.h"
#include "vault/oms_parts.h"

#define GROUP_SIZE 32
#define NOT_A_KEY "not a PEM public key (-----BEGIN PUBLIC KEY-----)"

struct oms_key {
	EVP_PKEY *pkey;
	const char *hash;
	char *text;
};

static const struct curve {
	const char *group;
	const char *hash;
} curves[] = {
	{ "prime256v1", "SHA256" },
	{ "secp384r1", "SHA384" },
	{ "secp521r1", "SHA512" },
};

void
oms_key_free(struct oms_key *k)
{
	if (k == NULL)
		return;
	EVP_PKEY_free(k->pkey);
	free(k->text);
	free(k);
}

static void
bio_free(BIO **b)
{
	BIO_free(*b);
}
#define OWNED_BIO __attribute__((cleanup(bio_free))) BIO *

static void
context_free(EVP_MD_CTX **c)
{
	EVP_MD_CTX_free(*c);
}
#define OWNED_CONTEXT __attribute__((cleanup(context_free))) EVP_MD_CTX *

/* What OpenSSL has to say of a refused key is of no use to people, and stays
 * behind for whoever looks next. */
static int
refuse(const struct why *why, int err, const char *text)
{
	ERR_clear_error();
	return why_say(why, err, "%s", text);
}

/* --- keys --- */

static const char *
hash_of(EVP_PKEY *pkey)
{
	char group[GROUP_SIZE];
	size_t n;

	if (!EVP_PKEY_is_a(pkey, "EC") ||
	    EVP_PKEY_get_group_name(pkey, group, sizeof(group), &n) != 1)
		return NULL;
	for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++)
		if (strcmp(group, curves[i].group) == 0)
			return curves[i].hash;
	return NULL;
}

static bool
has_own_parameters(EVP_PKEY *pkey)
{
	int explicit = 0;

	return EVP_PKEY_get_int_param(pkey,
		   OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS,
		   &explicit) == 1 &&
	    explicit != 0;
}

/* As `openssl pkey -pubout` writes it, the point uncompressed. */
static char *
text_of(EVP_PKEY *pkey)
{
	OWNED_BIO out = BIO_new(BIO_s_mem());
	char *bytes;
	long n;

	if (out == NULL ||
	    EVP_PKEY_set_utf8_string_param(pkey,
		OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
		"uncompressed") != 1 ||
	    PEM_write_bio_PUBKEY(out, pkey) != 1)
		return NULL;
	n = BIO_get_mem_data(out, &bytes);
	if (n <= 0 || n > OMS_KEY_TEXT_MAX)
		return NULL;
	return strndup(bytes, (size_t)n);
}

/* Takes over pkey, NULL too. */
static int
adopt(struct oms_key **out, EVP_PKEY *pkey, const struct why *why)
{
	OWNED(oms_key) k = calloc(1, sizeof(*k));

	if (k == NULL) {
		EVP_PKEY_free(pkey);
		return ERR_NOMEM;
	}
	k->pkey = pkey;
	if (pkey == NULL)
		return refuse(why, ERR_FORMAT, NOT_A_KEY);
	k->hash = hash_of(pkey);
	if (k->hash == NULL || has_own_parameters(pkey))
		return refuse(why, ERR_FORMAT,
		    "not an ECDSA key on P-256, P-384 or P-521");
	k->text = text_of(pkey);
	if (k->text == NULL)
		return refuse(why, ERR_NOMEM, "out of memory");
	*out = k;
	k = NULL;
	return 0;
}

/* OpenSSL's own would ask on the terminal. */
static int
no_passphrase(char *buf, int size, int writing, void *arg)
{
	(void)buf;
	(void)size;
	(void)writing;
	(void)arg;
	return -1;
}

int
oms_key_public(struct oms_key **out, const char *pem, const struct why *why)
{
	OWNED_BIO in = BIO_new_mem_buf(pem, -1);

	if (in == NULL)
		return refuse(why, ERR_NOMEM, "out of memory");
	return adopt(out, PEM_read_bio_PUBKEY(in, NULL, no_passphrase, NULL),
	    why);
}

int
oms_key_bytes(struct oms_key **out, const uint8_t *bytes, size_t n,
    const struct why *why)
{
	static const char begin[] = "-----BEGIN ";
	char text[OMS_KEY_TEXT_MAX + 1];
	const uint8_t *at = bytes;
	EVP_PKEY *pkey;

	if (n > OMS_KEY_TEXT_MAX)
		return refuse(why, ERR_FORMAT, "more than a public key");
	if (n >= strlen(begin) && memcmp(bytes, begin, strlen(begin)) == 0) {
		memcpy(text, bytes, n);
		text[n] = '\0';
		return oms_key_public(out, text, why);
	}
	pkey = d2i_PUBKEY(NULL, &at, (long)n);
	if (pkey != NULL && at != bytes + n) {
		EVP_PKEY_free(pkey);
		pkey = NULL;
	}
	return adopt(out, pkey, why);
}

const char *
oms_key_text(const struct oms_key *k)
{
	return k->text;
}

struct digest
oms_key_hint(const struct oms_key *k)
{
	return digest_of(k->text, strlen(k->text));
}

bool
oms_key_equal(const struct oms_key *a, const struct oms_key *b)
{
	return strcmp(a->text, b->text) == 0;
}

/* --- signatures --- */

/* What goes before the payload: DSSE's PAE. */
#define PAE "DSSEv1 28 " OMS_PAYLOAD_TYPE " "
#define HEAD_SIZE (sizeof(PAE) + 24)
static size_t
head_of(char head[static HEAD_SIZE], size_t n)
{
	return (size_t)snprintf(head, HEAD_SIZE, PAE "%zu ", n);
}

int
oms_key_verify(const struct oms_key *k, const void *payload, size_t n,
    const uint8_t *sig, size_t sig_length)
{
	OWNED_CONTEXT c = EVP_MD_CTX_new();
	char head[HEAD_SIZE];
	size_t length = head_of(head, n);

	if (c == NULL ||
	    EVP_DigestVerifyInit_ex(c, NULL, k->hash, NULL, NULL, k->pkey,
		NULL) != 1 ||
	    EVP_DigestVerifyUpdate(c, head, length) != 1 ||
	    EVP_DigestVerifyUpdate(c, payload, n) != 1) {
		ERR_clear_error();
		return ERR_NOMEM;
	}
	if (EVP_DigestVerifyFinal(c, sig, sig_length) == 1)
		return 0;
	ERR_clear_error();
	return ERR_INTEGRITY;
}

static int
sign(const struct oms_key *k, const void *payload, size_t n,
    uint8_t sig[static OMS_SIG_MAX], size_t *sig_length)
{
	OWNED_CONTEXT c = EVP_MD_CTX_new();
	char head[HEAD_SIZE];
	size_t length = head_of(head, n), room = OMS_SIG_MAX;

	if (c == NULL ||
	    EVP_DigestSignInit_ex(c, NULL, k->hash, NULL, NULL, k->pkey,
		NULL) != 1 ||
	    EVP_DigestSignUpdate(c, head, length) != 1 ||
	    EVP_DigestSignUpdate(c, payload, n) != 1 ||
	    EVP_DigestSignFinal(c, sig, &room) != 1) {
		ERR_clear_error();
		return ERR_NOMEM;
	}
	*sig_length = room;
	return 0;
}

/* Asked by OpenSSL when a key is encrypted. */
struct asking {
	const struct oms_private *key;
	bool asked;
};

static int
give_passphrase(char *buf, int size, int writing, void *arg)
{
	struct asking *a = arg;
	size_t n = a->key->passphrase_length;

	(void)writing;
	a->asked = true;
	if (a->key->passphrase == NULL || size < 0 || n > (size_t)size)
		return -1;
	memcpy(buf, a->key->passphrase, n);
	return (int)n;
}

static int
load_private(struct oms_key **out, const struct oms_private *key,
    const struct why *why)
{
	struct asking asking = { .key = key };
	OWNED_BIO in = BIO_new_mem_buf(key->pem, -1);
	EVP_PKEY *pkey;

	if (in == NULL)
		return refuse(why, ERR_NOMEM, "out of memory");
	pkey = PEM_read_bio_PrivateKey(in, NULL, give_passphrase, &asking);
	if (pkey == NULL && asking.asked)
		return refuse(why, ERR_SECRET,
		    key->passphrase == NULL ? "it is encrypted" :
					      "the passphrase is wrong");
	if (pkey == NULL)
		return refuse(why, ERR_FORMAT,
		    "not a PEM private key (-----BEGIN PRIVATE KEY-----)");
	return adopt(out, pkey, why);
}

int
oms_sign(const struct oms_private *key, const void *payload, size_t n,
    uint8_t sig[static OMS_SIG_MAX], size_t *sig_length, char **key_text,
    char why[static OMS_WHY])
{
	const struct why told = { why, OMS_WHY };
	OWNED(oms_key) k = NULL;
	OWNED(oms_key) public = NULL;
	int err = load_private(&k, key, &told);

	if (err == 0)
		err = oms_key_public(&public, k->text, &told);
	if (err == 0)
		err = sign(k, payload, n, sig, sig_length);
	/* A key whose halves do not belong together signs for nobody. */
	if (err == 0 &&
	    oms_key_verify(public, payload, n, sig, *sig_length) != 0)
		err = why_say(&told, ERR_FORMAT,
		    "its public half is another key's");
	if (err != 0)
		return err;
	*key_text = strdup(public->text);
	return *key_text != NULL ? 0 : ERR_NOMEM;
}
