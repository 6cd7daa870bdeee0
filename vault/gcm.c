/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/gcm.h"

#include <assert.h>
#include <limits.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "vault/err.h"

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

struct gcm {
	EVP_CIPHER_CTX *ctx;
	bool seals;
};

static int
gcm_new(struct gcm **out, const uint8_t key[static KEY_SIZE], bool seals)
{
	OWNED(gcm) g = calloc(1, sizeof(*g));

	if (g == NULL)
		return ERR_NOMEM;
	if (pthread_once(&fetched, fetch) != 0)
		abort();
	g->seals = seals;
	g->ctx = EVP_CIPHER_CTX_new();
	if (g->ctx == NULL ||
	    EVP_CipherInit_ex2(g->ctx, aes, key, NULL, seals, NULL) != 1)
		return ERR_NOMEM;
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
	/* With a good key and lengths only memory can fail here. */
	if (!pass(g, m) || EVP_CipherFinal_ex(g->ctx, none, &n) != 1 ||
	    EVP_CIPHER_CTX_ctrl(g->ctx, EVP_CTRL_AEAD_GET_TAG, GCM_TAG,
		m->tag) != 1)
		return ERR_NOMEM;
	return 0;
}

int
gcm_open(struct gcm *g, const struct gcm_message *m)
{
	uint8_t none[EVP_MAX_BLOCK_LENGTH], tag[GCM_TAG];
	int n;

	assert(!g->seals);
	memcpy(tag, m->tag, sizeof(tag));
	if (pass(g, m) &&
	    EVP_CIPHER_CTX_ctrl(g->ctx, EVP_CTRL_AEAD_SET_TAG, GCM_TAG, tag) ==
		1 &&
	    EVP_CipherFinal_ex(g->ctx, none, &n) == 1)
		return 0;
	secret_wipe(m->out, m->length);
	return ERR_INTEGRITY;
}
