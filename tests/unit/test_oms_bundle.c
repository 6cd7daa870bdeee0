/* SPDX-License-Identifier: Apache-2.0 */

/* model.sig as it is made (FORMAT.md, "model.sig"), by keys that are in
 * tests/vectors. */
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/bundle.h"
#include "vault/base64.h"
#include "vault/err.h"

#define FILES 5
#define PASSPHRASE "correct horse battery staple"

static const char *const curves[] = { "p256", "p384", "p521" };
static const char *const ignored[] = { "z", "cache", "cache" };

/* The files of the vectors: the digest of each is that of its name. */
static struct oms_files
vector_files(struct oms_resource items[static FILES])
{
	static const char *const names[FILES] = { "a-b", "a/b", "c\"\\d",
		"grüße, welt", "模型.bin" };

	for (size_t i = 0; i < FILES; i++)
		items[i] = (struct oms_resource){ names[i],
			digest_of(names[i], strlen(names[i])) };
	return (struct oms_files){ items, FILES };
}

static struct oms_parts
vector_parts(void)
{
	return (struct oms_parts){ .name = "model",
		.ignore = ignored,
		.ignore_count = 3 };
}

/* The signature in a vector's bundle. */
static size_t
vector_sig(const char *bundle, uint8_t sig[static OMS_SIG_MAX])
{
	const char *at = strstr(bundle, "\"sig\":\"");
	size_t n;

	assert_non_null(at);
	at += strlen("\"sig\":\"");
	assert_int_equal(base64_decode(sig, OMS_SIG_MAX, &n, at,
			     strcspn(at, "\"")),
	    0);
	return n;
}

static void
the_payload_is_the_one_that_others_made(void **state)
{
	struct oms_resource items[FILES];
	const struct oms_files files = vector_files(items);
	const struct oms_parts parts = vector_parts();
	OWNED_MEM(char) wanted = bundle_vector("payload", ".json");
	OWNED_MEM(char) payload = NULL;
	char why[OMS_WHY] = "";
	size_t n;

	(void)state;
	assert_int_equal(oms_payload(&payload, &n, &files, &parts, why), 0);
	assert_int_equal(n, strlen(wanted));
	assert_string_equal(payload, wanted);
}

static void
the_bundle_is_the_one_that_openssl_signed(void **state)
{
	struct oms_resource items[FILES];
	const struct oms_files files = vector_files(items);
	struct oms_parts parts = vector_parts();

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		OWNED_MEM(char) wanted = bundle_vector(curves[i], ".sig");
		OWNED_MEM(char) key = bundle_vector(curves[i], ".pub");
		OWNED_MEM(char) bundle = NULL;
		uint8_t sig[OMS_SIG_MAX];
		char why[OMS_WHY] = "";
		size_t n;

		parts.key = key;
		parts.sig = sig;
		parts.sig_length = vector_sig(wanted, sig);
		assert_int_equal(oms_check(&files, &parts, why), 0);
		assert_int_equal(oms_bundle(&bundle, &n, &files, &parts, why),
		    0);
		assert_int_equal(n, strlen(wanted));
		assert_string_equal(bundle, wanted);
	}
}

/* Signed here, and so different each time. */
static struct oms_private
private_of(const char *pem)
{
	return (struct oms_private){ .pem = pem };
}

static void
what_is_signed_here_verifies(void **state)
{
	struct oms_resource items[FILES];
	const struct oms_files files = vector_files(items);
	struct oms_parts parts = vector_parts();

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		OWNED_MEM(char) pem = bundle_vector(curves[i], ".pem");
		OWNED_MEM(char) wanted = bundle_vector(curves[i], ".pub");
		OWNED_MEM(char) payload = NULL;
		OWNED_MEM(char) bundle = NULL;
		OWNED_MEM(char) key = NULL;
		OWNED(oms_doc) doc = NULL;
		const struct oms_private private = private_of(pem);
		uint8_t sig[OMS_SIG_MAX];
		char why[OMS_WHY] = "";
		size_t n, length;

		assert_int_equal(oms_payload(&payload, &n, &files, &parts, why),
		    0);
		assert_int_equal(oms_sign(&private, payload, n, sig, &length,
				     &key, why),
		    0);
		assert_string_equal(key, wanted);
		parts.key = key;
		parts.sig = sig;
		parts.sig_length = length;
		assert_int_equal(oms_check(&files, &parts, why), 0);
		assert_int_equal(oms_bundle(&bundle, &n, &files, &parts, why),
		    0);
		assert_int_equal(oms_verify(&doc, bundle, n, key, why), 0);
		assert_int_equal(oms_doc_files(doc)->count, FILES);
	}
}

