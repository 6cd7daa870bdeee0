/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Statements: what is written is what is read, and every rule of form is held.
 * The vectors in tests/vectors are what this program writes:
 *
 *	build/tests/unit/test_statement write
 */
#include "tests/lib/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/people.h"
#include "vault/err.h"
#include "vault/file.h"
#include "vault/statement.h"

#define FOLDER "tests/vectors/"
#define PADDING (64U << 10)

static const struct statement_label labels[] = { { "base", "llama-3" },
	{ "note", "\xc3\xa9t\xc3\xa9" }, { "empty", "" } };

static struct statement *
make_version(void)
{
	struct statement_fields f = people_fields(STATEMENT_VERSION);

	f.classification = "confidential";
	f.owner = "team-llm";
	f.source_run = "run/2026-01-30/17";
	f.licence = "Apache-2.0";
	f.labels = labels;
	f.label_count = 3;
	return people_statement(&f);
}

static struct statement *
make_promotion(void)
{
	struct statement_fields f = people_fields(STATEMENT_PROMOTION);

	f.ticket = "REL-1042";
	return people_statement(&f);
}

static struct statement *
make_rollback(void)
{
	struct statement_fields f = people_fields(STATEMENT_PROMOTION);

	f.act = STATEMENT_ROLLBACK;
	f.serial = 5;
	f.to = 3;
	return people_statement(&f);
}

static struct statement *
make_first(void)
{
	struct statement_fields f = people_fields(STATEMENT_PROMOTION);

	f.serial = 1;
	f.has_previous = false;
	return people_statement(&f);
}

static struct statement *
make_revocation(void)
{
	struct statement_fields f = people_fields(STATEMENT_REVOCATION);

	return people_statement(&f);
}

static struct statement *
make_root_1(void)
{
	OWNED_MEM(char) policy = people_policy(3, 2);

	return people_root(policy, 1, NULL);
}

static struct statement *
make_root_2(void)
{
	OWNED(statement) first = make_root_1();
	OWNED_MEM(char) policy = people_policy(4, 3);

	return people_root(policy, 2, first);
}

/* Signed by p1 and p2; root 2 by p3, too, whom it adds. */
static const struct vector {
	const char *name;
	struct statement *(*make)(void);
	unsigned int last;
} vectors[] = {
	{ "statement-version.json", make_version, 2 },
	{ "statement-promotion.json", make_promotion, 2 },
	{ "statement-first.json", make_first, 2 },
	{ "statement-rollback.json", make_rollback, 2 },
	{ "statement-revocation.json", make_revocation, 2 },
	{ "trust-root-1.json", make_root_1, 2 },
	{ "trust-root-2.json", make_root_2, 3 },
};
#define VECTORS (sizeof(vectors) / sizeof(vectors[0]))

static struct statement *
signed_vector(const struct vector *v)
{
	struct statement *s = v->make();

	for (unsigned int i = 1; i <= v->last; i++)
		people_sign(i, s);
	return s;
}

/* Parse what must be well-formed. */
static struct statement *
parse(const char *envelope)
{
	char why[STATEMENT_WHY] = "";
	struct statement *s = NULL;

	if (statement_parse(&s, envelope, strlen(envelope), why) != 0)
		fail_msg("%s", why);
	return s;
}

/* The error for this payload under a signature that nobody looks at. */
static int
parse_payload(const void *payload, size_t n, char why[static STATEMENT_WHY])
{
	const struct statement_signature sig = { 0 };
	OWNED_MEM(char) envelope = people_envelope(payload, n, &sig, 1);
	OWNED(statement) s = NULL;

	why[0] = '\0';
	return statement_parse(&s, envelope, strlen(envelope), why);
}

static void
texts_equal(const char *a, const char *b)
{
	if (a == NULL || b == NULL)
		assert_ptr_equal(a, b);
	else
		assert_string_equal(a, b);
}

