/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vault/base64.h"
#include "vault/err.h"
#include "vault/fields.h"
#include "vault/log.h"
#include "vault/oms_parts.h"

#define SHOWN_SIZE 160
#define HASH "sha256"
#define SELF "." /* a single file, in bundles before v1.0.1 */

struct oms_doc {
	json_t *statement; /* owns what is borrowed below */
	struct oms_files files;
	const char *name;
	const char **ignore;
	size_t ignore_count;
	struct digest root;
	bool links;
	bool has_hint;
};

/* What a bundle holds, before any of it is believed. */
struct opened {
	json_t *json;
	const char *hint;    /* NULL: none */
	struct oms_key *raw; /* NULL: none */
	uint8_t *payload;
	size_t length;
	uint8_t sig[OMS_SIG_MAX];
	size_t sig_length;
};

void
oms_doc_free(struct oms_doc *d)
{
	if (d == NULL)
		return;
	oms_files_clear(&d->files);
	free(d->ignore);
	json_decref(d->statement);
	free(d);
}

static void
opened_clear(struct opened *o)
{
	json_decref(o->json);
	oms_key_free(o->raw);
	free(o->payload);
}

/* --- the bundle --- */

/* Text, or nothing: absent, null and "" are the same in a Sigstore bundle. */
static const char *
text_if(struct fields *f, const char *key)
{
	const json_t *v = json_object_get(f->object, key);

	if (v == NULL)
		return NULL;
	v = fields_value(f, key);
	if (!json_is_string(v) && !json_is_null(v))
		fields_fail(f, ERR_FORMAT, key, "is not text");
	return json_string_length(v) > 0 ? json_string_value(v) : NULL;
}

/* Base64 into memory of its own. */
static uint8_t *
bytes_of(struct fields *f, const char *key, size_t *n)
{
	const json_t *v = fields_value(f, key);
	size_t length = json_string_length(v), room = length / 4 * 3 + 4;
	uint8_t *bytes;

	if (f->err != 0)
		return NULL;
	bytes = malloc(room);
	if (bytes == NULL) {
		f->err = ERR_NOMEM;
		return NULL;
	}
	if (length > 0 &&
	    base64_decode_any(bytes, room, n, json_string_value(v), length) ==
		0)
		return bytes;
	free(bytes);
	fields_fail(f, ERR_FORMAT, key, "is not base64");
	return NULL;
}

static int
read_raw_key(struct opened *o, struct fields *f)
{
	const struct why silent = { NULL, 0 };
	OWNED_MEM(uint8_t) bytes = NULL;
	size_t n = 0;

	if (!fields_has(f, "rawBytes"))
		return 0;
	bytes = bytes_of(f, "rawBytes", &n);
	if (f->err == 0 && oms_key_bytes(&o->raw, bytes, n, &silent) != 0)
		fields_fail(f, ERR_FORMAT, "rawBytes",
		    "is not a public key on P-256, P-384 or P-521");
	return f->err;
}

/* Closed neither here nor in publicKey: both are Sigstore's to extend. */
static int
read_material(struct opened *o, const json_t *material, const struct why *why)
{
	struct fields f = fields_of(material, "verificationMaterial", why);
	const json_t *key;
	struct fields k;

	if (f.err == 0 &&
	    (fields_has(&f, "x509CertificateChain") ||
		fields_has(&f, "certificate")))
		return why_say(why, ERR_LIMIT,
		    "it is signed with a certificate; weir verifies keys only");
	key = fields_value(&f, "publicKey");
	if (fields_has(&f, "tlogEntries"))
		fields_array(&f, "tlogEntries", SIZE_MAX);
	if (f.err != 0)
		return f.err;
	k = fields_of(key, "publicKey", why);
	o->hint = text_if(&k, "hint");
	return k.err == 0 ? read_raw_key(o, &k) : k.err;
}

static int
read_signature(struct opened *o, const json_t *signatures,
    const struct why *why)
{
	OWNED_MEM(uint8_t) sig = NULL;
	struct fields f;

	if (json_array_size(signatures) != 1)
		return why_say(why, ERR_FORMAT,
		    "dsseEnvelope: 'signatures' has %zu items, not one",
		    json_array_size(signatures));
	f = fields_of(json_array_get(signatures, 0), "signature", why);
	sig = bytes_of(&f, "sig", &o->sig_length);
	text_if(&f, "keyid");
	if (f.err == 0 && o->sig_length > sizeof(o->sig))
		fields_fail(&f, ERR_FORMAT, "sig", "is too long");
	if (f.err == 0)
		memcpy(o->sig, sig, o->sig_length);
	return fields_end(&f);
}

static int
read_envelope(struct opened *o, const json_t *envelope, const struct why *why)
{
	struct fields f = fields_of(envelope, "dsseEnvelope", why);
	const json_t *signatures;

	fields_expect(&f, "payloadType", OMS_PAYLOAD_TYPE);
	signatures = fields_array(&f, "signatures", SIZE_MAX);
	if (f.err == 0)
		o->payload = bytes_of(&f, "payload", &o->length);
	if (fields_end(&f) != 0)
		return f.err;
	return read_signature(o, signatures, why);
}

