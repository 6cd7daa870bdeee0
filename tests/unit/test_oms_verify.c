/* SPDX-License-Identifier: Apache-2.0 */

/* model.sig as it is verified, whoever made it. */
#include "tests/lib/test.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/bundle.h"
#include "vault/base64.h"
#include "vault/err.h"

#define FILES 5

/* A bundle around any payload, truly signed by the P-256 vector's key. */
static char *
signed_bundle(const char *payload, const char *material)
{
	OWNED_MEM(char) pem = bundle_vector("p256", ".pem");
	OWNED_MEM(char) key = NULL;
	OWNED_MEM(char) body = malloc(BASE64_SIZE(strlen(payload)));
	const struct oms_private private = { .pem = pem };
	uint8_t sig[OMS_SIG_MAX];
	char why[OMS_WHY] = "", text[BASE64_SIZE(OMS_SIG_MAX)], *out;
	size_t n;

	assert_int_equal(oms_sign(&private, payload, strlen(payload), sig, &n,
			     &key, why),
	    0);
	base64_encode(body, payload, strlen(payload));
	base64_encode(text, sig, n);
	assert_true(asprintf(&out,
			"{\"mediaType\":\"application/vnd.dev.sigstore.bundle."
			"v0.3+json\",\"verificationMaterial\":%s,"
			"\"dsseEnvelope\":{\"payload\":\"%s\",\"payloadType\":"
			"\"application/vnd.in-toto+json\",\"signatures\":"
			"[{\"sig\":\"%s\"}]}}",
			material, body, text) > 0);
	return out;
}

#define NO_HINT "{\"publicKey\":{}}"

static void
the_vectors_verify(void **state)
{
	static const char *const curves[] = { "p256", "p384", "p521" };
	static const char *const names[FILES] = { "a-b", "a/b", "c\"\\d",
		"grüße, welt", "模型.bin" };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		OWNED_MEM(char) bundle = bundle_vector(curves[i], ".sig");
		OWNED_MEM(char) key = bundle_vector(curves[i], ".pub");
		OWNED(oms_doc) doc = NULL;
		const struct oms_files *files;
		struct digest root, said;
		char why[OMS_WHY];
		size_t ignored;

		assert_int_equal(bundle_verify(bundle, key, &doc, why), 0);
		files = oms_doc_files(doc);
		assert_int_equal(files->count, FILES);
		for (size_t f = 0; f < FILES; f++) {
			struct digest d = digest_of(names[f], strlen(names[f]));

			assert_string_equal(files->items[f].name, names[f]);
			assert_true(digest_equal(&files->items[f].digest, &d));
		}
		root = oms_root(files);
		said = oms_doc_root(doc);
		assert_true(digest_equal(&root, &said));
		assert_string_equal(oms_doc_name(doc), "model");
		assert_string_equal(oms_doc_ignore(doc, &ignored)[4], "cache");
		assert_int_equal(ignored, 7);
		assert_true(oms_doc_has_hint(doc));
		assert_false(oms_doc_links(doc));
	}
}

static void
every_truncation_is_refused(void **state)
{
	OWNED_MEM(char) bundle = bundle_vector("p256", ".sig");
	OWNED_MEM(char) key = bundle_vector("p256", ".pub");
	struct oms_doc *doc;
	char why[OMS_WHY];

	(void)state;
	for (size_t n = 0; n < strlen(bundle); n++) {
		OWNED_MEM(char) cut = malloc(n + 1);

		memcpy(cut, bundle, n);
		assert_int_equal(oms_verify(&doc, cut, n, key, why),
		    ERR_FORMAT);
	}
}

/* What is not signed is the hint's name and the log entries: with those gone,
 * what is vouched for is the same.  In the payload one bit of each byte does:
 * each costs a signature. */
