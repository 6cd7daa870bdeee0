/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/people.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vault/base64.h"

/* 2026-01-31T09:30:00.000Z */
#define NOW INT64_C(1769851800000)
#define DAY INT64_C(86400000)

/* A trail's key: the vector of tests/unit/test_note.c. */
#define LOG                                                                    \
	"weir.example/audit+c5eef1ba+"                                         \
	"AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"

static void
must(int err, const char *what)
{
	if (err == 0)
		return;
	fprintf(stderr, "people: %s: error %d\n", what, err);
	abort();
}

void
people_seed(unsigned int i, uint8_t seed[static 32])
{
	struct digest d;
	char text[32];

	snprintf(text, sizeof(text), "person %u", i);
	d = digest_of(text, strlen(text));
	memcpy(seed, d.bytes, sizeof(d.bytes));
}

static void
key_pair(unsigned int i, struct statement_key *k, uint8_t secret[static 64])
{
	uint8_t seed[32];

	must(sodium_init() < 0 ? -1 : 0, "sodium_init");
	people_seed(i, seed);
	crypto_sign_seed_keypair(k->bytes, secret, seed);
}

struct statement_key
people_key(unsigned int i)
{
	struct statement_key k;
	uint8_t secret[64];

	key_pair(i, &k, secret);
	return k;
}

struct statement_signature
people_signature_of(unsigned int i, const void *bytes, size_t n)
{
	struct statement_signature sig;
	struct statement_key k;
	uint8_t secret[64];

	key_pair(i, &k, secret);
	sig.keyid = statement_key_id(&k);
	crypto_sign_detached(sig.bytes, NULL, bytes, n, secret);
	return sig;
}

struct statement_signature
people_signature(unsigned int i, const struct statement *s)
{
	OWNED_MEM(uint8_t) bytes = NULL;
	size_t n;

	must(statement_to_sign(s, &bytes, &n), "statement_to_sign");
	return people_signature_of(i, bytes, n);
}

/* Fill in S for the R in sig, which is r's (NULL: the identity, r is 0):
 * S = r + h a (RFC 8032, section 5.1.6). */
static void
finish(struct statement_signature *sig, unsigned int i,
    const struct statement *s, const uint8_t *r)
{
	OWNED_MEM(uint8_t) bytes = NULL;
	uint8_t secret[64], seed[32], hash[64], h[32], a[32];
	crypto_hash_sha512_state sum;
	struct statement_key k;
	size_t n;

	key_pair(i, &k, secret);
	people_seed(i, seed);
	must(statement_to_sign(s, &bytes, &n), "statement_to_sign");
	sig->keyid = statement_key_id(&k);

	crypto_hash_sha512(hash, seed, sizeof(seed));
	hash[0] &= 248;
	hash[31] = (uint8_t)((hash[31] & 63) | 64);
	memset(hash + 32, 0, 32);
	crypto_core_ed25519_scalar_reduce(a, hash);

	crypto_hash_sha512_init(&sum);
	crypto_hash_sha512_update(&sum, sig->bytes, 32);
	crypto_hash_sha512_update(&sum, k.bytes, 32);
	crypto_hash_sha512_update(&sum, bytes, n);
	crypto_hash_sha512_final(&sum, hash);
	crypto_core_ed25519_scalar_reduce(h, hash);
	crypto_core_ed25519_scalar_mul(sig->bytes + 32, h, a);
	if (r != NULL)
		crypto_core_ed25519_scalar_add(sig->bytes + 32, sig->bytes + 32,
		    r);
}

struct statement_signature
people_signature_again(unsigned int i, const struct statement *s,
    unsigned int nonce)
{
	struct statement_signature sig = { 0 };
	uint8_t hash[64], r[32];

	crypto_hash_sha512(hash, (const uint8_t *)&nonce, sizeof(nonce));
	crypto_core_ed25519_scalar_reduce(r, hash);
	must(crypto_scalarmult_ed25519_base_noclamp(sig.bytes, r), "R");
	finish(&sig, i, s, r);
	return sig;
}

struct statement_signature
people_small_order(unsigned int i, const struct statement *s)
{
	struct statement_signature sig = { .bytes = { 1 } };

	finish(&sig, i, s, NULL);
	return sig;
}

/* Little-endian: 2^252 + 27742317777372353535851937790883648493. */
static const uint8_t order[32] = { 0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12,
	0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, [31] = 0x10 };

struct statement_signature
people_other_s(const struct statement_signature *sig)
{
	struct statement_signature other = *sig;
	unsigned int carry = 0;

	for (size_t i = 0; i < 32; i++) {
		carry += sig->bytes[32 + i] + (unsigned int)order[i];
		other.bytes[32 + i] = (uint8_t)carry;
		carry >>= 8;
	}
	return other;
}

void
people_sign(unsigned int i, struct statement *s)
{
	struct statement_signature sig = people_signature(i, s);

	must(statement_add(s, &sig), "statement_add");
}