/* The parser takes some fifty times the room of text that is all values, and
 * nobody has signed this yet.  A bundle has two dozen of them, and what
 * Sigstore may add; the files that it lists are in one string. */
static bool
has_few_values(const char *text, size_t n)
{
	size_t separators = 0;
	bool quoted = false;

	for (size_t i = 0; i < n; i++) {
		char c = text[i];

		if (quoted && c == '\\')
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (!quoted &&
		    (c == '[' || c == '{' || c == ',' || c == ':'))
			separators++;
	}
	return separators <= OMS_SEPARATORS_MAX;
}

static int
read_bundle(struct opened *o, const void *bundle, size_t n,
    const struct why *why)
{
	const json_t *material, *envelope;
	struct fields f;
	int err;

	if (n > OMS_BUNDLE_MAX)
		return why_say(why, ERR_LIMIT, "bundle: more than %u bytes",
		    OMS_BUNDLE_MAX);
	if (!has_few_values(bundle, n))
		return why_say(why, ERR_LIMIT,
		    "bundle: more values than a bundle has");
	err = fields_load(&o->json, bundle, n, "bundle", why);
	if (err != 0)
		return err;
	f = fields_of(o->json, "bundle", why);
	fields_expect(&f, "mediaType", OMS_MEDIA_TYPE);
	material = fields_value(&f, "verificationMaterial");
	envelope = fields_value(&f, "dsseEnvelope");
	err = fields_end(&f);
	if (err == 0)
		err = read_material(o, material, why);
	return err == 0 ? read_envelope(o, envelope, why) : err;
}

/* --- whose it is --- */

static int
check_key(const struct opened *o, const struct oms_key *key,
    const struct why *why)
{
	struct digest hint = oms_key_hint(key);
	char hex[DIGEST_HEX_SIZE], shown[SHOWN_SIZE];

	if (o->hint != NULL && strcmp(o->hint, digest_hex(&hint, hex)) != 0)
		return why_say(why, ERR_INTEGRITY,
		    "it names another key (hint %.70s; the one given has %s)",
		    log_name(shown, sizeof(shown), o->hint, strlen(o->hint)),
		    hex);
	if (o->raw != NULL && !oms_key_equal(o->raw, key))
		return why_say(why, ERR_INTEGRITY,
		    "it names another key ('rawBytes')");
	return 0;
}

static int
check_signature(const struct opened *o, const struct oms_key *key,
    const struct why *why)
{
	int err = oms_key_verify(key, o->payload, o->length, o->sig,
	    o->sig_length);

	if (err == ERR_INTEGRITY)
		why_say(why, err, "the signature is not this key's");
	return err;
}

/* --- the statement --- */

static int
read_serialization(struct oms_doc *d, const json_t *serialization,
    const struct why *why)
{
	struct fields f = fields_of(serialization, "serialization", why);
	const char *method = fields_text(&f, "method", OMS_NAME_MAX);
	const char *hash = fields_text(&f, "hash_type", OMS_NAME_MAX);
	const json_t *list = NULL, *item;
	size_t i;

	d->links = fields_bool(&f, "allow_symlinks");
	if (f.err == 0 && strcmp(method, "files") != 0)
		fields_fail(&f, ERR_LIMIT, "method",
		    "is not 'files', which is all that weir verifies");
	if (f.err == 0 && strcmp(hash, HASH) != 0)
		fields_fail(&f, ERR_LIMIT, "hash_type",
		    "is not 'sha256', which is all that weir verifies");
	if (fields_has(&f, "ignore_paths"))
		list = fields_array(&f, "ignore_paths", SIZE_MAX);
	if (f.err == 0)
		d->ignore = calloc(json_array_size(list) + 1,
		    sizeof(*d->ignore));
	if (f.err == 0 && d->ignore == NULL)
		return ERR_NOMEM;
	json_array_foreach(list, i, item) {
		if (json_string_length(item) == 0)
			fields_fail(&f, ERR_FORMAT, "ignore_paths",
			    "is not a list of paths");
		if (f.err == 0)
			d->ignore[d->ignore_count++] = json_string_value(item);
	}
	return fields_end(&f);
}

/* Whatever else a resource says is passed over. */
static int
read_resource(struct oms_resource *out, const json_t *resource,
    bool may_be_self, const struct why *why)
{
	struct fields f = fields_of(resource, "resource", why);
	const char *name = json_string_value(fields_value(&f, "name"));
	const char *algorithm;
	char shown[WHY_NAME];

	if (f.err == 0 &&
	    (name == NULL ||
		!(manifest_path_ok(name) ||
		    (may_be_self && strcmp(name, SELF) == 0))))
		return why_say(why, ERR_FORMAT,
		    "resource: 'name' is '%s', not a plain path below the"
		    " model's root",
		    name == NULL ?
			"not text" :
			log_name(shown, sizeof(shown), name, strlen(name)));
	algorithm = fields_text(&f, "algorithm", OMS_NAME_MAX);
	if (algorithm != NULL && strcmp(algorithm, HASH) != 0)
		fields_fail(&f, ERR_FORMAT, "algorithm",
		    "is not what 'hash_type' says");
	*out = (struct oms_resource){ .name = name,
		.digest = fields_digest(&f, "digest") };
	return f.err;
}

