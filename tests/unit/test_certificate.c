/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deletion certificates.  tests/vectors/certificate.json is of a log with one
 * entry, its seed 00 01 .. 1f; after a change on purpose:
 * build/tests/unit/test_certificate write
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/test.h"
#include "vault/certificate.h"
#include "vault/err.h"
#include "vault/file.h"
#include "vault/tlog.h"

#define VECTOR "tests/vectors/certificate.json"
#define ORIGIN "weir.example/audit"
#define VERSION                                                                \
	"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define OTHER "ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define PAYLOAD(version)                                                       \
	"{\"weir\":1,\"about\":\"deletion\",\"model\":\"llama\","              \
	"\"version\":\"" version "\",\"files\":[]}"

/* What one is made of. */
struct made {
	const char *payload;
	const char *named; /* the payload that the entry names */
	const char *stage;
	const char *kind;
	bool proven;
	uint8_t first; /* of the seed */
};

static struct made
sound(void)
{
	return (struct made){ PAYLOAD(VERSION), PAYLOAD(VERSION), "end",
		"shred", true, 0 };
}

static struct sign_key *
make_seed(uint8_t first)
{
	uint8_t bytes[KEY_SIZE];
	struct sign_key *seed;

	for (uint8_t i = 0; i < KEY_SIZE; i++)
		bytes[i] = (uint8_t)(first + i);
	assert_int_equal(secret_init(), 0);
	assert_int_equal(sign_key_from(&seed, bytes), 0);
	return seed;
}

static struct note_key
log_key(void)
{
	OWNED(sign_key) seed = make_seed(0);
	struct note_key k;

	assert_int_equal(note_key_of(&k, ORIGIN, seed), 0);
	return k;
}

static char *
make_entry(const struct made *m)
{
	struct digest named = digest_of(m->named, strlen(m->named));
	char hex[DIGEST_HEX_SIZE], *entry;

	assert_true(asprintf(&entry,
			"{\"v\":1,\"time\":\"2026-01-02T03:04:05.006Z\","
			"\"kind\":\"%s\",\"by\":\"keyd\",\"stage\":\"%s\","
			"\"model\":\"llama\",\"version\":\"" VERSION "\","
			"\"epoch\":2,\"objects\":7,\"certificate\":\"%s\"}",
			m->kind, m->stage, digest_hex(&named, hex)) > 0);
	return entry;
}

/* The proof that a log has one entry, this one. */
static char *
make_proof(const struct made *m)
{
	const struct digest none = { 0 };
	OWNED(sign_key) seed = make_seed(0);
	OWNED(proof) p = calloc(1, sizeof(*p));
	OWNED_WRITER w = writer_of(CERTIFICATE_MAX);
	OWNED_MEM(char) entry = make_entry(m);
	struct note_key key = log_key();
	struct note_checkpoint c = {
		.origin = ORIGIN,
		.size = 1,
		.root = tlog_leaf(entry, strlen(entry)),
	};
	char *text;

	assert_non_null(p);
	p->question.about = QUESTION_ENTRY;
	assert_int_equal(proof_add(p, 0, entry, strlen(entry), &none, 0), 0);
	assert_int_equal(note_checkpoint_sign(&p->note, &c, &key, seed), 0);
	assert_int_equal(proof_write(&w, p), 0);
	text = strndup((const char *)w.bytes, w.length);
	assert_non_null(text);
	return text;
}

static char *
make(const struct made *m)
{
	OWNED(sign_key) seed = make_seed(m->first);
	OWNED_MEM(char) proof = make_proof(m);
	OWNED_MEM(char) text = NULL;
	struct note_key key = log_key();
	json_error_t why;
	json_t *j;
	char *out;

	assert_int_equal(certificate_sign(&text, m->payload, &key, seed), 0);
	j = json_loads(text, 0, &why);
	assert_non_null(j);
	if (m->proven)
		json_object_set_new(j, "proof", json_string(proof));
	out = json_dumps(j, JSON_COMPACT | JSON_SORT_KEYS);
	json_decref(j);
	assert_non_null(out);
	return out;
}

static int
check(const void *bytes, size_t n, char why[static CERTIFICATE_WHY])
{
	struct certificate_verdict v;
	OWNED(certificate) c = NULL;
	struct note_key key = log_key();
	int err = certificate_parse(&c, bytes, n, why);

	return err != 0 ? err : certificate_verify(c, &key, &v, why);
}

