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
#define OMS_SEPARATORS_MAX 16384     /* of the bundle's own JSON: [ { , and : */
#define OMS_PAYLOAD_MAX (190U << 20) /* its base64 fits a bundle */
#define OMS_KEY_TEXT_MAX 1024	     /* a PEM public key */
#define OMS_SIG_MAX 160		     /* a DER ECDSA-Sig-Value */
#define OMS_NAME_MAX 256
#define OMS_IGNORE_MAX 256 /* paths besides the default ones */
#define OMS_WHY 256

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
 * The files of a manifest that count: regular ones but those ignored (exact
 * paths; a directory means all below it) and the default ones.  Names are
 * borrowed from m.  links: whether a symbolic link that is not ignored is an
 * error (ERR_CONFLICT with its path in why).
 */
int oms_files_of(struct oms_files *out, const struct manifest *m,
    const char *const *ignore, size_t ignore_count, bool links,
    char why[static OMS_WHY]) MUST_USE;

/* Put files in order.  ERR_CONFLICT, with why, when two have one name. */
int oms_files_sort(struct oms_files *f, char why[static OMS_WHY]) MUST_USE;

/* The file of this name, or NULL.  Binary search. */
const struct oms_resource *oms_files_find(const struct oms_files *f,
    const char *name);

/* SHA-256 over the raw digests in order: `root` in statements. */
struct digest oms_root(const struct oms_files *f);

/* What is left out of every model (.git and so on); and whether a path is, or
 * lies below, one of those or one of the list's. */
const char *const *oms_default_ignores(size_t *count);
bool oms_is_ignored(const char *path, const char *const *ignore, size_t count);

/* What may be asked to be ignored (relative, plain, no wildcards), and what a
 * model may be called. */
bool oms_ignore_ok(const char *path);
bool oms_name_ok(const char *name);

/* What a bundle is made of besides the files. */
struct oms_parts {
	const char *name;	   /* of the subject */
	const char *const *ignore; /* besides the default ones and OMS_FILE */
	size_t ignore_count;
	const char *key;    /* PEM of the public key, as OpenSSL writes it */
	const uint8_t *sig; /* DER; NULL when it is to be made */
	size_t sig_length;
};

/*
 * The in-toto statement that is signed, from name and ignored paths; the caller
 * frees.  ERR_USAGE, with why: no files, or a name or a path that may not be.
 * ERR_LIMIT.
 */
int oms_payload(char **out, size_t *n, const struct oms_files *f,
    const struct oms_parts *p, char why[static OMS_WHY]) MUST_USE;

/*
 * Sign a payload with a private key (PEM, P-256, P-384 or P-521).  *key_text is
 * the public key's PEM text, freed by the caller.  With why: ERR_FORMAT;
 * ERR_SECRET, it is encrypted and the passphrase is missing or wrong.
 */
struct oms_private {
	const char *pem;
	const void *passphrase; /* NULL: none */
	size_t passphrase_length;
};
int oms_sign(const struct oms_private *key, const void *payload, size_t n,
    uint8_t sig[static OMS_SIG_MAX], size_t *sig_length, char **key_text,
    char why[static OMS_WHY]) MUST_USE;

/*
 * Whether the parts belong to the files: the key is as OpenSSL writes it, and
 * the signature is its own.  ERR_USAGE, ERR_INTEGRITY or ERR_LIMIT, with why.
 */
int oms_check(const struct oms_files *f, const struct oms_parts *p,
    char why[static OMS_WHY]) MUST_USE;

/* The bundle: model.sig's bytes; the caller frees.  As oms_payload; whether
 * the signature is right is for oms_check. */
int oms_bundle(char **out, size_t *n, const struct oms_files *f,
    const struct oms_parts *p, char why[static OMS_WHY]) MUST_USE;

/*
 * The bundle of a version whose parts were recorded: record is channel.proof's
 * `oms` as text (PROTOCOL.md).  Checked, as by oms_check.  ERR_FORMAT, or as
 * oms_files_of, oms_check and oms_bundle, with why.
 */
int oms_recorded(char **out, size_t *n, const struct manifest *m,
    const char *record, char why[static OMS_WHY]) MUST_USE;

/*
 * Verify a bundle: form, exactly one signature, hint, signature, statement,
 * root digest.  The resources that it names are then to be compared with what
 * is there; everything is owned by the document.  With why: ERR_USAGE, the key
 * is none that OMS knows; ERR_FORMAT, the bundle is not well-formed; ERR_LIMIT,
 * it uses what weir does not know (shards, other digests, certificates), or is
 * of more values than a bundle has;
 * ERR_INTEGRITY, another key, a wrong signature or a wrong root digest.
 */
struct oms_doc;
int oms_verify(struct oms_doc **out, const void *bundle, size_t n,
    const char *public_pem, char why[static OMS_WHY]) MUST_USE;
/* A single file may be called "." there. */
const struct oms_files *oms_doc_files(const struct oms_doc *d);
struct digest oms_doc_root(const struct oms_doc *d);
const char *oms_doc_name(const struct oms_doc *d); /* the subject */
const char *const *oms_doc_ignore(const struct oms_doc *d, size_t *count);
/* Symbolic links were followed when it was made. */
bool oms_doc_links(const struct oms_doc *d);
/* The key was named; worth a warning when it was not. */
bool oms_doc_has_hint(const struct oms_doc *d);
void oms_doc_free(struct oms_doc *d);
OWNED_TYPE(oms_doc);

#endif
