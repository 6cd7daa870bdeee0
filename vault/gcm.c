/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/gcm.h"

#include <assert.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "vault/err.h"
#include "vault/multibuf.h"

#define WIDE_ALIGNMENT 64

/* A constant made at first use: fetching it for each key costs more than
 * opening a small segment does. */
static EVP_CIPHER *aes;
static pthread_once_t fetched = PTHREAD_ONCE_INIT;

static void
fetch(void)
{
	aes = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	if (aes == NULL)
		abort(); /* an OpenSSL without AES */
}

#if MULTIBUF
typedef struct gcm_key_data wide_key;

/* Functions for processors with wide registers of AES; NULL: OpenSSL is as
 * fast, or there is nothing else. */
static const IMB_MGR *
wide(void)
{
	const uint64_t fast = IMB_FEATURE_AVX512_SKX | IMB_FEATURE_VAES |
	    IMB_FEATURE_VPCLMULQDQ;
	const IMB_MGR *m = multibuf_shared();

	switch (multibuf_wish()) {
	case MULTIBUF_NEVER:
		return NULL;
	case MULTIBUF_ALWAYS:
		return m;
	case MULTIBUF_FASTER:
		break;
	}
	return m != NULL && (m->features & fast) == fast ? m : NULL;
}

static void
wide_prepare(const IMB_MGR *m, wide_key *k, const uint8_t key[static KEY_SIZE])
{
	IMB_AES256_GCM_PRE(m, key, k);
}

/* Bytes and tag of a message.  What it was worked at with is wiped. */
static void
wide_pass(const IMB_MGR *m, const wide_key *k, const struct gcm_message *g,
    bool seals, uint8_t tag[static GCM_TAG])
{
	struct gcm_context_data ctx;

	if (seals)
		IMB_AES256_GCM_ENC(m, k, &ctx, g->out, g->in, g->length,
		    g->nonce, g->aad, g->aad_length, tag, GCM_TAG);
	else
		IMB_AES256_GCM_DEC(m, k, &ctx, g->out, g->in, g->length,
		    g->nonce, g->aad, g->aad_length, tag, GCM_TAG);
	secret_wipe(&ctx, sizeof(ctx));
}
#else
typedef struct {
	uint8_t nothing;
} wide_key;

static const IMB_MGR *
wide(void)
{
	return NULL;
}

static void
wide_prepare(const IMB_MGR *m, wide_key *k, const uint8_t key[static KEY_SIZE])
{
	(void)m;
	(void)k;
	(void)key;
	abort();
}

static void
wide_pass(const IMB_MGR *m, const wide_key *k, const struct gcm_message *g,
    bool seals, uint8_t tag[static GCM_TAG])
{
	(void)m;
	(void)k;
	(void)g;
	(void)seals;
	(void)tag;
	abort();
}
#endif

struct gcm {
	EVP_CIPHER_CTX *ctx;
	const IMB_MGR *wide; /* instead of ctx, with this key: */
	wide_key *key;
	bool seals;
};

static int
gcm_new_wide(struct gcm *g, const uint8_t key[static KEY_SIZE])
{
	g->key = aligned_alloc(WIDE_ALIGNMENT,
	    (sizeof(*g->key) + WIDE_ALIGNMENT - 1) / WIDE_ALIGNMENT *
		WIDE_ALIGNMENT);
	if (g->key == NULL)
		return ERR_NOMEM;
	wide_prepare(g->wide, g->key, key);
	return 0;
}

static int
gcm_new_plain(struct gcm *g, const uint8_t key[static KEY_SIZE])
{
	if (pthread_once(&fetched, fetch) != 0)
		abort();
	g->ctx = EVP_CIPHER_CTX_new();
	if (g->ctx == NULL ||
	    EVP_CipherInit_ex2(g->ctx, aes, key, NULL, g->seals, NULL) != 1)
		return ERR_NOMEM;
	return 0;
}

static int
gcm_new(struct gcm **out, const uint8_t key[static KEY_SIZE], bool seals)
{
	OWNED(gcm) g = calloc(1, sizeof(*g));
	int err;

	if (g == NULL)
		return ERR_NOMEM;
	g->seals = seals;
	g->wide = wide();
	err = g->wide != NULL ? gcm_new_wide(g, key) : gcm_new_plain(g, key);
	if (err != 0)
		return err;
	*out = g;
	g = NULL;
	return 0;
}

int
gcm_sealer_new(struct gcm **out, const uint8_t key[static KEY_SIZE])
{
	return gcm_new(out, key, true);
}

int
gcm_opener_new(struct gcm **out, const uint8_t key[static KEY_SIZE])
{
	return gcm_new(out, key, false);
}

void
gcm_free(struct gcm *g)
{
	if (g == NULL)
		return;
	EVP_CIPHER_CTX_free(g->ctx);
	if (g->key != NULL)
		secret_wipe(g->key, sizeof(*g->key));
	free(g->key);
	free(g);
}

/* Nonce, AAD and bytes; what is left is the tag. */
static bool
pass(struct gcm *g, const struct gcm_message *m)
{
	int n;

	assert(m->aad_length <= INT_MAX && m->length <= INT_MAX);
	if (EVP_CipherInit_ex2(g->ctx, NULL, NULL, m->nonce, g->seals, NULL) !=
	    1)
		return false;
	if (m->aad_length > 0 &&
	    EVP_CipherUpdate(g->ctx, NULL, &n, m->aad, (int)m->aad_length) != 1)
		return false;
	return m->length == 0 ||
	    EVP_CipherUpdate(g->ctx, m->out, &n, m->in, (int)m->length) == 1;
}

int
gcm_seal(struct gcm *g, struct gcm_message *m)
{
	uint8_t none[EVP_MAX_BLOCK_LENGTH];
	int n;

	assert(g->seals);
	if (g->wide != NULL) {
		wide_pass(g->wide, g->key, m, true, m->tag);
		return 0;
	}
	/* With a good key and lengths only memory can fail here. */
	if (!pass(g, m) || EVP_CipherFinal_ex(g->ctx, none, &n) != 1 ||
	    EVP_CIPHER_CTX_ctrl(g->ctx, EVP_CTRL_AEAD_GET_TAG, GCM_TAG,
		m->tag) != 1)
		return ERR_NOMEM;
	return 0;
}

/* With the tag's comparison. */
static bool
open_plain(struct gcm *g, const struct gcm_message *m)
{
	uint8_t none[EVP_MAX_BLOCK_LENGTH], tag[GCM_TAG];
	int n;

	memcpy(tag, m->tag, sizeof(tag));
	return pass(g, m) &&
	    EVP_CIPHER_CTX_ctrl(g->ctx, EVP_CTRL_AEAD_SET_TAG, GCM_TAG, tag) ==
	    1 &&
	    EVP_CipherFinal_ex(g->ctx, none, &n) == 1;
}

static bool
open_wide(struct gcm *g, const struct gcm_message *m)
{
	uint8_t tag[GCM_TAG];

	/* A tag that is not set is not equal. */
	for (size_t i = 0; i < sizeof(tag); i++)
		tag[i] = (uint8_t)~m->tag[i];
	wide_pass(g->wide, g->key, m, false, tag);
	return CRYPTO_memcmp(tag, m->tag, sizeof(tag)) == 0;
}

int
gcm_open(struct gcm *g, const struct gcm_message *m)
{
	assert(!g->seals);
	if (g->wide != NULL ? open_wide(g, m) : open_plain(g, m))
		return 0;
	secret_wipe(m->out, m->length);
	return ERR_INTEGRITY;
}
