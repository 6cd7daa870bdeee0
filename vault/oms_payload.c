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
#include "vault/writer.h"

#define SHOWN_SIZE 160
#define RECORD_MAX (1U << 20)

static void
put(struct writer *w, const char *text)
{
	writer_bytes(w, text, strlen(text));
}

/* Names and paths have no control characters: two need an escape. */
static void
put_string(struct writer *w, const char *text)
{
	put(w, "\"");
	for (size_t n; *text != '\0'; text += n) {
		n = strcspn(text, "\"\\");
		writer_bytes(w, text, n);
		if (text[n] == '\0')
			continue;
		writer_u8(w, '\\');
		writer_u8(w, (uint8_t)text[n++]);
	}
	put(w, "\"");
}

static void
put_digest(struct writer *w, const struct digest *d)
{
	char hex[DIGEST_HEX_SIZE];

	put_string(w, digest_hex(d, hex));
}

static uint8_t *
take(struct writer *w, size_t *n)
{
	writer_u8(w, '\0');
	if (!writer_ok(w))
		return NULL;
	*n = w->length - 1;
	return writer_take(w, &(size_t){ 0 });
}

/* --- the statement --- */

static int
check_parts(const struct oms_files *f, const struct oms_parts *p,
    char why[static OMS_WHY])
{
	const struct why told = { why, OMS_WHY };
	char shown[SHOWN_SIZE];

	if (f->count == 0)
		return why_say(&told, ERR_USAGE,
		    "there is no file to be signed");
	if (!oms_name_ok(p->name))
		return why_say(&told, ERR_USAGE,
		    "the name must be 1 to %d bytes of text without control"
		    " characters",
		    OMS_NAME_MAX);
	if (p->ignore_count > OMS_IGNORE_MAX)
		return why_say(&told, ERR_USAGE,
		    "more than %d paths to be ignored", OMS_IGNORE_MAX);
	for (size_t i = 0; i < p->ignore_count; i++)
		if (!oms_ignore_ok(p->ignore[i]))
			return why_say(&told, ERR_USAGE,
			    "'%s' cannot be ignored: it must be a plain path"
			    " below the model's root, without wildcards",
			    log_name(shown, sizeof(shown), p->ignore[i],
				strlen(p->ignore[i])));
	return 0;
}

