/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/statement.h"

#include <assert.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vault/base64.h"
#include "vault/err.h"
#include "vault/fields.h"
#include "vault/statement_parts.h"

#define PAYLOAD_TYPE "application/vnd.in-toto+json"
#define PAE "DSSEv1 28 " PAYLOAD_TYPE " "

static struct why
why_of(char *text)
{
	return (struct why){ text, text != NULL ? STATEMENT_WHY : 0 };
}

void
statement_free(struct statement *s)
{
	if (s == NULL)
		return;
	json_decref(s->json);
	free(s->labels);
	free(s->payload);
	free(s);
}

static int
read_signature(struct statement *s, const json_t *json, const struct why *why)
{
	struct statement_signature *out = &s->signatures[s->count++];
	char where[32];
	const char *sig;
	struct fields f;
	size_t n;

	snprintf(where, sizeof(where), "signature %zu", s->count);
	f = fields_of(json, where, why);
	out->keyid = fields_digest(&f, "keyid");
	sig = fields_text(&f, "sig", STATEMENT_TEXT_MAX);
	if (sig != NULL &&
	    (base64_decode(out->bytes, sizeof(out->bytes), &n, sig,
		 strlen(sig)) != 0 ||
		n != sizeof(out->bytes)))
		fields_fail(&f, ERR_FORMAT, "sig", "is not 64 bytes in base64");
	return fields_end(&f);
}

static int
read_signatures(struct statement *s, const json_t *list, const struct why *why)
{
	int err = 0;

	if (json_array_size(list) == 0)
		return why_say(why, ERR_FORMAT,
		    "envelope: 'signatures' has none");
	for (size_t i = 0; err == 0 && i < json_array_size(list); i++)
		err = read_signature(s, json_array_get(list, i), why);
	return err;
}

/* The payload's bytes, from base64. */
static int
read_payload(struct statement *s, const char *text, const struct why *why)
{
	size_t max = strlen(text) / 4 * 3;

	if (max > STATEMENT_PAYLOAD_MAX + 2)
		return why_say(why, ERR_LIMIT, "payload: more than %u bytes",
		    STATEMENT_PAYLOAD_MAX);
	s->payload = malloc(max + 1);
	if (s->payload == NULL)
		return ERR_NOMEM;
	if (base64_decode(s->payload, max, &s->length, text, strlen(text)) != 0)
		return why_say(why, ERR_FORMAT,
		    "envelope: 'payload' is not base64");
	return 0;
}

int
statement_parse(struct statement **out, const void *envelope, size_t n,
    char *why_text)
{
	const struct why why = why_of(why_text);
	OWNED(statement) s = calloc(1, sizeof(*s));
	json_auto_t *json = NULL;
	const json_t *signatures;
	const char *payload;
	struct fields f;
	int err;

	if (s == NULL)
		return ERR_NOMEM;
	if (n > STATEMENT_ENVELOPE_MAX)
		return why_say(&why, ERR_LIMIT, "envelope: more than %u bytes",
		    STATEMENT_ENVELOPE_MAX);
	err = fields_load(&json, envelope, n, "envelope", &why);
	if (err != 0)
		return err;

	f = fields_of(json, "envelope", &why);
	fields_expect(&f, "payloadType", PAYLOAD_TYPE);
	payload = fields_text(&f, "payload", STATEMENT_ENVELOPE_MAX);
	signatures = fields_array(&f, "signatures", STATEMENT_SIGNATURES_MAX);
	err = fields_end(&f);
	if (err == 0)
		err = read_signatures(s, signatures, &why);
	if (err == 0)
		err = read_payload(s, payload, &why);
	if (err == 0)
		err = statement_read(s, &why);
	if (err == 0) {
		*out = s;
		s = NULL;
	}
	return err;
}