static void
fields_equal(const struct statement_fields *a, const struct statement_fields *b)
{
	assert_int_equal(a->about, b->about);
	assert_memory_equal(a->vault, b->vault, sizeof(a->vault));
	assert_memory_equal(&a->root, &b->root, DIGEST_SIZE);
	assert_int_equal(a->time_ms, b->time_ms);
	texts_equal(a->model, b->model);
	assert_memory_equal(&a->version, &b->version, DIGEST_SIZE);
	texts_equal(a->put_by, b->put_by);
	texts_equal(a->reason, b->reason);
	assert_int_equal(a->files, b->files);
	assert_int_equal(a->bytes, b->bytes);
	assert_int_equal(a->weights, b->weights);
	texts_equal(a->classification, b->classification);
	texts_equal(a->owner, b->owner);
	texts_equal(a->source_run, b->source_run);
	texts_equal(a->licence, b->licence);
	assert_int_equal(a->label_count, b->label_count);
	for (size_t i = 0; i < a->label_count; i++) {
		texts_equal(a->labels[i].key, b->labels[i].key);
		texts_equal(a->labels[i].value, b->labels[i].value);
	}
	texts_equal(a->channel, b->channel);
	assert_int_equal(a->act, b->act);
	assert_int_equal(a->serial, b->serial);
	assert_int_equal(a->to, b->to);
	assert_int_equal(a->has_previous, b->has_previous);
	assert_memory_equal(&a->previous, &b->previous, DIGEST_SIZE);
	assert_int_equal(a->expires_ms, b->expires_ms);
	texts_equal(a->ticket, b->ticket);
	assert_int_equal(a->number, b->number);
}

static void
each_vector_is_rewritten_byte_for_byte(void **state)
{
	(void)state;
	for (size_t i = 0; i < VECTORS; i++) {
		OWNED(statement) s = signed_vector(&vectors[i]);
		OWNED_MEM(char) envelope = NULL;
		static char bytes[STATEMENT_ENVELOPE_MAX + 1];
		OWNED(file) file = NULL;
		char path[100];
		size_t n;

		snprintf(path, sizeof(path), FOLDER "%s", vectors[i].name);
		assert_int_equal(file_open(&file, NULL, path, O_RDONLY, 0), 0);
		assert_int_equal(file_read_some(file, bytes, sizeof(bytes), 0,
				     &n),
		    0);
		assert_int_equal(statement_envelope(s, &envelope), 0);
		assert_int_equal(n, strlen(envelope));
		assert_memory_equal(bytes, envelope, n);
	}
}

static void
each_kind_comes_back_as_it_was_written(void **state)
{
	(void)state;
	for (size_t i = 0; i < VECTORS; i++) {
		OWNED(statement) s = signed_vector(&vectors[i]);
		OWNED(statement) again = NULL;
		OWNED_MEM(char) envelope = NULL;
		struct digest a = statement_digest(s), b;
		const void *payload;
		size_t n;

		assert_int_equal(statement_envelope(s, &envelope), 0);
		again = parse(envelope);
		fields_equal(statement_fields(s), statement_fields(again));
		b = statement_digest(again);
		assert_memory_equal(&a, &b, DIGEST_SIZE);
		payload = statement_payload(s, &n);
		b = digest_of(payload, n);
		assert_memory_equal(&a, &b, DIGEST_SIZE);
		assert_int_equal(statement_signature_count(again),
		    vectors[i].last);
		for (unsigned int p = 0; p < vectors[i].last; p++) {
			struct statement_key k = people_key(p + 1);

			assert_true(statement_signed_by(again,
			    statement_signature(again, p), &k));
			k = people_key(0);
			assert_false(statement_signed_by(again,
			    statement_signature(again, p), &k));
		}
	}
}

static void
the_kind_and_the_act_have_names(void **state)
{
	(void)state;
	assert_string_equal(statement_about_name(STATEMENT_VERSION), "version");
	assert_string_equal(statement_about_name(STATEMENT_PROMOTION),
	    "promotion");
	assert_string_equal(statement_about_name(STATEMENT_TRUST), "trust");
	assert_string_equal(statement_about_name(STATEMENT_REVOCATION),
	    "revocation");
	assert_string_equal(statement_act_name(STATEMENT_PROMOTE), "promote");
	assert_string_equal(statement_act_name(STATEMENT_ROLLBACK), "rollback");
}

static void
what_is_signed_is_the_encoding_of_dsse(void **state)
{
	OWNED(statement) s = make_revocation();
	OWNED_MEM(uint8_t) bytes = NULL;
	char head[100];
	size_t n, length;
	const void *payload = statement_payload(s, &length);

	(void)state;
	snprintf(head, sizeof(head),
	    "DSSEv1 28 application/vnd.in-toto+json %zu ", length);
	assert_int_equal(statement_to_sign(s, &bytes, &n), 0);
	assert_int_equal(n, strlen(head) + length);
	assert_memory_equal(bytes, head, strlen(head));
	assert_memory_equal(bytes + strlen(head), payload, length);
}

