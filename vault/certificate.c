/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/certificate.h"

#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vault/base64.h"
#include "vault/entry.h"
#include "vault/err.h"
#include "vault/why.h"

#define TYPE "application/vnd.weir.deletion+json"
#define SIG 64
#define KEYS 4 /* of the JSON, with its proof */

struct certificate {
	char *payload;
	size_t length;
	json_t *json; /* the payload */
	struct digest keyid;
	uint8_t sig[SIG];
	char *proof; /* or NULL */
};

void
certificate_free(struct certificate *c)
{
	if (c == NULL)
		return;
	json_decref(c->json);
	free(c->payload);
	free(c->proof);
	free(c);
}

const void *
certificate_payload(const struct certificate *c)
{
	return c->json;
}

struct digest
certificate_digest(const struct certificate *c)
{
	return digest_of(c->payload, c->length);
}

/* What is signed (DSSE's PAE); the caller frees. */
static char *
to_sign(const char *payload, size_t length, size_t *n)
{
	char *bytes;
	int head = asprintf(&bytes, "DSSEv1 %zu %s %zu ", strlen(TYPE), TYPE,
	    length);
	char *all;

	if (head < 0)
		return NULL;
	all = realloc(bytes, (size_t)head + length + 1);
	if (all == NULL) {
		free(bytes);
		return NULL;
	}
	memcpy(all + head, payload, length);
	*n = (size_t)head + length;
	return all;
}

static struct digest
keyid_of(const struct note_key *log)
{
	return digest_of(log->public_key, sizeof(log->public_key));
}

int
certificate_sign(char **out, const char *payload, const struct note_key *log,
    const struct sign_key *seed)
{
	uint8_t public_key[crypto_sign_PUBLICKEYBYTES], sig[SIG];
	char base64[BASE64_SIZE(SIG)], hex[DIGEST_HEX_SIZE];
	struct digest keyid = keyid_of(log);
	OWNED_MEM(char) signed_bytes = NULL;
	OWNED_MEM(char) encoded = NULL;
	SECRET(uint8_t, secret, 64);
	json_auto_t *j = NULL;
	size_t n, length = strlen(payload);

	if (length > CERTIFICATE_PAYLOAD_MAX)
		return ERR_LIMIT;
	signed_bytes = to_sign(payload, length, &n);
	encoded = malloc(BASE64_SIZE(length));
	if (signed_bytes == NULL || encoded == NULL)
		return ERR_NOMEM;
	crypto_sign_seed_keypair(public_key, secret, sign_key_bytes(seed));
	crypto_sign_detached(sig, NULL, (const uint8_t *)signed_bytes, n,
	    secret);
	j = json_pack("{s:s, s:s, s:[{s:s, s:s}]}", "payload",
	    base64_encode(encoded, payload, length), "payloadType", TYPE,
	    "signatures", "keyid", digest_hex(&keyid, hex), "sig",
	    base64_encode(base64, sig, sizeof(sig)));
	*out = j != NULL ? json_dumps(j, JSON_COMPACT) : NULL;
	return *out != NULL ? 0 : ERR_NOMEM;
}

static int
read_payload(struct certificate *c, const json_t *text, const struct why *why)
{
	size_t length = json_string_length(text);
	json_error_t e;

	if (!json_is_string(text) ||
	    length > BASE64_SIZE(CERTIFICATE_PAYLOAD_MAX))
		return why_say(why, ERR_FORMAT, "'payload' is not base64");
	c->payload = malloc(length / 4 * 3 + 1);
	if (c->payload == NULL)
		return ERR_NOMEM;
	if (base64_decode(c->payload, length / 4 * 3, &c->length,
		json_string_value(text), length) != 0)
		return why_say(why, ERR_FORMAT, "'payload' is not base64");
	c->json = json_loadb(c->payload, c->length, JSON_REJECT_DUPLICATES, &e);
	if (!json_is_object(c->json))
		return why_say(why, ERR_FORMAT,
		    "the payload is no JSON object");
	return 0;
}

static int
read_signature(struct certificate *c, const json_t *list, const struct why *why)
{
	const json_t *one = json_array_get(list, 0);
	const char *keyid = json_string_value(json_object_get(one, "keyid"));
	const char *sig = json_string_value(json_object_get(one, "sig"));
	size_t n;

	if (json_array_size(list) != 1 || json_object_size(one) != 2 ||
	    keyid == NULL || sig == NULL ||
	    digest_parse(&c->keyid, keyid) != 0 ||
	    base64_decode(c->sig, sizeof(c->sig), &n, sig, strlen(sig)) != 0 ||
	    n != sizeof(c->sig))
		return why_say(why, ERR_FORMAT,
		    "'signatures' is not one signature by the log's key");
	return 0;
}

