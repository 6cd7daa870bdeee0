/* SPDX-License-Identifier: Apache-2.0 */

/* What a statement's payload may be, read and written. */
#include "tests/lib/test.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/people.h"
#include "vault/err.h"
#include "vault/statement.h"

#define NINES "9007199254740991"

struct edit {
	enum statement_about about;
	const char *from;
	const char *to;
	int err;
	const char *why; /* is in the reason */
};

static const struct edit edits[] = {
	/* The statement. */
	{ STATEMENT_VERSION, "in-toto.io/Statement/v1",
	    "in-toto.io/Statement/v0.1", ERR_FORMAT, "payload: '_type'" },
	{ STATEMENT_VERSION, "\"_type\"", "\"x\\u001b\":1,\"_type\"",
	    ERR_FORMAT, "payload: 'x\\x1b' is not known" },
	{ STATEMENT_VERSION, "\"subject\":[", "\"subject\":[],\"s\":[",
	    ERR_FORMAT, "is not known" },
	{ STATEMENT_VERSION, "\"subject\":[{", "\"subject\":[{},{", ERR_LIMIT,
	    "payload: 'subject' has too many" },
	{ STATEMENT_VERSION, "\"subject\":[{", "\"subject\":[\"\"],\"s\":[{",
	    ERR_FORMAT, "'s' is not known" },
	{ STATEMENT_VERSION, "{\"sha256\":", "{\"md5\":\"\",\"sha256\":",
	    ERR_FORMAT, "subject digest: 'md5' is not known" },
	{ STATEMENT_VERSION, "{\"sha256\":\"", "{\"sha256\":\"0", ERR_FORMAT,
	    "'sha256' is not 64" },
	{ STATEMENT_VERSION, "\"digest\":{", "\"uri\":\"\",\"digest\":{",
	    ERR_FORMAT, "subject: 'uri' is not known" },
	{ STATEMENT_VERSION, "\"name\":\"llama/base\"",
	    "\"name\":\"llama/other\"", ERR_FORMAT, "subject: 'name'" },
	{ STATEMENT_VERSION, "\"name\":\"llama/base\",", "", ERR_FORMAT,
	    "subject: 'name' is missing" },
	{ STATEMENT_VERSION, "weir.local/version/v1", "weir.local/version/v2",
	    ERR_FORMAT, "'predicateType' is not known" },
	{ STATEMENT_VERSION, "weir.local/version/v1", "weir.local/other/v1",
	    ERR_FORMAT, "'predicateType' is not known" },
	{ STATEMENT_VERSION, "weir.local/version/v1",
	    "weir.local/revocation/v1", ERR_FORMAT,
	    "predicate: 'reason' is missing" },
	{ STATEMENT_VERSION, "\"predicate\":{", "\"predicate\":[{", ERR_FORMAT,
	    "payload: not JSON" },
	{ STATEMENT_VERSION, "}}", "}}}", ERR_FORMAT, "payload: not JSON" },
	{ STATEMENT_VERSION, "\"_type\"", "\"_type\":\"\",\"_type\"",
	    ERR_FORMAT, "payload: a key that was there before" },
	/* What all predicates have. */
	{ STATEMENT_VERSION, "\"vault\":\"", "\"vault\":\"00", ERR_FORMAT,
	    "'vault' is not lowercase hex digits" },
	{ STATEMENT_VERSION, "0c0d0e0f10", "0C0d0e0f10", ERR_FORMAT,
	    "'vault'" },
	{ STATEMENT_VERSION, "\"vault\":", "\"vault\":7,\"w\":", ERR_FORMAT,
	    "'vault' is not text" },
	{ STATEMENT_VERSION, "\"vault\":", "\"x\":null,\"vault\":", ERR_FORMAT,
	    "predicate: 'x' is not known" },
	{ STATEMENT_VERSION, "\"vault\":", "\"model\":\"a\",\"vault\":",
	    ERR_FORMAT, "a key that was there before" },
	{ STATEMENT_VERSION, "\"model\":\"llama/base\"", "\"model\":\"Llama\"",
	    ERR_FORMAT, "'model' is not well-formed" },
	{ STATEMENT_VERSION, "\"model\":\"llama/base\"",
	    "\"model\":\"../base\"", ERR_FORMAT, "'model' is not well-formed" },
	{ STATEMENT_VERSION, "\"model\":\"llama/base\"", "\"model\":\"\"",
	    ERR_FORMAT, "'model' is not well-formed" },
	{ STATEMENT_VERSION, "\"version\":\"", "\"version\":\"f", ERR_FORMAT,
	    "'version' is not 64" },
	{ STATEMENT_VERSION, "09:30:00.000Z", "09:30:00Z", ERR_FORMAT,
	    "'time' is not a time like" },
	{ STATEMENT_VERSION, "09:30:00.000Z", "09:30:00.000+00:00", ERR_FORMAT,
	    "'time'" },
	{ STATEMENT_VERSION, "09:30:00.000Z", "09:30:00.0000Z", ERR_FORMAT,
	    "'time'" },
	{ STATEMENT_VERSION, "2026-01-31T", "2026-02-30T", ERR_FORMAT,
	    "'time'" },
	/* Versions. */
	{ STATEMENT_VERSION, "user:alice", "alice", ERR_FORMAT, "'put_by'" },
	{ STATEMENT_VERSION, "\"put_by\":\"user:alice\",", "", ERR_FORMAT,
	    "'put_by' is missing" },
	{ STATEMENT_VERSION, "\"files\":7", "\"files\":-1", ERR_FORMAT,
	    "'files' is not a whole number from 0 to " NINES },
	{ STATEMENT_VERSION, "\"files\":7", "\"files\":7.0", ERR_FORMAT,
	    "'files'" },
	{ STATEMENT_VERSION, "\"files\":7", "\"files\":7e0", ERR_FORMAT,
	    "'files'" },
	{ STATEMENT_VERSION, "\"files\":7", "\"files\":07", ERR_FORMAT,
	    "not JSON" },
	{ STATEMENT_VERSION, "\"files\":7", "\"files\":\"7\"", ERR_FORMAT,
	    "'files'" },
	{ STATEMENT_VERSION, "\"files\":7", "\"files\":true", ERR_FORMAT,
	    "'files'" },
	{ STATEMENT_VERSION, "\"files\":7", "\"files\":9007199254740992",
	    ERR_FORMAT, "'files'" },
	{ STATEMENT_VERSION, "\"files\":7", "\"files\":18446744073709551617",
	    ERR_FORMAT, "not JSON" },
	{ STATEMENT_VERSION, "\"files\":7,", "", ERR_FORMAT,
	    "'files' is missing" },
	{ STATEMENT_VERSION, "\"files\"", "\"owner\":\"\",\"files\"",
	    ERR_FORMAT, "'owner' is empty" },
	{ STATEMENT_VERSION, "\"files\"", "\"owner\":null,\"files\"",
	    ERR_FORMAT, "'owner' is not text" },
	{ STATEMENT_VERSION, "\"files\"", "\"owner\":\"a\\u0000b\",\"files\"",
	    ERR_FORMAT, "not JSON" },
	{ STATEMENT_VERSION, "\"files\"", "\"owner\":\"a\\nb\",\"files\"",
	    ERR_FORMAT, "'owner' is empty, or has a control character" },
	{ STATEMENT_VERSION, "\"files\"", "\"owner\":\"a\\u007f\",\"files\"",
	    ERR_FORMAT, "control character" },
	{ STATEMENT_VERSION, "\"files\"", "\"owner\":\"a\\u0080\",\"files\"",
	    ERR_FORMAT, "control character" },
	{ STATEMENT_VERSION, "\"files\"", "\"owner\":\"\\u009f\",\"files\"",
	    ERR_FORMAT, "control character" },
	{ STATEMENT_VERSION, "\"files\"", "\"owner\":\"\xff\",\"files\"",
	    ERR_FORMAT, "not JSON" },
	{ STATEMENT_VERSION, "\"files\"", "\"labels\":[],\"files\"", ERR_FORMAT,
	    "'labels' is not an object" },
	{ STATEMENT_VERSION, "\"files\"", "\"labels\":{\"a\":1},\"files\"",
	    ERR_FORMAT, "label 'a' is not text" },
	{ STATEMENT_VERSION, "\"files\"", "\"labels\":{\"\":\"b\"},\"files\"",
	    ERR_FORMAT, "label ''" },
	{ STATEMENT_VERSION, "\"files\"",
	    "\"labels\":{\"a\":\"b\",\"a\":\"b\"},\"files\"", ERR_FORMAT,
	    "a key that was there before" },
	{ STATEMENT_VERSION, "\"files\"",
	    "\"labels\":{\"a\":\"\\t\"},\"files\"", ERR_FORMAT, "label 'a'" },
	{ STATEMENT_VERSION, "\"files\"", "\"serial\":3,\"files\"", ERR_FORMAT,
	    "'serial' is not known" },
	/* Promotions. */
	{ STATEMENT_PROMOTION, "\"channel\":\"prod\"", "\"channel\":\"pr:od\"",
	    ERR_FORMAT, "'channel'" },
	{ STATEMENT_PROMOTION, "\"channel\":\"prod\",", "", ERR_FORMAT,
	    "'channel' is missing" },
	{ STATEMENT_PROMOTION, "\"serial\":3", "\"serial\":0", ERR_FORMAT,
	    "'serial' is not a whole number from 1" },
	{ STATEMENT_PROMOTION, "\"serial\":3", "\"serial\":-3", ERR_FORMAT,
	    "'serial'" },
	{ STATEMENT_PROMOTION, "\"previous\":\"", "\"previous\":\"0",
	    ERR_FORMAT, "'previous' is not 64" },
	{ STATEMENT_PROMOTION, "\"previous\":", "\"prev\":", ERR_FORMAT,
	    "'previous' is missing" },
	{ STATEMENT_PROMOTION, "\"previous\":", "\"previous\":false,\"p\":",
	    ERR_FORMAT, "'previous' is not text" },
	{ STATEMENT_PROMOTION, "\"act\":\"promote\"", "\"act\":\"demote\"",
	    ERR_FORMAT, "'act' is neither" },
	{ STATEMENT_PROMOTION, "\"act\":\"promote\"",
	    "\"act\":\"promote\",\"to\":1", ERR_FORMAT,
	    "'to' is for rollbacks" },
	{ STATEMENT_PROMOTION, "\"act\":\"promote\"", "\"act\":\"rollback\"",
	    ERR_FORMAT, "'to' is missing" },
	{ STATEMENT_PROMOTION, "\"act\":\"promote\"",
	    "\"act\":\"rollback\",\"to\":0", ERR_FORMAT, "'to'" },
	{ STATEMENT_PROMOTION, "\"act\":\"promote\"",
	    "\"act\":\"rollback\",\"to\":3", ERR_FORMAT,
	    "'to' is not a serial before" },
	{ STATEMENT_PROMOTION, "\"expires\":", "\"expired\":", ERR_FORMAT,
	    "'expires' is missing" },
	{ STATEMENT_PROMOTION, "\"reason\":\"evaluation passed\"",
	    "\"reason\":\"\"", ERR_FORMAT, "'reason' is empty" },
	{ STATEMENT_PROMOTION, ",\"reason\":\"evaluation passed\"", "",
	    ERR_FORMAT, "'reason' is missing" },
	{ STATEMENT_PROMOTION, "\"reason\"", "\"ticket\":7,\"reason\"",
	    ERR_FORMAT, "'ticket' is not text" },
	{ STATEMENT_PROMOTION, "\"reason\"", "\"files\":7,\"reason\"",
	    ERR_FORMAT, "'files' is not known" },
	/* Revocations. */
	{ STATEMENT_REVOCATION, ",\"reason\":\"poisoned\"", "", ERR_FORMAT,
	    "'reason' is missing" },
	{ STATEMENT_REVOCATION, "\"reason\"",
	    "\"put_by\":\"user:a\",\"reason\"", ERR_FORMAT,
	    "'put_by' is not known" },
	/* Trust roots; the policy is for test_trust. */
	{ STATEMENT_TRUST, "\"root 1\"", "\"root 2\"", ERR_FORMAT,
	    "subject: 'name'" },
	{ STATEMENT_TRUST, "\"root 1\"", "\"root 01\"", ERR_FORMAT,
	    "subject: 'name'" },
	{ STATEMENT_TRUST, "\"number\":1", "\"number\":0", ERR_FORMAT,
	    "'number' is not a whole number from 1" },
	{ STATEMENT_TRUST, "\"number\":1,", "", ERR_FORMAT,
	    "'number' is missing" },
	/* What is well-formed, as a control of all this. */
	{ STATEMENT_VERSION, "\"files\":7", "\"files\":" NINES, 0, "" },
	{ STATEMENT_VERSION, "\"files\":7", "\"files\":0", 0, "" },
	{ STATEMENT_VERSION, "\"files\"", "\"labels\":{},\"files\"", 0, "" },
	{ STATEMENT_VERSION, "\"files\"", "\"labels\":{\"a\":\"\"},\"files\"",
	    0, "" },
	{ STATEMENT_VERSION, "\"files\"", "\"owner\":\"\\u00a0\",\"files\"", 0,
	    "" },
	{ STATEMENT_VERSION, "\"_type\"", " \n\t\"_type\"", 0, "" },
	{ STATEMENT_PROMOTION, "\"act\":\"promote\"",
	    "\"act\":\"rollback\",\"to\":2", 0, "" },
};