int
statement_new(struct statement **out, const struct statement_fields *f,
    const char *trust_json, char *why_text)
{
	const struct why why = why_of(why_text);
	OWNED(statement) s = calloc(1, sizeof(*s));
	char *payload;
	int err;

	assert((f->about == STATEMENT_TRUST) == (trust_json != NULL));
	if (s == NULL)
		return ERR_NOMEM;
	err = statement_write(&payload, f, trust_json, &why);
	if (err != 0)
		return err;
	s->payload = (uint8_t *)payload;
	s->length = strlen(payload);
	err = statement_read(s, &why);
	if (err == 0) {
		*out = s;
		s = NULL;
	}
	return err == ERR_FORMAT || err == ERR_LIMIT ? ERR_USAGE : err;
}

const struct statement_fields *
statement_fields(const struct statement *s)
{
	return &s->fields;
}

const void *
statement_payload(const struct statement *s, size_t *n)
{
	*n = s->length;
	return s->payload;
}

struct digest
statement_digest(const struct statement *s)
{
	return digest_of(s->payload, s->length);
}

const void *
statement_predicate(const struct statement *s)
{
	return s->predicate;
}

size_t
statement_signature_count(const struct statement *s)
{
	return s->count;
}

const struct statement_signature *
statement_signature(const struct statement *s, size_t i)
{
	assert(i < s->count);
	return &s->signatures[i];
}

int
statement_add(struct statement *s, const struct statement_signature *sig)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct statement_signature *had = &s->signatures[i];

		if (digest_equal(&had->keyid, &sig->keyid) &&
		    memcmp(had->bytes, sig->bytes, sizeof(sig->bytes)) == 0)
			return 0;
	}
	if (s->count == STATEMENT_SIGNATURES_MAX)
		return ERR_LIMIT;
	s->signatures[s->count++] = *sig;
	return 0;
}

int
statement_to_sign(const struct statement *s, uint8_t **out, size_t *n)
{
	char head[sizeof(PAE) + 24];
	size_t length;
	uint8_t *bytes;

	snprintf(head, sizeof(head), PAE "%zu ", s->length);
	length = strlen(head);
	bytes = malloc(length + s->length);
	if (bytes == NULL)
		return ERR_NOMEM;
	memcpy(bytes, head, length);
	memcpy(bytes + length, s->payload, s->length);
	*out = bytes;
	*n = length + s->length;
	return 0;
}

bool
statement_signed_by(const struct statement *s,
    const struct statement_signature *sig, const struct statement_key *k)
{
	OWNED_MEM(uint8_t) bytes = NULL;
	size_t n;

	/* libsodium refuses an S that is not canonical, an R of small order
	 * and a key that statement_key_ok refuses for one of these. */
	return statement_to_sign(s, &bytes, &n) == 0 &&
	    crypto_sign_verify_detached(sig->bytes, bytes, n, k->bytes) == 0;
}

static json_t *
signatures_json(const struct statement *s)
{
	json_t *list = json_array();

	for (size_t i = 0; i < s->count; i++) {
		char hex[DIGEST_HEX_SIZE], base64[BASE64_SIZE(STATEMENT_SIG)];
		const struct statement_signature *sig = &s->signatures[i];
		json_t *item = json_pack("{s:s, s:s}", "keyid",
		    digest_hex(&sig->keyid, hex), "sig",
		    base64_encode(base64, sig->bytes, sizeof(sig->bytes)));

		if (json_array_append_new(list, item) != 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

int
statement_envelope(const struct statement *s, char **out)
{
	OWNED_MEM(char) payload = malloc(BASE64_SIZE(s->length));
	json_auto_t *json = NULL;

	if (s->count == 0)
		return ERR_USAGE;
	if (payload == NULL)
		return ERR_NOMEM;
	base64_encode(payload, s->payload, s->length);
	json = json_pack("{s:s, s:s, s:o}", "payload", payload, "payloadType",
	    PAYLOAD_TYPE, "signatures", signatures_json(s));
	return json != NULL ?
	    statement_dump(out, json, STATEMENT_ENVELOPE_MAX) :
	    ERR_NOMEM;
}