static int
read_proof(struct certificate *c, const json_t *j, const struct why *why)
{
	const json_t *proof = json_object_get(j, "proof");
	size_t keys = json_object_size(j);

	if (keys != KEYS - (proof == NULL))
		return why_say(why, ERR_FORMAT, "it has unknown fields");
	if (proof == NULL)
		return 0;
	if (!json_is_string(proof))
		return why_say(why, ERR_FORMAT, "'proof' is no text");
	c->proof = strdup(json_string_value(proof));
	return c->proof != NULL ? 0 : ERR_NOMEM;
}

int
certificate_parse(struct certificate **out, const void *bytes, size_t n,
    char why_text[static CERTIFICATE_WHY])
{
	const struct why why = { why_text, CERTIFICATE_WHY };
	OWNED(certificate) c = calloc(1, sizeof(*c));
	json_auto_t *j = NULL;
	const char *type;
	json_error_t e;
	int err;

	*why_text = '\0';
	if (c == NULL)
		return ERR_NOMEM;
	if (n > CERTIFICATE_MAX)
		return why_say(&why, ERR_LIMIT, "it has more than %u bytes",
		    CERTIFICATE_MAX);
	j = json_loadb(bytes, n, JSON_REJECT_DUPLICATES, &e);
	type = json_string_value(json_object_get(j, "payloadType"));
	if (type == NULL || strcmp(type, TYPE) != 0)
		return why_say(&why, ERR_FORMAT,
		    "it is no deletion certificate of weir's");
	err = read_payload(c, json_object_get(j, "payload"), &why);
	if (err == 0)
		err = read_signature(c, json_object_get(j, "signatures"), &why);
	if (err == 0)
		err = read_proof(c, j, &why);
	if (err != 0)
		return err;
	*out = c;
	c = NULL;
	return 0;
}

static int
check_signature(const struct certificate *c, const struct note_key *log,
    const struct why *why)
{
	struct digest keyid = keyid_of(log);
	OWNED_MEM(char) bytes = NULL;
	size_t n;

	bytes = to_sign(c->payload, c->length, &n);
	if (bytes == NULL)
		return ERR_NOMEM;
	if (!digest_equal(&keyid, &c->keyid))
		return why_say(why, ERR_INTEGRITY,
		    "it is signed by another key than this log's");
	if (crypto_sign_verify_detached(c->sig, (const uint8_t *)bytes, n,
		log->public_key) != 0)
		return why_say(why, ERR_INTEGRITY,
		    "its signature is not the log's over what it says");
	return 0;
}

static bool
same(const struct entry_view *v, const struct certificate *c, const char *key)
{
	const char *in_entry = entry_view_text(v, key);
	const char *said = json_string_value(json_object_get(c->json, key));

	return in_entry != NULL && said != NULL && strcmp(in_entry, said) == 0;
}

/* The entry ends this shred, and names this payload. */
static int
check_entry(const struct certificate *c, const struct proof_entry *e,
    const struct why *why)
{
	struct digest named, digest = certificate_digest(c);
	struct entry_view v;
	const char *stage;
	bool ok;

	if (entry_parse(&v, e->bytes, e->length) != 0)
		return why_say(why, ERR_INTEGRITY,
		    "the entry that it shows is not well-formed");
	stage = entry_view_text(&v, "stage");
	ok = v.kind == ENTRY_SHRED && stage != NULL &&
	    strcmp(stage, "end") == 0 && same(&v, c, "model") &&
	    same(&v, c, "version") &&
	    entry_view_digest(&v, "certificate", &named) == 0 &&
	    digest_equal(&named, &digest);
	entry_view_clear(&v);
	return ok ? 0 :
		    why_say(why, ERR_INTEGRITY,
			"the entry that it shows is of something else");
}

int
certificate_verify(const struct certificate *c, const struct note_key *log,
    struct certificate_verdict *out, char why_text[static CERTIFICATE_WHY])
{
	const struct why why = { why_text, CERTIFICATE_WHY };
	struct proof_verdict verdict;
	char proof_why[PROOF_WHY] = "";
	OWNED(proof) p = NULL;
	int err = check_signature(c, log, &why);

	if (err != 0)
		return err;
	if (c->proof == NULL)
		return why_say(&why, ERR_NOT_FOUND,
		    "it has no proof that the trail has its entry");
	err = proof_parse(&p, c->proof, strlen(c->proof), proof_why);
	if (err == 0)
		err = proof_verify(p, log, &verdict, proof_why);
	if (err == ERR_NOMEM)
		return err;
	if (err != 0)
		return why_say(&why, ERR_INTEGRITY, "its proof: %s", proof_why);
	if (p->question.about != QUESTION_ENTRY || p->count != 1)
		return why_say(&why, ERR_INTEGRITY,
		    "its proof is of something else");
	err = check_entry(c, &p->entries[0], &why);
	if (err != 0)
		return err;
	*out = (struct certificate_verdict){ p->entries[0].index,
		verdict.checkpoint };
	return 0;
}
