/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_GCM_H
#define WEIR_GCM_H

#include <stddef.h>
#include <stdint.h>

#include "vault/owned.h"
#include "vault/secret.h"

/*
 * AES-256-GCM: the one place that seals and opens bytes.  By libipsec-mb where
 * that is faster (processors with VAES and AVX-512; WEIR_LANES as in lanes.h),
 * else by OpenSSL: the bytes are the same.
 */

#define GCM_TAG 16
#define GCM_NONCE 12

/* A key made ready.  For one thread at a time. */
struct gcm;

int gcm_sealer_new(struct gcm **out, const uint8_t key[static KEY_SIZE])
    MUST_USE;
int gcm_opener_new(struct gcm **out, const uint8_t key[static KEY_SIZE])
    MUST_USE;
void gcm_free(struct gcm *g); /* wipes */
OWNED_TYPE(gcm);

/* One message.  out has room for length bytes (at most INT_MAX), as in has;
 * they may be the same. */
struct gcm_message {
	uint8_t nonce[GCM_NONCE];
	const void *aad;
	size_t aad_length;
	const uint8_t *in;
	uint8_t *out;
	size_t length;
	uint8_t tag[GCM_TAG];
};

/* Seal and set m->tag.  The caller never uses a nonce twice under one key. */
int gcm_seal(struct gcm *g, struct gcm_message *m) MUST_USE;

/* Open and compare with m->tag: ERR_INTEGRITY, out is wiped then. */
int gcm_open(struct gcm *g, const struct gcm_message *m) MUST_USE;

#endif