static char *
payload_of(enum statement_about about)
{
	const struct statement_fields f = people_fields(about);
	OWNED_MEM(char) policy = people_policy(1, 1);
	OWNED(statement)
	s = about == STATEMENT_TRUST ? people_root(policy, 1, NULL) :
				       people_statement(&f);
	size_t n;
	const char *payload = statement_payload(s, &n);

	return strndup(payload, n);
}

static int
parse_payload(const char *payload, char why[static STATEMENT_WHY])
{
	const struct statement_signature sig = { 0 };
	OWNED_MEM(char)
	envelope = people_envelope(payload, strlen(payload), &sig, 1);
	OWNED(statement) s = NULL;

	why[0] = '\0';
	return statement_parse(&s, envelope, strlen(envelope), why);
}

static void
payloads_that_break_a_rule_are_refused_by_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		OWNED_MEM(char) payload = payload_of(edits[i].about);
		OWNED_MEM(char)
		edited = people_edit(payload, edits[i].from, edits[i].to);
		char why[STATEMENT_WHY];
		int err = parse_payload(edited, why);

		if (err != edits[i].err || strstr(why, edits[i].why) == NULL)
			fail_msg("%s: error %d: %s", edits[i].to, err, why);
	}
}

static void
a_payload_with_no_subject_is_refused(void **state)
{
	OWNED_MEM(char) payload = payload_of(STATEMENT_REVOCATION);
	char why[STATEMENT_WHY], *subject = strstr(payload, "[{"),
				 *end = strstr(payload, "}]");

	(void)state;
	memset(subject + 1, ' ', (size_t)(end - subject));
	assert_int_equal(parse_payload(payload, why), ERR_FORMAT);
	assert_non_null(strstr(why, "exactly one"));
}