/* ---- envelopes ---- */

static void
every_truncated_envelope_is_refused(void **state)
{
	OWNED(statement) s = signed_vector(&vectors[1]);
	OWNED_MEM(char) envelope = NULL;

	(void)state;
	assert_int_equal(statement_envelope(s, &envelope), 0);
	for (size_t n = 0; n < strlen(envelope); n++) {
		OWNED(statement) cut = NULL;

		assert_int_equal(statement_parse(&cut, envelope, n, NULL),
		    ERR_FORMAT);
	}
}

static void
every_truncated_payload_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < VECTORS; i++) {
		OWNED(statement) s = vectors[i].make();
		char why[STATEMENT_WHY];
		size_t length;
		const char *payload = statement_payload(s, &length);

		assert_int_equal(parse_payload(payload, length, why), 0);
		for (size_t n = 0; n < length; n++)
			assert_int_equal(parse_payload(payload, n, why),
			    ERR_FORMAT);
	}
}

static void
a_flipped_bit_is_refused_or_nobody_signed_it(void **state)
{
	OWNED(statement) s = signed_vector(&vectors[1]);
	OWNED_MEM(char) envelope = NULL;
	const struct statement_key keys[] = { people_key(1), people_key(2) };
	size_t parsed = 0;

	(void)state;
	assert_int_equal(statement_envelope(s, &envelope), 0);
	for (size_t bit = 0; bit < 8 * strlen(envelope); bit++) {
		OWNED(statement) other = NULL;
		size_t good = 0;

		envelope[bit / 8] = (char)(envelope[bit / 8] ^ 1 << bit % 8);
		if (statement_parse(&other, envelope, strlen(envelope), NULL) ==
		    0)
			parsed++;
		for (size_t i = 0; other != NULL && i < 2; i++) {
			const struct statement_signature
			    *sig = statement_signature(other, i);
			struct digest id = statement_key_id(&keys[i]);

			good += digest_equal(&sig->keyid, &id) &&
			    statement_signed_by(other, sig, &keys[i]);
		}
		assert_true(good < 2);
		envelope[bit / 8] = (char)(envelope[bit / 8] ^ 1 << bit % 8);
	}
	assert_true(parsed > 1000); /* or this says nothing */
}

struct edit {
	const char *from;
	const char *to;
	int err;
	const char *why; /* is in the reason */
};