static void
no_flipped_bit_changes_what_is_vouched_for(void **state)
{
	OWNED_MEM(char) bundle = bundle_vector("p256", ".sig");
	OWNED_MEM(char) key = bundle_vector("p256", ".pub");
	OWNED(oms_doc) sound = NULL;
	char why[OMS_WHY];
	struct digest root;
	size_t n = strlen(bundle), from, to, body, end, accepted = 0;

	(void)state;
	assert_int_equal(bundle_verify(bundle, key, &sound, why), 0);
	root = oms_doc_root(sound);
	from = (size_t)(strstr(bundle, "\"hint\"") - bundle);
	to = (size_t)(strstr(bundle, "\"dsseEnvelope\"") - bundle);
	body = (size_t)(strstr(bundle, "\"payload\":\"") - bundle) + 11;
	end = (size_t)(strstr(bundle, "\",\"payloadType\"") - bundle);
	for (size_t bit = 0; bit < 8 * n; bit++) {
		OWNED(oms_doc) doc = NULL;
		struct digest d;

		if (bit / 8 >= body && bit / 8 < end && bit % 8 != bit / 8 % 8)
			continue;
		bundle[bit / 8] ^= (char)(1U << bit % 8);
		if (oms_verify(&doc, bundle, n, key, why) == 0) {
			accepted++;
			assert_in_range(bit / 8, from, to);
			d = oms_doc_root(doc);
			assert_true(digest_equal(&d, &root));
		}
		bundle[bit / 8] ^= (char)(1U << bit % 8);
	}
	assert_in_range(accepted, 1, 200);
}

/* --- the form of a bundle --- */

struct edit {
	const char *from;
	const char *to;
	int err;
	const char *why; /* is in the reason */
};

static const struct edit bundle_edits[] = {
	{ "bundle.v0.3+json", "bundle+json;version=0.3", ERR_FORMAT,
	    "bundle: 'mediaType'" },
	{ "bundle.v0.3+json", "bundle.v0.2+json", ERR_FORMAT, "'mediaType'" },
	{ "\"mediaType\"", "\"x\":1,\"mediaType\"", ERR_FORMAT,
	    "bundle: 'x' is not known" },
	{ "\"mediaType\"", "\"mediaType\":\"\",\"mediaType\"", ERR_FORMAT,
	    "a key that was there before" },
	{ "\"dsseEnvelope\"", "\"dsseEnvelop\"", ERR_FORMAT,
	    "'dsseEnvelope' is missing" },
	{ "\"verificationMaterial\"", "\"x\"", ERR_FORMAT,
	    "'verificationMaterial' is missing" },
	{ "\"publicKey\"", "\"certificate\":{},\"publicKey\"", ERR_LIMIT,
	    "certificate" },
	{ "\"publicKey\"", "\"x509CertificateChain\"", ERR_LIMIT,
	    "certificate" },
	{ "\"publicKey\"", "\"key\"", ERR_FORMAT, "'publicKey' is missing" },
	{ "\"tlogEntries\":[]", "\"tlogEntries\":{}", ERR_FORMAT,
	    "'tlogEntries'" },
	{ "\"hint\":\"", "\"hint\":\"0", ERR_INTEGRITY, "names another key" },
	{ "\"hint\":\"", "\"hint\":1,\"x\":\"", ERR_FORMAT,
	    "publicKey: 'hint' is not text" },
	{ "vnd.in-toto+json", "vnd.in-toto", ERR_FORMAT, "'payloadType'" },
	{ "\"payloadType\"", "\"x\":1,\"payloadType\"", ERR_FORMAT,
	    "dsseEnvelope: 'x' is not known" },
	{ "\"payload\":\"", "\"payload\":\"*", ERR_FORMAT,
	    "'payload' is not base64" },
	{ "\"payload\":\"", "\"payload\":1,\"x\":\"", ERR_FORMAT, "'payload'" },
	{ "\"signatures\":[", "\"signatures\":[],\"x\":[", ERR_FORMAT,
	    "'x' is not known" },
	{ "\"signatures\":[{", "\"signatures\":[{\"sig\":\"AA==\"},{",
	    ERR_FORMAT, "'signatures' has 2 items, not one" },
	{ "\"}]}}", "\"},{\"sig\":\"AA==\"}]}}", ERR_FORMAT,
	    "'signatures' has 2 items, not one" },
	{ "\"keyid\":\"\"", "\"keyid\":1", ERR_FORMAT,
	    "signature: 'keyid' is not text" },
	{ "\"keyid\":\"\"", "\"cert\":\"\"", ERR_FORMAT,
	    "signature: 'cert' is not known" },
	{ "\"sig\":\"", "\"sig\":\"AAAA", ERR_INTEGRITY,
	    "the signature is not this key's" },
	{ "\"sig\":\"", "\"sig\":\"\",\"s\":\"", ERR_FORMAT, "'sig'" },
	{ "}}", "}} x", ERR_FORMAT, "not JSON" },
	/* What may be otherwise. */
	{ "\"keyid\":\"\"", "\"keyid\":null", 0, "" },
	{ "\"keyid\":\"\"", "\"keyid\":\"any\"", 0, "" },
	{ ",\"keyid\":\"\"", "", 0, "" },
	{ ",\"tlogEntries\":[]", "", 0, "" },
	{ "\"tlogEntries\"", "\"validFor\":{},\"tlogEntries\"", 0, "" },
	{ "{\"mediaType\"", " {\n\t\"mediaType\"", 0, "" },
};