struct statement_fields
people_fields(enum statement_about about)
{
	struct statement_fields f = {
		.about = about,
		.vault = PEOPLE_VAULT,
		.root = digest_of("root", 4),
		.time_ms = NOW,
		.model = "llama/base",
		.version = digest_of("version", 7),
		.put_by = "user:alice",
	};

	if (about == STATEMENT_VERSION) {
		f.files = 7;
		f.bytes = 500000000000;
		f.weights = 499999000000;
	} else if (about == STATEMENT_PROMOTION) {
		f.channel = "prod";
		f.act = STATEMENT_PROMOTE;
		f.serial = 3;
		f.has_previous = true;
		f.previous = digest_of("before", 6);
		f.expires_ms = NOW + 90 * DAY;
		f.reason = "evaluation passed";
	} else {
		f.reason = "poisoned";
	}
	return f;
}

struct statement *
people_statement(const struct statement_fields *f)
{
	char why[STATEMENT_WHY] = "";
	struct statement *s;
	int err = statement_new(&s, f, NULL, why);

	must(err, why);
	return s;
}

static void
add_role(char **text, const char *name, const char *keys,
    unsigned int threshold)
{
	OWNED_MEM(char) old = *text;

	must(asprintf(text, "%s\"%s\":{\"keys\":[%s],\"threshold\":%u}", old,
		 name, keys, threshold) < 0,
	    "asprintf");
}

static void
add(char **text, const char *more)
{
	OWNED_MEM(char) old = *text;

	must(asprintf(text, "%s%s", old, more) < 0, "asprintf");
}

char *
people_policy(unsigned int count, unsigned int threshold)
{
	char *text = NULL;
	OWNED_MEM(char) names = strdup("");

	must(asprintf(&text, "{\"log\":\"" LOG "\",\"keys\":[") < 0,
	    "asprintf");
	for (unsigned int i = 0; i < count; i++) {
		char key[STATEMENT_KEY_TEXT], item[300], name[16];
		struct statement_key k = people_key(i);

		snprintf(name, sizeof(name), "p%u", i);
		snprintf(item, sizeof(item),
		    "%s{\"name\":\"%s\",\"key\":\"%s\","
		    "\"principal\":\"user:%s\"}",
		    i > 0 ? "," : "", name, statement_key_text(&k, key),
		    i > 0 ? name : "alice");
		add(&text, item);
		snprintf(item, sizeof(item), "%s\"%s\"", i > 0 ? "," : "",
		    name);
		add(&names, item);
	}
	add(&text, "],");
	add_role(&text, "root", names, threshold);
	add(&text, ",\"models\":[{\"models\":\"*\",");
	add_role(&text, "sign", names, threshold);
	add(&text, ",");
	add_role(&text, "revoke", names, threshold);
	add(&text, "}],\"channels\":[{\"models\":\"*\",\"channels\":\"*\",");
	add_role(&text, "promote", names, threshold);
	add(&text, ",");
	add_role(&text, "rollback", names, threshold);
	add(&text, ",\"days\":90,\"uploader_may_approve\":false}]}");
	return text;
}

struct statement *
people_root(const char *policy, uint64_t n, const struct statement *previous)
{
	struct statement_fields f = {
		.about = STATEMENT_TRUST,
		.vault = PEOPLE_VAULT,
		.number = n,
		.time_ms = NOW,
	};
	char why[STATEMENT_WHY] = "";
	struct statement *s;
	int err;

	f.root = previous != NULL ? statement_digest(previous) :
				    digest_of(f.vault, sizeof(f.vault));
	err = statement_new(&s, &f, policy, why);
	must(err, why);
	return s;
}

char *
people_envelope(const void *payload, size_t n,
    const struct statement_signature *signatures, size_t count)
{
	OWNED_MEM(char) base64 = malloc(BASE64_SIZE(n));
	char *text = NULL;

	must(base64 == NULL ? -1 : 0, "malloc");
	must(asprintf(&text,
		 "{\"payload\":\"%s\",\"payloadType\":"
		 "\"application/vnd.in-toto+json\",\"signatures\":[",
		 base64_encode(base64, payload, n)) < 0,
	    "asprintf");
	for (size_t i = 0; i < count; i++) {
		char hex[DIGEST_HEX_SIZE], sig[BASE64_SIZE(STATEMENT_SIG)];
		char item[300];

		snprintf(item, sizeof(item),
		    "%s{\"keyid\":\"%s\",\"sig\":\"%s\"}", i > 0 ? "," : "",
		    digest_hex(&signatures[i].keyid, hex),
		    base64_encode(sig, signatures[i].bytes, STATEMENT_SIG));
		add(&text, item);
	}
	add(&text, "]}");
	return text;
}

char *
people_edit(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);
	char *out = NULL;

	must(at == NULL ? -1 : 0, from);
	must(asprintf(&out, "%.*s%s%s", (int)(at - text), text, to,
		 at + strlen(from)) < 0,
	    "asprintf");
	return out;
}