static void
a_check_finds_what_is_another_s(void **state)
{
	struct oms_resource items[FILES];
	const struct oms_files files = vector_files(items);
	OWNED_MEM(char) bundle = bundle_vector("p256", ".sig");
	OWNED_MEM(char) key = bundle_vector("p256", ".pub");
	OWNED_MEM(char) other = bundle_vector("p384", ".pub");
	struct oms_parts good = vector_parts(), parts;
	uint8_t sig[OMS_SIG_MAX];
	char why[OMS_WHY] = "", padded[OMS_KEY_TEXT_MAX];

	(void)state;
	good.key = key;
	good.sig = sig;
	good.sig_length = vector_sig(bundle, sig);
	assert_int_equal(oms_check(&files, &good, why), 0);
	parts = good;
	parts.name = "other";
	assert_int_equal(oms_check(&files, &parts, why), ERR_INTEGRITY);
	parts = good;
	parts.ignore_count = 1;
	assert_int_equal(oms_check(&files, &parts, why), ERR_INTEGRITY);
	parts = good;
	parts.key = other;
	assert_int_equal(oms_check(&files, &parts, why), ERR_INTEGRITY);
	parts = good;
	parts.sig_length--;
	assert_int_equal(oms_check(&files, &parts, why), ERR_INTEGRITY);
	/* The same key, with something before it. */
	snprintf(padded, sizeof(padded), "\n%s", key);
	parts = good;
	parts.key = padded;
	assert_int_equal(oms_check(&files, &parts, why), ERR_USAGE);
	assert_non_null(strstr(why, "as OpenSSL writes it"));
	parts.key = "";
	assert_int_equal(oms_check(&files, &parts, why), ERR_USAGE);
	items[2].digest.bytes[31] ^= 1;
	assert_int_equal(oms_check(&files, &good, why), ERR_INTEGRITY);
}

static void
a_payload_needs_files_a_name_and_plain_paths(void **state)
{
	static const char *const bad[] = { "", "/a", "a/", "./a", "a/../b",
		"..", "*.bin", "a?", "a[0]", "a\nb", "\xff" };
	struct oms_resource items[FILES];
	const struct oms_files files = vector_files(items);
	const struct oms_files none = { 0 };
	const char *many[OMS_IGNORE_MAX + 1];
	char name[OMS_NAME_MAX + 2] = "", why[OMS_WHY] = "";
	struct oms_parts parts = vector_parts();
	char *out;
	size_t n;

	(void)state;
	assert_int_equal(oms_payload(&out, &n, &none, &parts, why), ERR_USAGE);
	memset(name, 'n', OMS_NAME_MAX);
	parts.name = name;
	assert_int_equal(oms_payload(&out, &n, &files, &parts, why), 0);
	free(out);
	name[OMS_NAME_MAX] = 'n';
	assert_int_equal(oms_payload(&out, &n, &files, &parts, why), ERR_USAGE);
	parts.name = "";
	assert_int_equal(oms_payload(&out, &n, &files, &parts, why), ERR_USAGE);
	parts = vector_parts();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		parts.ignore = &bad[i];
		parts.ignore_count = 1;
		assert_int_equal(oms_payload(&out, &n, &files, &parts, why),
		    ERR_USAGE);
		assert_non_null(strstr(why, "cannot be ignored"));
	}
	for (size_t i = 0; i < OMS_IGNORE_MAX + 1; i++)
		many[i] = "a";
	parts.ignore = many;
	parts.ignore_count = OMS_IGNORE_MAX;
	assert_int_equal(oms_payload(&out, &n, &files, &parts, why), 0);
	free(out);
	parts.ignore_count++;
	assert_int_equal(oms_payload(&out, &n, &files, &parts, why), ERR_USAGE);
}

static void
an_encrypted_key_takes_its_passphrase(void **state)
{
	OWNED_MEM(char) pem = bundle_vector("p256", "-encrypted.pem");
	OWNED_MEM(char) key = NULL;
	struct oms_private private = private_of(pem);
	uint8_t sig[OMS_SIG_MAX];
	char why[OMS_WHY] = "";
	size_t n;

	(void)state;
	assert_int_equal(oms_sign(&private, "x", 1, sig, &n, &key, why),
	    ERR_SECRET);
	assert_string_equal(why, "it is encrypted");
	private.passphrase = PASSPHRASE;
	private.passphrase_length = strlen(PASSPHRASE) - 1;
	assert_int_equal(oms_sign(&private, "x", 1, sig, &n, &key, why),
	    ERR_SECRET);
	assert_string_equal(why, "the passphrase is wrong");
	private.passphrase_length++;
	assert_int_equal(oms_sign(&private, "x", 1, sig, &n, &key, why), 0);
}