static int
by_text(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

/* All that is ignored, each once, in order. */
static int
put_ignored(struct writer *w, const struct oms_parts *p)
{
	size_t always_count, n = 0;
	const char *const *always = oms_default_ignores(&always_count);
	OWNED_MEM(const char *)
	all = calloc(always_count + 1 + p->ignore_count, sizeof(*all));

	if (all == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < always_count; i++)
		all[n++] = always[i];
	all[n++] = OMS_FILE;
	for (size_t i = 0; i < p->ignore_count; i++)
		all[n++] = p->ignore[i];
	qsort(all, n, sizeof(*all), by_text);
	for (size_t i = 0; i < n; i++) {
		if (i > 0 && strcmp(all[i], all[i - 1]) == 0)
			continue;
		put(w, i > 0 ? "," : "");
		put_string(w, all[i]);
	}
	return 0;
}

int
oms_payload(char **out, size_t *n, const struct oms_files *f,
    const struct oms_parts *p, char why[static OMS_WHY])
{
	OWNED_WRITER w = writer_of(OMS_PAYLOAD_MAX);
	struct digest root = oms_root(f);
	int err = check_parts(f, p, why);

	if (err != 0)
		return err;
	put(&w,
	    "{\"_type\":\"" OMS_STATEMENT_TYPE "\",\"subject\":[{\"name\":");
	put_string(&w, p->name);
	put(&w, ",\"digest\":{\"sha256\":");
	put_digest(&w, &root);
	put(&w,
	    "}}],\"predicateType\":\"" OMS_PREDICATE_TYPE
	    "\",\"predicate\":{\"resources\":[");
	for (size_t i = 0; i < f->count; i++) {
		put(&w, i > 0 ? ",{\"name\":" : "{\"name\":");
		put_string(&w, f->items[i].name);
		put(&w, ",\"digest\":");
		put_digest(&w, &f->items[i].digest);
		put(&w, ",\"algorithm\":\"sha256\"}");
	}
	put(&w,
	    "],\"serialization\":{\"method\":\"files\","
	    "\"hash_type\":\"sha256\",\"allow_symlinks\":false,"
	    "\"ignore_paths\":[");
	if ((err = put_ignored(&w, p)) != 0)
		return err;
	put(&w, "]}}}");
	*out = (char *)take(&w, n);
	if (*out == NULL)
		return why_say(&(struct why){ why, OMS_WHY }, ERR_LIMIT,
		    "too many files, or too little memory, for one bundle");
	return 0;
}

/* --- what is made of it --- */

int
oms_check(const struct oms_files *f, const struct oms_parts *p,
    char why[static OMS_WHY])
{
	const struct why told = { why, OMS_WHY };
	OWNED_MEM(char) payload = NULL;
	OWNED(oms_key) key = NULL;
	size_t n;
	int err = oms_key_public(&key, p->key, &told);

	if (err == ERR_FORMAT)
		return ERR_USAGE;
	if (err == 0)
		err = oms_payload(&payload, &n, f, p, why);
	if (err != 0)
		return err;
	if (strcmp(oms_key_text(key), p->key) != 0)
		return why_say(&told, ERR_USAGE,
		    "the public key is not written as OpenSSL writes it");
	err = oms_key_verify(key, payload, n, p->sig, p->sig_length);
	if (err == ERR_INTEGRITY)
		why_say(&told, err,
		    "the signature is not one by this key over these files");
	return err;
}

static void
put_base64(struct writer *w, const void *bytes, size_t n)
{
	uint8_t *at = writer_room(w, BASE64_SIZE(n));

	if (at == NULL)
		return;
	base64_encode((char *)at, bytes, n);
	w->length--; /* the NUL */
}

int
oms_bundle(char **out, size_t *n, const struct oms_files *f,
    const struct oms_parts *p, char why[static OMS_WHY])
{
	OWNED_WRITER w = writer_of(OMS_BUNDLE_MAX);
	struct digest hint = digest_of(p->key, strlen(p->key));
	OWNED_MEM(char) payload = NULL;
	size_t length;
	int err = oms_payload(&payload, &length, f, p, why);

	if (err != 0)
		return err;
	put(&w,
	    "{\"mediaType\":\"" OMS_MEDIA_TYPE
	    "\",\"verificationMaterial\":{\"publicKey\":{\"hint\":");
	put_digest(&w, &hint);
	put(&w, "},\"tlogEntries\":[]},\"dsseEnvelope\":{\"payload\":\"");
	put_base64(&w, payload, length);
	put(&w,
	    "\",\"payloadType\":\"" OMS_PAYLOAD_TYPE
	    "\",\"signatures\":[{\"sig\":\"");
	put_base64(&w, p->sig, p->sig_length);
	put(&w, "\",\"keyid\":\"\"}]}}");
	*out = (char *)take(&w, n);
	if (*out == NULL)
		return why_say(&(struct why){ why, OMS_WHY }, ERR_LIMIT,
		    "too many files, or too little memory, for one bundle");
	return 0;
}

/* --- what was recorded --- */

struct record {
	json_t *json;
	const char *ignore[OMS_IGNORE_MAX];
	uint8_t sig[OMS_SIG_MAX];
	struct oms_parts parts;
};

static void
record_clear(struct record *r)
{
	json_decref(r->json);
}

static int
record_read(struct record *r, const char *text, const struct why *why)
{
	const json_t *list, *item;
	struct fields f;
	const char *sig;
	size_t i;
	int err = fields_load(&r->json, text, strnlen(text, RECORD_MAX), "oms",
	    why);

	if (err != 0)
		return err;
	f = fields_of(r->json, "oms", why);
	r->parts.name = fields_name(&f, "name", oms_name_ok);
	list = fields_array(&f, "ignore", OMS_IGNORE_MAX);
	r->parts.key = json_string_value(fields_value(&f, "key"));
	sig = json_string_value(fields_value(&f, "sig"));
	if (f.err == 0 && r->parts.key == NULL)
		fields_fail(&f, ERR_FORMAT, "key", "is not text");
	if (f.err == 0 &&
	    (sig == NULL ||
		base64_decode(r->sig, sizeof(r->sig), &r->parts.sig_length, sig,
		    strlen(sig)) != 0))
		fields_fail(&f, ERR_FORMAT, "sig", "is not base64");
	json_array_foreach(list, i, item) {
		r->ignore[i] = json_string_value(item);
		if (r->ignore[i] == NULL)
			fields_fail(&f, ERR_FORMAT, "ignore",
			    "is not a list of text");
	}
	r->parts.ignore = r->ignore;
	r->parts.ignore_count = json_array_size(list);
	r->parts.sig = r->sig;
	return fields_end(&f);
}

int
oms_recorded(char **out, size_t *n, const struct manifest *m,
    const char *record, char why[static OMS_WHY])
{
	__attribute__((cleanup(record_clear))) struct record r = { 0 };
	struct oms_files files = { 0 };
	int err = record_read(&r, record, &(struct why){ why, OMS_WHY });

	if (err == 0)
		err = oms_files_of(&files, m, r.parts.ignore,
		    r.parts.ignore_count, true, why);
	if (err == 0)
		err = oms_check(&files, &r.parts, why);
	if (err == 0)
		err = oms_bundle(out, n, &files, &r.parts, why);
	oms_files_clear(&files);
	return err;
}