static void
envelopes_that_break_a_rule_are_refused(void **state)
{
	static const struct edit edits[] = {
		{ "{\"payload\"", "{\"x\":1,\"payload\"", ERR_FORMAT,
		    "envelope: 'x' is not known" },
		{ "{\"payload\":", "{\"payload\":\"\",\"payload\":", ERR_FORMAT,
		    "envelope: a key that was there before at offset" },
		{ "\"signatures\":[{", "\"signatures\":[],\"s\":[{", ERR_FORMAT,
		    "'s' is not known" },
		{ "payloadType", "payloadtype", ERR_FORMAT,
		    "'payloadType' is missing" },
		{ "in-toto+json", "in-toto+JSON", ERR_FORMAT, "'payloadType'" },
		{ "\"payload\":\"", "\"payload\":\"=", ERR_FORMAT,
		    "'payload' is not base64" },
		{ "\"payload\":\"", "\"payload\":\" ", ERR_FORMAT,
		    "'payload' is not base64" },
		{ "\"payload\":\"", "\"payload\":\"_", ERR_FORMAT,
		    "'payload' is not base64" },
		{ "\"payload\":\"", "\"payload\":\"\\u00af", ERR_FORMAT,
		    "'payload' is not base64" },
		{ "\"payload\":\"", "\"payload\":\"QUJD", ERR_FORMAT,
		    "payload: not JSON at offset" },
		{ "\"payload\":\"", "\"payload\":1,\"p\":\"", ERR_FORMAT,
		    "'payload' is not text" },
		{ "\"keyid\":\"", "\"keyid\":\"0", ERR_FORMAT,
		    "'keyid' is not 64" },
		{ "\"keyid\":\"", "\"keyid\":\"\",\"k\":\"", ERR_FORMAT,
		    "signature 1: 'keyid'" },
		{ "\"sig\":", "\"cert\":\"\",\"sig\":", ERR_FORMAT,
		    "signature 1: 'cert' is not known" },
		{ "\"sig\":\"", "\"sig\":\"AAAA", ERR_FORMAT,
		    "'sig' is not 64 bytes" },
		{ "==\"}", "\"}", ERR_FORMAT, "'sig' is not 64 bytes" },
		{ "==\"}", "=\"}", ERR_FORMAT, "'sig' is not 64 bytes" },
		{ "{\"keyid\"", "1,{\"keyid\"", ERR_FORMAT,
		    "signature 1: not an object" },
		{ "]}", "]}{}", ERR_FORMAT, "envelope: not JSON at offset" },
		{ "]}", "]}]", ERR_FORMAT, "envelope: not JSON at offset" },
		{ "{\"payload\"", "[{\"payload\"", ERR_FORMAT,
		    "envelope: not JSON" },
	};
	OWNED(statement) s = signed_vector(&vectors[4]);
	OWNED_MEM(char) envelope = NULL;

	(void)state;
	assert_int_equal(statement_envelope(s, &envelope), 0);
	for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		OWNED_MEM(char)
		bad = people_edit(envelope, edits[i].from, edits[i].to);
		OWNED(statement) parsed = NULL;
		char why[STATEMENT_WHY] = "";
		int err = statement_parse(&parsed, bad, strlen(bad), why);

		if (err != edits[i].err || strstr(why, edits[i].why) == NULL)
			fail_msg("%s: error %d: %s", edits[i].to, err, why);
	}
}

/* Of 64 bytes in base64 the last character before "==" has four bits that say
 * nothing; any but zeros are refused. */
static void
base64_with_bits_left_over_is_refused(void **state)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "abcdefghijklmnopqrstuvwxyz0123456789+/";
	OWNED(statement) s = signed_vector(&vectors[4]);
	OWNED_MEM(char) envelope = NULL;
	size_t accepted = 0;
	char *last;

	(void)state;
	assert_int_equal(statement_envelope(s, &envelope), 0);
	last = strstr(envelope, "==\"}") - 1;
	for (size_t i = 0; i < 64; i++) {
		OWNED(statement) parsed = NULL;

		*last = letters[i];
		accepted += statement_parse(&parsed, envelope, strlen(envelope),
				NULL) == 0;
	}
	assert_int_equal(accepted, 4);
}

static void
one_to_64_signatures_are_taken(void **state)
{
	OWNED(statement) s = make_revocation();
	struct statement_signature sigs[STATEMENT_SIGNATURES_MAX + 1] = { 0 };
	size_t length;
	const void *payload = statement_payload(s, &length);
	char *envelope = NULL;

	(void)state;
	assert_int_equal(statement_envelope(s, &envelope), ERR_USAGE);
	for (size_t n = 0; n <= STATEMENT_SIGNATURES_MAX + 1; n++) {
		OWNED_MEM(char)
		text = people_envelope(payload, length, sigs, n);
		OWNED(statement) parsed = NULL;
		int err = statement_parse(&parsed, text, strlen(text), NULL);

		assert_int_equal(err,
		    n == 0			      ? ERR_FORMAT :
			n <= STATEMENT_SIGNATURES_MAX ? 0 :
							ERR_LIMIT);
		if (err == 0)
			assert_int_equal(statement_signature_count(parsed), n);
	}
}

static void
a_signature_is_added_once_and_the_65th_not(void **state)
{
	OWNED(statement) s = make_revocation();
	OWNED(statement) again = NULL;
	OWNED_MEM(char) envelope = NULL;
	struct statement_signature sig = { 0 };

	(void)state;
	for (uint8_t i = 0; i < STATEMENT_SIGNATURES_MAX; i++) {
		sig.bytes[0] = i;
		assert_int_equal(statement_add(s, &sig), 0);
		assert_int_equal(statement_add(s, &sig), 0);
		assert_int_equal(statement_signature_count(s), i + 1U);
	}
	sig.bytes[0] = STATEMENT_SIGNATURES_MAX;
	assert_int_equal(statement_add(s, &sig), ERR_LIMIT);
	sig.bytes[0] = 0;
	assert_int_equal(statement_add(s, &sig), 0); /* it is there */
	assert_int_equal(statement_envelope(s, &envelope), 0);
	again = parse(envelope);
	assert_int_equal(statement_signature_count(again),
	    STATEMENT_SIGNATURES_MAX);
}