static int
read_resources(struct oms_doc *d, const json_t *list, const struct why *why)
{
	size_t n = json_array_size(list);

	if (n == 0)
		return why_say(why, ERR_FORMAT,
		    "predicate: 'resources' is empty");
	d->files.items = calloc(n, sizeof(*d->files.items));
	if (d->files.items == NULL)
		return ERR_NOMEM;
	for (d->files.count = 0; d->files.count < n; d->files.count++) {
		size_t i = d->files.count;
		int err = read_resource(&d->files.items[i],
		    json_array_get(list, i), n == 1, why);

		if (err != 0)
			return err;
	}
	return 0;
}

static int
read_subject(struct oms_doc *d, const json_t *subject, const struct why *why)
{
	const json_t *digests;
	struct fields f, g;

	if (json_array_size(subject) != 1)
		return why_say(why, ERR_FORMAT,
		    "payload: 'subject' has %zu items, not one",
		    json_array_size(subject));
	f = fields_of(json_array_get(subject, 0), "subject", why);
	d->name = json_string_value(fields_value(&f, "name"));
	if (f.err == 0 && (d->name == NULL || d->name[0] == '\0'))
		fields_fail(&f, ERR_FORMAT, "name", "is no text");
	digests = fields_value(&f, "digest");
	if (f.err != 0)
		return f.err;
	g = fields_of(digests, "subject digest", why);
	d->root = fields_digest(&g, HASH);
	return g.err;
}

static int
read_predicate(struct oms_doc *d, const json_t *predicate,
    const struct why *why)
{
	struct fields f = fields_of(predicate, "predicate", why);
	const json_t *resources = fields_array(&f, "resources", SIZE_MAX);
	const json_t *serialization = fields_value(&f, "serialization");
	int err = fields_end(&f);

	if (err == 0)
		err = read_serialization(d, serialization, why);
	return err == 0 ? read_resources(d, resources, why) : err;
}

static int
read_statement(struct oms_doc *d, const struct opened *o, const struct why *why)
{
	const json_t *subject, *predicate;
	struct fields f;
	int err = fields_load(&d->statement, o->payload, o->length, "payload",
	    why);

	if (err != 0)
		return err;
	f = fields_of(d->statement, "payload", why);
	fields_expect(&f, "_type", OMS_STATEMENT_TYPE);
	fields_expect(&f, "predicateType", OMS_PREDICATE_TYPE);
	subject = fields_array(&f, "subject", SIZE_MAX);
	predicate = fields_value(&f, "predicate");
	err = fields_end(&f);
	if (err == 0)
		err = read_subject(d, subject, why);
	return err == 0 ? read_predicate(d, predicate, why) : err;
}

/* The root is of the resources as they are listed; from here on they are in
 * our order, whatever theirs was. */
static int
check_resources(struct oms_doc *d, char why[static OMS_WHY])
{
	struct digest root = oms_root(&d->files);

	if (!digest_equal(&root, &d->root))
		return why_say(&(struct why){ why, OMS_WHY }, ERR_INTEGRITY,
		    "the root digest is not that of the resources");
	return oms_files_sort(&d->files, why) == 0 ? 0 : ERR_FORMAT;
}

int
oms_verify(struct oms_doc **out, const void *bundle, size_t n,
    const char *public_pem, char why[static OMS_WHY])
{
	__attribute__((cleanup(opened_clear))) struct opened o = { 0 };
	const struct why told = { why, OMS_WHY };
	OWNED(oms_doc) d = calloc(1, sizeof(*d));
	OWNED(oms_key) key = NULL;
	int err;

	if (d == NULL)
		return ERR_NOMEM;
	err = read_bundle(&o, bundle, n, &told);
	if (err != 0)
		return err;
	err = oms_key_public(&key, public_pem, &told);
	if (err == ERR_FORMAT)
		return ERR_USAGE;
	if (err == 0)
		err = check_key(&o, key, &told);
	if (err == 0)
		err = check_signature(&o, key, &told);
	if (err == 0)
		err = read_statement(d, &o, &told);
	if (err == 0)
		err = check_resources(d, why);
	if (err != 0)
		return err;
	d->has_hint = o.hint != NULL || o.raw != NULL;
	*out = d;
	d = NULL;
	return 0;
}

/* --- what it says --- */

const struct oms_files *
oms_doc_files(const struct oms_doc *d)
{
	return &d->files;
}

struct digest
oms_doc_root(const struct oms_doc *d)
{
	return d->root;
}

const char *
oms_doc_name(const struct oms_doc *d)
{
	return d->name;
}

const char *const *
oms_doc_ignore(const struct oms_doc *d, size_t *count)
{
	*count = d->ignore_count;
	return d->ignore;
}

bool
oms_doc_links(const struct oms_doc *d)
{
	return d->links;
}

bool
oms_doc_has_hint(const struct oms_doc *d)
{
	return d->has_hint;
}