static void
a_bundle_is_what_it_says_and_no_more(void **state)
{
	OWNED_MEM(char) bundle = bundle_vector("p256", ".sig");
	OWNED_MEM(char) key = bundle_vector("p256", ".pub");

	(void)state;
	for (size_t i = 0; i < sizeof(bundle_edits) / sizeof(*bundle_edits);
	     i++) {
		const struct edit *e = &bundle_edits[i];
		OWNED_MEM(char) other = bundle_edited(bundle, e->from, e->to);
		OWNED(oms_doc) doc = NULL;
		char why[OMS_WHY];
		int err = bundle_verify(other, key, &doc, why);

		if (err != e->err || strstr(why, e->why) == NULL)
			fail_msg("'%s': %d, %s", e->to, err, why);
	}
}

static void
no_signature_at_all_is_refused(void **state)
{
	OWNED_MEM(char) bundle = bundle_vector("p256", ".sig");
	OWNED_MEM(char) key = bundle_vector("p256", ".pub");
	static const char none[] = "\"signatures\":[]}}";
	char *at = strstr(bundle, "\"signatures\"");
	struct oms_doc *doc;
	char why[OMS_WHY];

	(void)state;
	memcpy(at, none, sizeof(none));
	assert_int_equal(bundle_verify(bundle, key, &doc, why), ERR_FORMAT);
	assert_non_null(strstr(why, "has 0 items, not one"));
}

/* --- the key --- */

static void
a_hint_is_of_the_pem_text_or_absent(void **state)
{
	OWNED_MEM(char) payload = bundle_vector("payload", ".json");
	OWNED_MEM(char) key = bundle_vector("p256", ".pub");
	OWNED_MEM(char) der_hint = NULL;
	OWNED_MEM(char) bundle = NULL;
	OWNED_MEM(char) bare = signed_bundle(payload, NO_HINT);
	OWNED_MEM(char)
	empty = signed_bundle(payload, "{\"publicKey\":{\"hint\":\"\"}}");
	OWNED(oms_doc) doc = NULL;
	OWNED(oms_doc) other = NULL;
	BIO *in = BIO_new_mem_buf(key, -1);
	EVP_PKEY *pkey = PEM_read_bio_PUBKEY(in, NULL, NULL, NULL);
	char hex[DIGEST_HEX_SIZE], why[OMS_WHY];
	uint8_t der[256], *at = der;
	struct oms_doc *none;
	struct digest d;
	int n;

	(void)state;
	n = i2d_PUBKEY(pkey, &at);
	EVP_PKEY_free(pkey);
	BIO_free(in);
	assert_true(n > 0);
	d = digest_of(der, (size_t)n);
	assert_true(asprintf(&der_hint, "{\"publicKey\":{\"hint\":\"%s\"}}",
			digest_hex(&d, hex)) > 0);
	bundle = signed_bundle(payload, der_hint);
	assert_int_equal(bundle_verify(bundle, key, &none, why), ERR_INTEGRITY);
	assert_non_null(strstr(why, hex));

	assert_int_equal(bundle_verify(bare, key, &doc, why), 0);
	assert_false(oms_doc_has_hint(doc));
	assert_int_equal(bundle_verify(empty, key, &other, why), 0);
	assert_false(oms_doc_has_hint(other));
}

static char *
raw_material(const void *bytes, size_t n, const char *more)
{
	OWNED_MEM(char) text = malloc(BASE64_SIZE(n));
	char *out;

	base64_encode(text, bytes, n);
	assert_true(asprintf(&out, "{\"publicKey\":{\"rawBytes\":\"%s\"%s}}",
			text, more) > 0);
	return out;
}