/* White space behind is no other byte: files end in a newline. */
static void
an_envelope_has_at_most_58_kib(void **state)
{
	OWNED(statement) s = signed_vector(&vectors[4]);
	OWNED_MEM(char) envelope = NULL;
	OWNED_MEM(char) padded = malloc(PADDING);

	(void)state;
	assert_non_null(padded);
	assert_int_equal(statement_envelope(s, &envelope), 0);
	memset(padded, '\n', PADDING);
	memcpy(padded, envelope, strlen(envelope));
	for (size_t n = STATEMENT_ENVELOPE_MAX - 1;
	     n <= STATEMENT_ENVELOPE_MAX + 1; n++) {
		OWNED(statement) parsed = NULL;

		assert_int_equal(statement_parse(&parsed, padded, n, NULL),
		    n <= STATEMENT_ENVELOPE_MAX ? 0 : ERR_LIMIT);
	}
}

static void
a_payload_has_at_most_32_kib(void **state)
{
	OWNED(statement) s = make_revocation();
	OWNED_MEM(char) padded = malloc(PADDING);
	char why[STATEMENT_WHY];
	size_t length;
	const void *payload = statement_payload(s, &length);

	(void)state;
	assert_non_null(padded);
	memset(padded, ' ', PADDING);
	memcpy(padded, payload, length);
	for (size_t n = STATEMENT_PAYLOAD_MAX - 3;
	     n <= STATEMENT_PAYLOAD_MAX + 3; n++)
		assert_int_equal(parse_payload(padded, n, why),
		    n <= STATEMENT_PAYLOAD_MAX ? 0 : ERR_LIMIT);
}

static void
the_largest_statement_fits_its_envelope(void **state)
{
	OWNED(statement) s = make_revocation();
	struct statement_signature sigs[STATEMENT_SIGNATURES_MAX] = { 0 };
	OWNED_MEM(char) padded = malloc(PADDING);
	OWNED_MEM(char) envelope = NULL;
	OWNED(statement) parsed = NULL;
	size_t length;
	const void *payload = statement_payload(s, &length);

	(void)state;
	assert_non_null(padded);
	memset(padded, ' ', PADDING);
	memcpy(padded, payload, length);
	envelope = people_envelope(padded, STATEMENT_PAYLOAD_MAX, sigs,
	    STATEMENT_SIGNATURES_MAX);
	parsed = parse(envelope);
	assert_int_equal(statement_signature_count(parsed),
	    STATEMENT_SIGNATURES_MAX);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_vector_is_rewritten_byte_for_byte),
		cmocka_unit_test(each_kind_comes_back_as_it_was_written),
		cmocka_unit_test(the_kind_and_the_act_have_names),
		cmocka_unit_test(what_is_signed_is_the_encoding_of_dsse),
		cmocka_unit_test(every_truncated_envelope_is_refused),
		cmocka_unit_test(every_truncated_payload_is_refused),
		cmocka_unit_test(a_flipped_bit_is_refused_or_nobody_signed_it),
		cmocka_unit_test(envelopes_that_break_a_rule_are_refused),
		cmocka_unit_test(base64_with_bits_left_over_is_refused),
		cmocka_unit_test(one_to_64_signatures_are_taken),
		cmocka_unit_test(a_signature_is_added_once_and_the_65th_not),
		cmocka_unit_test(an_envelope_has_at_most_58_kib),
		cmocka_unit_test(a_payload_has_at_most_32_kib),
		cmocka_unit_test(the_largest_statement_fits_its_envelope),
	};

	for (size_t i = 0;
	     argc == 2 && strcmp(argv[1], "write") == 0 && i < VECTORS; i++) {
		OWNED(statement) s = signed_vector(&vectors[i]);
		OWNED_MEM(char) envelope = NULL;
		char path[100];

		snprintf(path, sizeof(path), FOLDER "%s", vectors[i].name);
		if (statement_envelope(s, &envelope) != 0 ||
		    file_replace(NULL, path, envelope, strlen(envelope),
			0644) != 0)
			return 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
