/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_OMS_PARTS_H
#define WEIR_OMS_PARTS_H

#include "vault/oms.h"
#include "vault/why.h"

/* What the files of oms share. */

#define OMS_MEDIA_TYPE "application/vnd.dev.sigstore.bundle.v0.3+json"
#define OMS_PAYLOAD_TYPE "application/vnd.in-toto+json"
#define OMS_STATEMENT_TYPE "https://in-toto.io/Statement/v1"
#define OMS_PREDICATE_TYPE "https://model_signing/signature/v1.0"

/* A public key that OMS knows: EC on P-256, P-384 or P-521, a named curve. */
struct oms_key;
/* ERR_FORMAT with why. */
int oms_key_public(struct oms_key **out, const char *pem, const struct why *why)
    MUST_USE;
/* PEM or DER, as bundles before v1.1.0 had it. */
int oms_key_bytes(struct oms_key **out, const uint8_t *bytes, size_t n,
    const struct why *why) MUST_USE;
void oms_key_free(struct oms_key *k);
OWNED_TYPE(oms_key);

/* The PEM text as OpenSSL writes it, and its SHA-256: the hint. */
const char *oms_key_text(const struct oms_key *k);
struct digest oms_key_hint(const struct oms_key *k);
bool oms_key_equal(const struct oms_key *a, const struct oms_key *b);

/* Whether sig is the key's over a payload (DSSE's PAE of it): ERR_INTEGRITY,
 * ERR_NOMEM. */
int oms_key_verify(const struct oms_key *k, const void *payload, size_t n,
    const uint8_t *sig, size_t sig_length) MUST_USE;

#endif