/* The objects of a payload, outermost first. */
static json_t *
object_at(json_t *payload, size_t level)
{
	json_t *subject = json_array_get(json_object_get(payload, "subject"),
	    0);

	return level == 0 ? payload :
	    level == 1	  ? subject :
	    level == 2	  ? json_object_get(subject, "digest") :
			    json_object_get(payload, "predicate");
}

/* The payload with this field made a list, or left out. */
static int
parse_without(const char *payload, size_t level, const char *key, bool gone,
    char why[static STATEMENT_WHY])
{
	json_auto_t *j = json_loads(payload, 0, NULL);
	json_t *object = object_at(j, level);
	OWNED_MEM(char) text = NULL;

	if (gone)
		json_object_del(object, key);
	else
		json_object_set_new(object, key, json_pack("[[]]"));
	text = json_dumps(j, JSON_COMPACT);
	assert_non_null(text);
	return parse_payload(text, why);
}

static void
each_field_has_to_be_there_and_of_its_type(void **state)
{
	static const enum statement_about abouts[] = { STATEMENT_VERSION,
		STATEMENT_PROMOTION, STATEMENT_REVOCATION, STATEMENT_TRUST };
	size_t tried = 0;

	(void)state;
	for (size_t i = 0; i < 16; i++) {
		OWNED_MEM(char) payload = payload_of(abouts[i / 4]);
		json_auto_t *j = json_loads(payload, 0, NULL);
		char why[STATEMENT_WHY];
		const char *key;
		json_t *value;

		json_object_foreach(object_at(j, i % 4), key, value) {
			/* A policy's own fields are for test_trust. */
			if (strcmp(key, "log") == 0)
				break;
			assert_int_equal(parse_without(payload, i % 4, key,
					     false, why),
			    ERR_FORMAT);
			assert_int_equal(parse_without(payload, i % 4, key,
					     true, why),
			    ERR_FORMAT);
			assert_non_null(strstr(why, key));
			tried++;
		}
	}
	assert_int_equal(tried, 4 * 7 + 8 + 11 + 5 + 3);
}