/* Bundles from before v1.1.0 hold the key instead of its hint. */
static void
a_bundle_may_hold_the_key_itself(void **state)
{
	OWNED_MEM(char) payload = bundle_vector("payload", ".json");
	OWNED_MEM(char) key = bundle_vector("p256", ".pub");
	OWNED_MEM(char) another = bundle_vector("p384", ".pub");
	const char *const raw[] = { key, another, "-----BEGIN PUBLIC KEY-----",
		"x" };
	const int wanted[] = { 0, ERR_INTEGRITY, ERR_FORMAT, ERR_FORMAT };

	(void)state;
	for (size_t i = 0; i < sizeof(raw) / sizeof(raw[0]); i++) {
		OWNED_MEM(char)
		material = raw_material(raw[i], strlen(raw[i]),
		    ",\"keyDetails\":\"PKIX_ECDSA_P256_SHA_256\"");
		OWNED_MEM(char) bundle = signed_bundle(payload, material);
		OWNED(oms_doc) doc = NULL;
		char why[OMS_WHY];

		assert_int_equal(bundle_verify(bundle, key, &doc, why),
		    wanted[i]);
		assert_true(doc == NULL || oms_doc_has_hint(doc));
	}
}

static void
another_key_or_none_is_refused(void **state)
{
	OWNED_MEM(char) payload = bundle_vector("payload", ".json");
	OWNED_MEM(char) bundle = signed_bundle(payload, NO_HINT);
	OWNED_MEM(char) hinted = bundle_vector("p256", ".sig");
	OWNED_MEM(char) private = bundle_vector("p256", ".pem");
	OWNED_MEM(char) another = bundle_vector("p384", ".pub");
	struct oms_doc *doc;
	char why[OMS_WHY];

	(void)state;
	assert_int_equal(bundle_verify(bundle, another, &doc, why),
	    ERR_INTEGRITY);
	assert_non_null(strstr(why, "signature"));
	assert_int_equal(bundle_verify(hinted, another, &doc, why),
	    ERR_INTEGRITY);
	assert_non_null(strstr(why, "names another key"));
	assert_int_equal(bundle_verify(bundle, private, &doc, why), ERR_USAGE);
	assert_int_equal(bundle_verify(bundle, "", &doc, why), ERR_USAGE);
	assert_non_null(strstr(why, "PEM public key"));
}

static void
base64_may_be_of_the_url_safe_kind(void **state)
{
	OWNED_MEM(char) payload = bundle_vector("payload", ".json");
	OWNED_MEM(char)
	other = bundle_edited(payload, "\"model\"", "\"?>?>~~?>?>~\"");
	OWNED_MEM(char) bundle = signed_bundle(other, NO_HINT);
	OWNED_MEM(char) key = bundle_vector("p256", ".pub");
	OWNED(oms_doc) doc = NULL;
	OWNED(oms_doc) bare = NULL;
	struct oms_doc *none;
	char why[OMS_WHY], *end, *at = strstr(bundle, "\"payload\":\"") + 11;
	size_t n = 0;

	(void)state;
	assert_non_null(strpbrk(at, "+/"));
	for (end = at; *end != '"'; end++) {
		n += *end == '+' || *end == '/';
		*end = *end == '+' ? '-' : *end == '/' ? '_' : *end;
	}
	assert_true(n > 0);
	assert_int_equal(bundle_verify(bundle, key, &doc, why), 0);
	/* Without padding, too. */
	assert_true(end[-1] == '=');
	while (end[-1] == '=') {
		memmove(end - 1, end, strlen(end) + 1);
		end--;
	}
	assert_int_equal(bundle_verify(bundle, key, &bare, why), 0);
	/* But not both kinds in one. */
	*strpbrk(at, "-_") = '+';
	assert_int_equal(bundle_verify(bundle, key, &none, why), ERR_FORMAT);
}

/* --- the statement --- */

#define ANY_DIGEST                                                             \
	"0000000000000000000000000000000000000000000000000000000000000000"