/* Each is whole, and of a kind that OMS does not know. */
static void
other_keys_are_refused(void **state)
{
	static const char *const others[] = { "ed25519", "secp256k1", "p224",
		"rsa", "explicit" };
	uint8_t sig[OMS_SIG_MAX];
	OWNED_MEM(char) public = bundle_vector("p256", ".pub");
	struct oms_private private = private_of(public);
	char why[OMS_WHY] = "", *key;
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		OWNED_MEM(char) pem = bundle_vector("other-", others[i]);
		const struct oms_private other = private_of(pem);

		assert_int_equal(oms_sign(&other, "x", 1, sig, &n, &key, why),
		    ERR_FORMAT);
		assert_string_equal(why,
		    "not an ECDSA key on P-256, P-384 or P-521");
	}
	assert_int_equal(oms_sign(&private, "x", 1, sig, &n, &key, why),
	    ERR_FORMAT);
	private.pem = "";
	assert_int_equal(oms_sign(&private, "x", 1, sig, &n, &key, why),
	    ERR_FORMAT);
}

/* --- what was recorded --- */

static char *
record_of(const char *key, const char *sig, const char *ignore)
{
	char *text, lines[2 * OMS_KEY_TEXT_MAX];
	size_t n = 0;

	for (const char *c = key; *c != '\0'; c++) {
		if (*c == '\n')
			lines[n++] = '\\';
		lines[n++] = *c == '\n' ? 'n' : *c;
	}
	lines[n] = '\0';
	assert_true(asprintf(&text,
			"{\"name\":\"model\",\"ignore\":%s,\"key\":\"%s\","
			"\"sig\":\"%s\"}",
			ignore, lines, sig) > 0);
	return text;
}

static void
a_record_gives_the_bundle_back(void **state)
{
	struct oms_resource items[FILES];
	struct manifest_file files[FILES] = { 0 };
	const struct manifest m = { .file_count = FILES, .files = files };
	OWNED_MEM(char) wanted = bundle_vector("p256", ".sig");
	OWNED_MEM(char) key = bundle_vector("p256", ".pub");
	OWNED_MEM(char) record = NULL;
	OWNED_MEM(char) other = NULL;
	OWNED_MEM(char) bundle = NULL;
	char why[OMS_WHY] = "", sig[BASE64_SIZE(OMS_SIG_MAX)];
	uint8_t bytes[OMS_SIG_MAX];
	size_t n;

	(void)state;
	vector_files(items);
	for (size_t i = 0; i < FILES; i++)
		files[i] = (struct manifest_file){ .kind = MANIFEST_FILE,
			.path = (char *)(uintptr_t)items[i].name,
			.digest = items[i].digest };
	base64_encode(sig, bytes, vector_sig(wanted, bytes));
	record = record_of(key, sig, "[\"z\",\"cache\"]");
	assert_int_equal(oms_recorded(&bundle, &n, &m, record, why), 0);
	assert_string_equal(bundle, wanted);
	other = record_of(key, sig, "[\"z\"]");
	assert_int_equal(oms_recorded(&wanted, &n, &m, other, why),
	    ERR_INTEGRITY);
	/* No prefix of it is a record. */
	for (size_t i = 0; i < strlen(record); i++) {
		OWNED_MEM(char) cut = strndup(record, i);

		assert_int_equal(oms_recorded(&wanted, &n, &m, cut, why),
		    ERR_FORMAT);
	}
}

static void
a_record_that_is_none_is_refused(void **state)
{
	static const char *const bad[] = { "[]", "{}",
		"{\"name\":\"\",\"ignore\":[],\"key\":\"\",\"sig\":\"\"}",
		"{\"name\":\"m\",\"ignore\":{},\"key\":\"\",\"sig\":\"\"}",
		"{\"name\":\"m\",\"ignore\":[1],\"key\":\"\",\"sig\":\"\"}",
		"{\"name\":\"m\",\"ignore\":[],\"key\":1,\"sig\":\"\"}",
		"{\"name\":\"m\",\"ignore\":[],\"key\":\"\",\"sig\":1}",
		"{\"name\":\"m\",\"ignore\":[],\"key\":\"\",\"sig\":\"*\"}",
		"{\"name\":\"m\",\"ignore\":[],\"key\":\"\",\"x\":\"\"}",
		("{\"name\":\"m\",\"ignore\":[],\"key\":\"\","
		 "\"sig\":\"\",\"x\":1}") };
	const struct manifest m = { 0 };
	char why[OMS_WHY], *out;
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		why[0] = '\0';
		assert_int_equal(oms_recorded(&out, &n, &m, bad[i], why),
		    ERR_FORMAT);
		assert_true(why[0] != '\0');
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_payload_is_the_one_that_others_made),
		cmocka_unit_test(the_bundle_is_the_one_that_openssl_signed),
		cmocka_unit_test(what_is_signed_here_verifies),
		cmocka_unit_test(a_check_finds_what_is_another_s),
		cmocka_unit_test(a_payload_needs_files_a_name_and_plain_paths),
		cmocka_unit_test(an_encrypted_key_takes_its_passphrase),
		cmocka_unit_test(other_keys_are_refused),
		cmocka_unit_test(a_record_gives_the_bundle_back),
		cmocka_unit_test(a_record_that_is_none_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