/* ---- writing ---- */

static int
write_fields(const struct statement_fields *f, char why[static STATEMENT_WHY])
{
	OWNED(statement) s = NULL;

	why[0] = '\0';
	return statement_new(&s, f, NULL, why);
}

static void
texts_are_written_up_to_their_limits(void **state)
{
	static const struct {
		enum statement_about about;
		size_t offset;
		size_t max;
	} texts[] = {
#define TEXT(about, field, max)                                                \
	{ about, offsetof(struct statement_fields, field), max }
		TEXT(STATEMENT_VERSION, classification, STATEMENT_TEXT_MAX),
		TEXT(STATEMENT_VERSION, owner, STATEMENT_TEXT_MAX),
		TEXT(STATEMENT_VERSION, source_run, STATEMENT_TEXT_MAX),
		TEXT(STATEMENT_VERSION, licence, STATEMENT_TEXT_MAX),
		TEXT(STATEMENT_PROMOTION, ticket, STATEMENT_TEXT_MAX),
		TEXT(STATEMENT_PROMOTION, reason, STATEMENT_REASON_MAX),
		TEXT(STATEMENT_REVOCATION, reason, STATEMENT_REASON_MAX),
	};
	char text[STATEMENT_REASON_MAX + 2], why[STATEMENT_WHY];

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct statement_fields f = people_fields(texts[i].about);
		const char *p = text;

		memcpy((char *)&f + texts[i].offset, &p, sizeof(p));
		memset(text, 'x', sizeof(text));
		text[texts[i].max] = '\0';
		assert_int_equal(write_fields(&f, why), 0);
		text[texts[i].max] = 'x';
		text[texts[i].max + 1] = '\0';
		assert_int_equal(write_fields(&f, why), ERR_USAGE);
		assert_non_null(strstr(why, "is too long"));
	}
}