static const struct edit payload_edits[] = {
	{ "in-toto.io/Statement/v1", "in-toto.io/Statement/v0.1", ERR_FORMAT,
	    "payload: '_type'" },
	{ "signature/v1.0", "signature/v1.1", ERR_FORMAT, "'predicateType'" },
	{ "model_signing/signature/v1.0", "model_signing/Digests/v0.1",
	    ERR_FORMAT, "'predicateType'" },
	{ "\"_type\"", "\"x\":1,\"_type\"", ERR_FORMAT,
	    "payload: 'x' is not known" },
	{ "\"_type\"", "\"_type\":1,\"_type\"", ERR_FORMAT,
	    "payload: a key that was there before" },
	{ "\"subject\":[", "\"subject\":[],\"s\":[", ERR_FORMAT,
	    "'s' is not known" },
	{ "\"subject\":[{", "\"subject\":[{\"name\":\"a\"},{", ERR_FORMAT,
	    "'subject' has 2 items, not one" },
	{ "\"name\":\"model\"", "\"name\":\"\"", ERR_FORMAT,
	    "subject: 'name' is no text" },
	{ "{\"sha256\":", "{\"sha512\":", ERR_FORMAT, "'sha256' is missing" },
	{ "{\"sha256\":\"", "{\"sha256\":\"" ANY_DIGEST "\",\"x\":\"",
	    ERR_INTEGRITY, "root digest" },
	{ "\"resources\"", "\"x\":1,\"resources\"", ERR_FORMAT,
	    "predicate: 'x' is not known" },
	{ "\"resources\":[", "\"resources\":[],\"x\":[", ERR_FORMAT,
	    "predicate: 'x'" },
	{ "\"serialization\":{", "\"serialization\":{\"x\":1,", ERR_FORMAT,
	    "serialization: 'x' is not known" },
	{ "\"method\":\"files\"", "\"method\":\"shards\",\"shard_size\":1",
	    ERR_LIMIT, "'method' is not 'files'" },
	{ "\"method\":\"files\"", "\"method\":\"files\",\"shard_size\":1",
	    ERR_FORMAT, "'shard_size' is not known" },
	{ "\"hash_type\":\"sha256\"", "\"hash_type\":\"blake3\"", ERR_LIMIT,
	    "'hash_type' is not 'sha256'" },
	{ "\"allow_symlinks\":false", "\"allow_symlinks\":0", ERR_FORMAT,
	    "'allow_symlinks'" },
	{ "\"allow_symlinks\":false,", "", ERR_FORMAT,
	    "'allow_symlinks' is missing" },
	{ "\"ignore_paths\":[", "\"ignore_paths\":[\"\",", ERR_FORMAT,
	    "'ignore_paths'" },
	{ "\"ignore_paths\":[", "\"ignore_paths\":[1,", ERR_FORMAT,
	    "'ignore_paths'" },
	/* The first resource is a-b. */
	{ "\"a-b\"", "\"../b\"", ERR_FORMAT, "'../b', not a plain path" },
	{ "\"a-b\"", "\"a/../b\"", ERR_FORMAT, "not a plain path" },
	{ "\"a-b\"", "\"/a\"", ERR_FORMAT, "not a plain path" },
	{ "\"a-b\"", "\"a//b\"", ERR_FORMAT, "not a plain path" },
	{ "\"a-b\"", "\"a/\"", ERR_FORMAT, "not a plain path" },
	{ "\"a-b\"", "\".\"", ERR_FORMAT, "not a plain path" },
	{ "\"a-b\"", "\"\"", ERR_FORMAT, "not a plain path" },
	{ "\"a-b\"", "\"a\\nb\"", ERR_FORMAT, "not a plain path" },
	{ "\"a-b\"", "1", ERR_FORMAT, "not text" },
	{ "\"a-b\"", "\"a/b\"", ERR_FORMAT, "'a/b' is there twice" },
	{ "{\"name\":\"a-b\",", "{", ERR_FORMAT, "'name' is missing" },
	{ "\"algorithm\":\"sha256\"", "\"algorithm\":\"blake3\"", ERR_FORMAT,
	    "resource: 'algorithm'" },
	{ ",\"algorithm\":\"sha256\"", "", ERR_FORMAT,
	    "'algorithm' is missing" },
	{ "d44362d6", "D44362d6", ERR_FORMAT, "'digest' is not 64" },
	{ "d44362d6", "d44362d7", ERR_INTEGRITY, "root digest" },
	{ "}}}", "}}}{", ERR_FORMAT, "not JSON" },
	/* What may be otherwise. */
	{ "\"name\":\"model\"", "\"uri\":1,\"name\":\"any model\"", 0, "" },
	{ "{\"sha256\":", "{\"sha1\":\"\",\"sha256\":", 0, "" },
	{ "{\"name\":\"a-b\"", "{\"media_type\":\"x\",\"name\":\"a-b\"", 0,
	    "" },
	{ "\"ignore_paths\":[", "\"ignore_paths\":[\"/abs\",\"../up\",", 0,
	    "" },
	{ "\"allow_symlinks\":false", "\"allow_symlinks\":true", 0, "" },
};

