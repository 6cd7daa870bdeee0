/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_OMS_H
#define WEIR_OMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/digest.h"
#include "vault/manifest.h"
#include "vault/owned.h"

/*
 * OpenSSF Model Signing v1.0, key method (FORMAT.md, "model.sig").  Pure: the
 * digests come from a manifest or from whoever hashed a directory.
 */

#define OMS_FILE "model.sig"
#define OMS_BUNDLE_MAX (256U << 20)
#define OMS_KEY_TEXT_MAX 1024 /* a PEM public key */
#define OMS_SIG_MAX 160	      /* a DER ECDSA-Sig-Value */
#define OMS_WHY 160

/* A file of a model, as OMS names it. */
struct oms_resource {
	const char *name;
	struct digest digest;
};

/* Names ascending by their bytes, no two equal. */
struct oms_files {
	struct oms_resource *items;
	size_t count;
};
void oms_files_clear(struct oms_files *f);

/*
 * The files of a manifest that count: regular ones but those ignored (exact paths; a
 * directory means all below it) and the default ones.  Names are borrowed from
 * m.  links: whether a symbolic link that is not ignored is an error
 * (ERR_CONFLICT with its path in why).
 */
int oms_files_of(struct oms_files *out, const struct manifest *m,
    const char *const *ignore, size_t ignore_count, bool links,
    char why[static OMS_WHY]) MUST_USE;

/* SHA-256 over the raw digests in order: `root` in statements. */
struct digest oms_root(const struct oms_files *f);

/* What a bundle is made of besides the files. */
struct oms_parts {
	const char *name; /* of the subject */
	const char *const *ignore;
	size_t ignore_count;
	const char *key;    /* PEM of the public key, as OpenSSL writes it */
	const uint8_t *sig; /* DER; NULL when it is to be made */
	size_t sig_length;
};

/* The in-toto statement that is signed; the caller frees. */
int oms_payload(char **out, size_t *n, const struct oms_files *f,
    const struct oms_parts *p) MUST_USE;

/* Sign a payload with a private key (PEM, P-256, P-384 or P-521; not
 * encrypted unless passphrase is given).  *key_text is the public key's PEM text, freed by the
 * caller.  ERR_FORMAT with why, ERR_SECRET. */
int oms_sign(const char *private_pem, const char *passphrase,
    const void *payload, size_t n, uint8_t sig[static OMS_SIG_MAX],
    size_t *sig_length, char **key_text, char why[static OMS_WHY]) MUST_USE;

/* The bundle: model.sig's bytes; the caller frees. */
int oms_bundle(char **out, size_t *n, const struct oms_files *f,
    const struct oms_parts *p) MUST_USE;

/*
 * Verify a bundle: form, one signature, key, hint, signature, statement, root digest.
 * *files are the resources that it names (sorted; names are owned by *doc, a
 * bundle's document that oms_doc_free frees), to be compared with what is there.
 * ERR_FORMAT or ERR_INTEGRITY with why.  hint_differs: the key's hint is not the bundle's
 * (a warning when absent, an error when other: see why).
 */
struct oms_doc;
int oms_verify(struct oms_doc **out, const void *bundle, size_t n,
    const char *public_pem, char why[static OMS_WHY]) MUST_USE;
const struct oms_files *oms_doc_files(const struct oms_doc *d);
/* "sha256", "blake2b" or "blake3" of resource i; only sha256 can be compared. */
const char *oms_doc_name(const struct oms_doc *d); /* the subject */
const char *const *oms_doc_ignore(const struct oms_doc *d, size_t *count);
bool oms_doc_has_hint(const struct oms_doc *d);
void oms_doc_free(struct oms_doc *d);
OWNED_TYPE(oms_doc);

#endif