static void
at_most_64_labels_of_256_bytes_are_written(void **state)
{
	static char keys[STATEMENT_LABELS_MAX + 1][STATEMENT_TEXT_MAX + 2];
	static struct statement_label labels[STATEMENT_LABELS_MAX + 1];
	struct statement_fields f = people_fields(STATEMENT_VERSION);
	char why[STATEMENT_WHY];

	(void)state;
	for (size_t i = 0; i <= STATEMENT_LABELS_MAX; i++) {
		snprintf(keys[i], sizeof(keys[i]), "label %zu", i);
		labels[i] = (struct statement_label){ keys[i], "x" };
	}
	f.labels = labels;
	for (f.label_count = 0; f.label_count <= STATEMENT_LABELS_MAX;
	     f.label_count++)
		assert_int_equal(write_fields(&f, why), 0);
	assert_int_equal(write_fields(&f, why), ERR_USAGE);
	assert_non_null(strstr(why, "more than 64"));

	f.label_count = 1;
	memset(keys[0], 'k', STATEMENT_TEXT_MAX);
	keys[0][STATEMENT_TEXT_MAX] = '\0';
	assert_int_equal(write_fields(&f, why), 0);
	labels[0].value = keys[0];
	assert_int_equal(write_fields(&f, why), 0);
	keys[0][STATEMENT_TEXT_MAX] = 'k';
	labels[0].value = "x";
	assert_int_equal(write_fields(&f, why), ERR_USAGE);
	labels[0] = (struct statement_label){ "k", keys[0] };
	assert_int_equal(write_fields(&f, why), ERR_USAGE);
}

static void
a_payload_of_32_kib_is_written_and_no_larger_one(void **state)
{
	static char text[STATEMENT_PAYLOAD_MAX];
	OWNED_MEM(char) base = payload_of(STATEMENT_TRUST);
	OWNED_MEM(char) policy = people_policy(1, 1);
	size_t room = STATEMENT_PAYLOAD_MAX - strlen(base) -
	    strlen(",\"x\":\"\"");

	(void)state;
	memset(text, 'x', sizeof(text));
	for (size_t n = room - 1; n <= room + 1; n++) {
		struct statement_fields f = {
			.about = STATEMENT_TRUST,
			.number = 1,
		};
		OWNED_MEM(char) long_policy = NULL;
		OWNED(statement) s = NULL;
		char why[STATEMENT_WHY] = "";

		assert_true(asprintf(&long_policy, "{\"x\":\"%.*s\",%s", (int)n,
				text, policy + 1) > 0);
		assert_int_equal(statement_new(&s, &f, long_policy, why),
		    n <= room ? 0 : ERR_USAGE);
		assert_true(
		    n <= room || strstr(why, "more than 32768") != NULL);
	}
}