static void
a_statement_is_what_it_says_and_no_more(void **state)
{
	OWNED_MEM(char) payload = bundle_vector("payload", ".json");
	OWNED_MEM(char) key = bundle_vector("p256", ".pub");

	(void)state;
	for (size_t i = 0; i < sizeof(payload_edits) / sizeof(*payload_edits);
	     i++) {
		const struct edit *e = &payload_edits[i];
		OWNED_MEM(char) other = bundle_edited(payload, e->from, e->to);
		OWNED_MEM(char) bundle = signed_bundle(other, NO_HINT);
		OWNED(oms_doc) doc = NULL;
		char why[OMS_WHY];
		int err = bundle_verify(bundle, key, &doc, why);

		if (err != e->err || strstr(why, e->why) == NULL)
			fail_msg("'%s': %d, %s", e->to, err, why);
	}
}

/* A statement over these resources, with the root as it should be. */
static char *
statement_of(const struct oms_resource *items, size_t n)
{
	const struct oms_files files = {
		(struct oms_resource *)(uintptr_t)items, n
	};
	struct digest root = oms_root(&files);
	char hex[DIGEST_HEX_SIZE], *list = strdup(""), *out;

	for (size_t i = 0; i < n; i++) {
		char *more;

		assert_true(asprintf(&more,
				"%s%s{\"name\":\"%s\",\"digest\":\"%s\","
				"\"algorithm\":\"sha256\"}",
				list, i > 0 ? "," : "", items[i].name,
				digest_hex(&items[i].digest, hex)) > 0);
		free(list);
		list = more;
	}
	assert_true(asprintf(&out,
			"{\"_type\":\"https://in-toto.io/Statement/v1\","
			"\"subject\":[{\"name\":\"m\",\"digest\":{\"sha256\":"
			"\"%s\"}}],\"predicateType\":\"https://model_signing/"
			"signature/v1.0\",\"predicate\":{\"resources\":[%s],"
			"\"serialization\":{\"method\":\"files\",\"hash_type\":"
			"\"sha256\",\"allow_symlinks\":false}}}",
			digest_hex(&root, hex), list) > 0);
	free(list);
	return out;
}

static void
resources_may_be_in_another_order(void **state)
{
	const struct oms_resource items[] = { { "b", digest_of("b", 1) },
		{ "a/x", digest_of("x", 1) }, { "a", digest_of("a", 1) } };
	OWNED_MEM(char) payload = statement_of(items, 3);
	OWNED_MEM(char) bundle = signed_bundle(payload, NO_HINT);
	OWNED_MEM(char) key = bundle_vector("p256", ".pub");
	OWNED(oms_doc) doc = NULL;
	const struct oms_files *files;
	char why[OMS_WHY];

	(void)state;
	assert_int_equal(bundle_verify(bundle, key, &doc, why), 0);
	files = oms_doc_files(doc);
	assert_string_equal(files->items[0].name, "a");
	assert_string_equal(files->items[1].name, "a/x");
	assert_true(digest_equal(&files->items[2].digest, &items[0].digest));
	assert_true(oms_files_find(files, "a/x") == &files->items[1]);
	assert_null(oms_files_find(files, "c"));
}

static void
there_is_at_least_one_resource_and_one_may_be_the_model(void **state)
{
	const struct oms_resource self = { ".", digest_of("a", 1) };
	OWNED_MEM(char) none = statement_of(&self, 0);
	OWNED_MEM(char) one = statement_of(&self, 1);
	OWNED_MEM(char) empty = signed_bundle(none, NO_HINT);
	OWNED_MEM(char) single = signed_bundle(one, NO_HINT);
	OWNED_MEM(char) key = bundle_vector("p256", ".pub");
	OWNED(oms_doc) doc = NULL;
	struct oms_doc *no;
	char why[OMS_WHY];

	(void)state;
	assert_int_equal(bundle_verify(empty, key, &no, why), ERR_FORMAT);
	assert_non_null(strstr(why, "'resources' is empty"));
	assert_int_equal(bundle_verify(single, key, &doc, why), 0);
	assert_string_equal(oms_doc_files(doc)->items[0].name, ".");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_vectors_verify),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(no_flipped_bit_changes_what_is_vouched_for),
		cmocka_unit_test(a_bundle_is_what_it_says_and_no_more),
		cmocka_unit_test(no_signature_at_all_is_refused),
		cmocka_unit_test(a_hint_is_of_the_pem_text_or_absent),
		cmocka_unit_test(a_bundle_may_hold_the_key_itself),
		cmocka_unit_test(another_key_or_none_is_refused),
		cmocka_unit_test(base64_may_be_of_the_url_safe_kind),
		cmocka_unit_test(a_statement_is_what_it_says_and_no_more),
		cmocka_unit_test(resources_may_be_in_another_order),
		cmocka_unit_test(
		    there_is_at_least_one_resource_and_one_may_be_the_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