static void
refuses(const struct made *m, int err, const char *said)
{
	char why[CERTIFICATE_WHY] = "";
	OWNED_MEM(char) text = make(m);

	assert_int_equal(check(text, strlen(text), why), err);
	if (strstr(why, said) == NULL)
		fail_msg("'%s' instead of '%s'", why, said);
}

static void
the_vector_is_what_is_made_and_holds(void **state)
{
	const struct made m = sound();
	OWNED_MEM(char) text = make(&m);
	OWNED_MEM(uint8_t) bytes = NULL;
	char why[CERTIFICATE_WHY] = "";
	size_t n;

	(void)state;
	assert_int_equal(file_load(NULL, VECTOR, CERTIFICATE_MAX, &bytes, &n),
	    0);
	assert_int_equal(n, strlen(text) + 1);
	assert_memory_equal(bytes, text, n - 1);
	assert_int_equal(check(bytes, n, why), 0);
}

static void
what_is_of_something_else_is_refused(void **state)
{
	struct made m = sound();

	(void)state;
	m.payload = PAYLOAD(OTHER);
	refuses(&m, ERR_INTEGRITY, "something else");
	m.named = m.payload; /* the entry's version is another one still */
	refuses(&m, ERR_INTEGRITY, "something else");
	m = sound();
	m.named = PAYLOAD(OTHER);
	refuses(&m, ERR_INTEGRITY, "something else");
	m = sound();
	m.stage = "begin";
	refuses(&m, ERR_INTEGRITY, "something else");
	m = sound();
	m.kind = "gc";
	refuses(&m, ERR_INTEGRITY, "something else");
	m = sound();
	m.proven = false;
	refuses(&m, ERR_NOT_FOUND, "no proof");
	m = sound();
	m.first = 1;
	refuses(&m, ERR_INTEGRITY, "not the log's");
}

static void
every_truncation_is_refused(void **state)
{
	const struct made m = sound();
	OWNED_MEM(char) text = make(&m);
	char why[CERTIFICATE_WHY];

	(void)state;
	for (size_t n = 0; n < strlen(text); n++)
		assert_int_not_equal(check(text, n, why), 0);
}

/* A changed letter of a name, or white space, is what JSON lets be. */
static void
no_single_bit_makes_it_say_something_else(void **state)
{
	const struct made m = sound();
	OWNED_MEM(char) text = make(&m);
	size_t length = strlen(text);
	struct digest said = digest_of(m.payload, strlen(m.payload));

	(void)state;
	for (size_t i = 0; i < length * 8; i++) {
		OWNED(certificate) c = NULL;
		struct certificate_verdict v;
		char why[CERTIFICATE_WHY];
		struct note_key key = log_key();

		text[i / 8] = (char)(text[i / 8] ^ (1 << i % 8));
		if (certificate_parse(&c, text, length, why) == 0 &&
		    certificate_verify(c, &key, &v, why) == 0) {
			struct digest now = certificate_digest(c);

			assert_true(digest_equal(&now, &said));
		}
		text[i / 8] = (char)(text[i / 8] ^ (1 << i % 8));
	}
}

static void
a_payload_has_its_limit(void **state)
{
	OWNED_MEM(char) payload = malloc(CERTIFICATE_PAYLOAD_MAX + 2);
	OWNED(sign_key) seed = make_seed(0);
	OWNED(certificate) c = NULL;
	struct note_key key = log_key();
	char why[CERTIFICATE_WHY];
	char *text;

	(void)state;
	assert_non_null(payload);
	memset(payload, ' ', CERTIFICATE_PAYLOAD_MAX + 1);
	memcpy(payload, "{}", 2);
	payload[CERTIFICATE_PAYLOAD_MAX + 1] = '\0';
	assert_int_equal(certificate_sign(&text, payload, &key, seed),
	    ERR_LIMIT);
	payload[CERTIFICATE_PAYLOAD_MAX] = '\0';
	assert_int_equal(certificate_sign(&text, payload, &key, seed), 0);
	assert_int_equal(certificate_parse(&c, text, strlen(text), why), 0);
	free(text);
}

static int
write_vector(void)
{
	const struct made m = sound();
	OWNED_MEM(char) text = make(&m);
	FILE *f = fopen(VECTOR, "wb");

	return f != NULL && fprintf(f, "%s\n", text) > 0 && fclose(f) == 0 ? 0 :
									     1;
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_vector_is_what_is_made_and_holds),
		cmocka_unit_test(what_is_of_something_else_is_refused),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(no_single_bit_makes_it_say_something_else),
		cmocka_unit_test(a_payload_has_its_limit),
	};

	if (argc > 1 && strcmp(argv[1], "write") == 0)
		return write_vector();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