static void
what_could_not_be_read_is_not_written(void **state)
{
	static const struct statement_label twice[] = { { "a", "1" },
		{ "a", "2" } };
	static const struct statement_label latin[] = { { "\xe9t\xe9", "1" } };
	struct statement_fields f = people_fields(STATEMENT_VERSION);
	char why[STATEMENT_WHY];

	(void)state;
	f.labels = twice;
	f.label_count = 2;
	assert_int_equal(write_fields(&f, why), ERR_USAGE);
	assert_string_equal(why, "label 'a' is there twice");
	f.labels = latin;
	f.label_count = 1;
	assert_int_equal(write_fields(&f, why), ERR_USAGE);
	assert_string_equal(why, "'\\xe9t\\xe9' is not UTF-8");
	f.label_count = 0;
	f.owner = "\xff";
	assert_int_equal(write_fields(&f, why), ERR_USAGE);
	assert_string_equal(why, "'owner' is not UTF-8");
	f.owner = "";
	assert_int_equal(write_fields(&f, why), ERR_USAGE);
	f.owner = NULL;
	f.bytes = UINT64_C(1) << 53;
	assert_int_equal(write_fields(&f, why), ERR_USAGE);
	f.bytes = UINT64_MAX;
	assert_int_equal(write_fields(&f, why), ERR_USAGE);
	assert_string_equal(why, "'bytes' is too large");
	f.bytes = 1;
	f.put_by = NULL;
	assert_int_equal(write_fields(&f, why), ERR_USAGE);
	assert_string_equal(why, "predicate: 'put_by' is missing");
	f.put_by = "user:alice";
	f.model = "no model";
	assert_int_equal(write_fields(&f, why), ERR_USAGE);
	f.model = NULL;
	assert_int_equal(write_fields(&f, why), ERR_USAGE);
	f.model = "llama";
	assert_int_equal(write_fields(&f, why), 0);
}

static void
a_policy_gets_this_vault_number_and_time(void **state)
{
	OWNED_MEM(char) policy = people_policy(1, 1);
	OWNED_MEM(char)
	edited = people_edit(policy, "{",
	    "{\"number\":77,\"vault\":\"x\",\"time\":null,");
	OWNED(statement) a = people_root(policy, 1, NULL);
	OWNED(statement) b = people_root(edited, 1, NULL);
	struct digest da = statement_digest(a), db = statement_digest(b);

	(void)state;
	assert_memory_equal(&da, &db, DIGEST_SIZE);
}

static void
a_policy_that_is_no_object_is_refused(void **state)
{
	static const char *const bad[] = { "", "[]", "7", "{\"keys\":[]",
		"{\"keys\":[],\"keys\":[]}", "{} x" };
	struct statement_fields f = {
		.about = STATEMENT_TRUST,
		.vault = PEOPLE_VAULT,
		.number = 1,
	};
	char why[STATEMENT_WHY];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		OWNED(statement) s = NULL;

		why[0] = '\0';
		assert_int_equal(statement_new(&s, &f, bad[i], why), ERR_USAGE);
		assert_memory_equal(why, "policy: ", 8);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    payloads_that_break_a_rule_are_refused_by_name),
		cmocka_unit_test(a_payload_with_no_subject_is_refused),
		cmocka_unit_test(each_field_has_to_be_there_and_of_its_type),
		cmocka_unit_test(texts_are_written_up_to_their_limits),
		cmocka_unit_test(at_most_64_labels_of_256_bytes_are_written),
		cmocka_unit_test(
		    a_payload_of_32_kib_is_written_and_no_larger_one),
		cmocka_unit_test(what_could_not_be_read_is_not_written),
		cmocka_unit_test(a_policy_gets_this_vault_number_and_time),
		cmocka_unit_test(a_policy_that_is_no_object_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
