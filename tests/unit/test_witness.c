/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vault/err.h"
#include "vault/witness.h"

/* Vectors: log seed 00 .. 1f, witness seed 20 .. 3f, time 1700000000. */
#define ORIGIN "weir.example/audit"
#define LOG ORIGIN "+c5eef1ba+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"
#define WITNESS                                                                \
	"witness.example/w1+20324abe+"                                         \
	"BCmsuuFBvMrwsi4alNNNC8c2HlJtC/4SyJeUvJMilm3X"
#define TEXT ORIGIN "\n3\npkvybgkSj2/i/m+LLYyAHhZrV8BHp82bK4Ceepai8cs=\n\n"
#define SIGNATURE                                                              \
	"\xe2\x80\x94 " ORIGIN                                                 \
	" xe7xurcykpgwimPhVnGORI8DdRuBDc9wqHyDfmkIqUIrlkXfNNgY6g0/"            \
	"gBbqquNouDy6UghHSE0+Dq+p1XbTM1ipgAY=\n"
#define COSIGNATURE                                                            \
	"\xe2\x80\x94 witness.example/w1 "                                     \
	"IDJKvgAAAABlU/"                                                       \
	"EAyhlZTtNTvDZotKTHuQbAM9uzCTsu0IEE6QE3tdZ9avIAcHfpaHvrDJZLwZxUNzDgPh" \
	"Cp79SSJmSVE6vSmj7sDw==\n"
#define NOTE TEXT SIGNATURE COSIGNATURE
#define TIME 1700000000U

static struct note_key witness;
static struct sign_key *seed;

static int
make_key(void **state)
{
	uint8_t bytes[KEY_SIZE];

	(void)state;
	for (uint8_t i = 0; i < KEY_SIZE; i++)
		bytes[i] = 0x20 + i;
	if (secret_init() != 0 || sign_key_from(&seed, bytes) != 0)
		return -1;
	return note_key_of_witness(&witness, "witness.example/w1", seed);
}

static int
drop_key(void **state)
{
	(void)state;
	sign_key_free(seed);
	return 0;
}

static void
the_cosignature_is_the_vectors(void **state)
{
	OWNED_MEM(char) text = note_key_text(&witness);
	OWNED_MEM(char) line = NULL;
	struct note_key parsed;
	uint64_t time;

	(void)state;
	assert_string_equal(text, WITNESS);
	assert_int_equal(note_key_parse_witness(&parsed, WITNESS), 0);
	assert_int_equal(witness_cosign(&line, TEXT SIGNATURE,
			     strlen(TEXT SIGNATURE), &witness, seed, TIME),
	    0);
	assert_string_equal(line, COSIGNATURE);
	assert_int_equal(witness_time(NOTE, strlen(NOTE), &parsed, &time), 0);
	assert_int_equal(time, TIME);
}

static void
a_key_of_one_kind_is_not_one_of_the_other(void **state)
{
	struct note_key k;

	(void)state;
	assert_int_equal(note_key_parse(&k, WITNESS), ERR_FORMAT);
	assert_int_equal(note_key_parse_witness(&k, LOG), ERR_FORMAT);
}

static void
a_note_without_its_cosignature_is_not_cosigned(void **state)
{
	static const char note[] = TEXT SIGNATURE;
	uint64_t time;

	(void)state;
	assert_int_equal(witness_time(note, strlen(note), &witness, &time),
	    ERR_NOT_FOUND);
}

static void
the_latest_of_several_counts(void **state)
{
	OWNED_MEM(char) line = NULL;
	char note[2048];
	uint64_t time;

	(void)state;
	assert_int_equal(witness_cosign(&line, TEXT SIGNATURE,
			     strlen(TEXT SIGNATURE), &witness, seed, TIME + 7),
	    0);
	snprintf(note, sizeof(note), "%s%s%s", TEXT SIGNATURE, line,
	    COSIGNATURE);
	assert_int_equal(witness_time(note, strlen(note), &witness, &time), 0);
	assert_int_equal(time, TIME + 7);
}

/* Each bit of the text and of the witness's own line. */
static void
every_flipped_bit_is_refused(void **state)
{
	static const char note[] = NOTE;
	const size_t from = strlen(TEXT SIGNATURE);
	uint64_t time;

	(void)state;
	for (size_t bit = 0; bit < 8 * strlen(note); bit++) {
		char copy[sizeof(note)];

		if (bit / 8 >= strlen(TEXT) && bit / 8 < from)
			continue;
		memcpy(copy, note, sizeof(note));
		copy[bit / 8] = (char)(copy[bit / 8] ^ 1 << bit % 8);
		assert_int_not_equal(witness_time(copy, strlen(note), &witness,
					 &time),
		    0);
	}
}

static void
every_truncation_is_refused(void **state)
{
	uint64_t time;

	(void)state;
	for (size_t n = 0; n < strlen(NOTE); n++)
		assert_int_not_equal(witness_time(NOTE, n, &witness, &time), 0);
}

/* ---- policies ---- */

/* A witness key by its number, and a vkey for it. */
static char *
vkey_of(unsigned int number, char out[static 128], struct note_key *k,
    struct sign_key **s)
{
	uint8_t bytes[KEY_SIZE] = { (uint8_t)number };
	struct sign_key *made;
	char name[32];
	char *text;

	snprintf(name, sizeof(name), "w%u", number);
	assert_int_equal(sign_key_from(&made, bytes), 0);
	assert_int_equal(note_key_of_witness(k, name, made), 0);
	text = note_key_text(k);
	assert_non_null(text);
	snprintf(out, 128, "%s", text);
	free(text);
	if (s != NULL)
		*s = made;
	else
		sign_key_free(made);
	return out;
}

/* The policy's text with %1 .. %9 as verifier keys. */
static int
parse(struct witness_policy **p, const char *text, char *why)
{
	char whole[8192];
	size_t n = 0;

	for (; *text != '\0'; text++) {
		char vkey[128];
		struct note_key k;

		if (*text == '%' && text[1] != '\0')
			n += (size_t)snprintf(whole + n, sizeof(whole) - n,
			    "%s",
			    vkey_of((unsigned int)(*++text - '0'), vkey, &k,
				NULL));
		else
			whole[n++] = *text;
	}
	return witness_policy_parse(p, whole, n, why);
}

#define SIX                                                                    \
	"log " LOG " https://log.example/\n"                                   \
	"\n"                                                                   \
	"  # three here\n"                                                     \
	"witness X1 %1\n"                                                      \
	"witness X2\t%2  https://w2.example/x \n"                              \
	"witness X3 %3\n"                                                      \
	"group X 2 X1 X2 X3\n"                                                 \
	"witness Y1 %4\nwitness Y2 %5\nwitness Y3 %6\n"                        \
	"group Y any Y1 Y2 Y3\n"                                               \
	"group both all X Y\n"

/* A note that these witnesses have cosigned, number n at time 1000 + n. */
static size_t
cosigned(char *note, size_t size, unsigned int who)
{
	size_t n = (size_t)snprintf(note, size, "%s", TEXT SIGNATURE);

	for (unsigned int i = 1; i <= 6; i++) {
		OWNED_MEM(char) line = NULL;
		OWNED(sign_key) s = NULL;
		struct note_key k;
		char vkey[128];

		if ((who >> i & 1) == 0)
			continue;
		vkey_of(i, vkey, &k, &s);
		assert_int_equal(witness_cosign(&line, note, n, &k, s,
				     1000 + i),
		    0);
		n += (size_t)snprintf(note + n, size - n, "%s", line);
	}
	return n;
}

/* Against the rule as one would say it, for all sets of the six. */
static void
a_quorum_is_who_the_policy_says(void **state)
{
	OWNED(witness_policy) p = NULL;
	char why[WITNESS_WHY];

	(void)state;
	assert_int_equal(parse(&p, SIX "quorum both\n", why), 0);
	assert_int_equal(witness_policy_count(p), 6);
	assert_int_equal(witness_policy_logs(p), 1);
	assert_string_equal(witness_policy_at(p, 1).name, "X2");
	assert_string_equal(witness_policy_at(p, 1).url,
	    "https://w2.example/x");
	assert_null(witness_policy_at(p, 0).url);
	for (unsigned int who = 0; who < 128; who += 2) {
		unsigned int x = (unsigned int)__builtin_popcount(who & 0x0e);
		bool want = x >= 2 && (who & 0x70) != 0;
		struct witness_verdict v;
		char note[4096];
		size_t n = cosigned(note, sizeof(note), who);

		assert_int_equal(witness_policy_judge(p, note, n, &v), 0);
		assert_int_equal(v.met, want);
		assert_int_equal(v.count, __builtin_popcount(who));
		assert_int_equal(witness_policy_moment(p, &v) != 0, want);
	}
}

static void
the_moment_is_when_the_last_one_needed_cosigned(void **state)
{
	OWNED(witness_policy) p = NULL;
	char why[WITNESS_WHY], note[4096];
	struct witness_verdict v;
	size_t n = cosigned(note, sizeof(note), 0x7e);

	(void)state;
	assert_int_equal(parse(&p, SIX "quorum both\n", why), 0);
	assert_int_equal(witness_policy_judge(p, note, n, &v), 0);
	assert_int_equal(witness_policy_moment(p, &v), 1004);
}

static void
one_bad_cosignature_refuses_the_note(void **state)
{
	OWNED(witness_policy) p = NULL;
	char why[WITNESS_WHY], note[4096];
	struct witness_verdict v;
	size_t n = cosigned(note, sizeof(note), 0x7e);
	char *last;

	(void)state;
	assert_int_equal(parse(&p, SIX "quorum X1\n", why), 0);
	last = strrchr(note, ' ') + 20;
	*last = *last == 'A' ? 'B' : 'A';
	assert_int_equal(witness_policy_judge(p, note, n, &v), ERR_INTEGRITY);
}

static void
nobody_is_enough_when_nobody_is_asked_for(void **state)
{
	OWNED(witness_policy) p = NULL;
	char why[WITNESS_WHY];
	struct witness_verdict v;

	(void)state;
	assert_int_equal(parse(&p, "log " LOG "\nquorum none\n", why), 0);
	assert_int_equal(witness_policy_judge(p, TEXT SIGNATURE,
			     strlen(TEXT SIGNATURE), &v),
	    0);
	assert_true(v.met);
	assert_int_equal(witness_policy_moment(p, &v), 0);
}

static void
policies_that_are_none_are_refused_by_line(void **state)
{
	static const struct {
		const char *text, *why;
	} bad[] = {
		{ "", "line 0: after the last line: no quorum" },
		{ "quorum none", "line 1: does not end with a line end" },
		{ "quorum none\nquorum none\n", "line 2: a second quorum" },
		{ "quorum X1\nwitness X1 %1\n",
		    "line 1: a quorum that is not" },
		{ "witness none %1\n", "line 1: nothing can be called" },
		{ "witness a %1\nwitness a %2\n", "line 2: a name that" },
		{ "witness a %1\nwitness b %1\n", "line 2: a witness that is" },
		{ "witness a " LOG "\n", "line 1: not a verifier key" },
		{ "log %1\n", "line 1: not a verifier key" },
		{ "log " LOG "\nlog " LOG "\n", "line 2: a log that is" },
		{ "witness a %1\ngroup g 0 a\n", "line 2: a threshold" },
		{ "witness a %1\ngroup g 00 a\n", "line 2: group NAME" },
		{ "witness a %1\ngroup g 2 a\n", "line 2: a threshold" },
		{ "witness a %1\ngroup g -1 a\n", "line 2: group NAME" },
		{ "witness a %1\ngroup g 01 a\n", "line 2: group NAME" },
		{ "witness a %1\ngroup g 99999999999999999999 a\n",
		    "line 2: a threshold" },
		{ "group g any g\n", "line 1: member 1 is not defined" },
		{ "witness a %1\ngroup g any a a\n",
		    "line 2: member 2 is in a group" },
		{ "witness a %1\ngroup g any a\ngroup h any a\n",
		    "line 3: member 1 is in a group" },
		{ "group g any\n", "line 1: group NAME" },
		{ "witness a %1\ngroup g any none\n", "line 2: member 1" },
		{ "frob\n", "line 1: neither" },
		{ "quorum none\r\n", "line 1: a control character" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		OWNED(witness_policy) p = NULL;
		char why[WITNESS_WHY];

		assert_int_equal(parse(&p, bad[i].text, why), ERR_FORMAT);
		if (strncmp(why, bad[i].why, strlen(bad[i].why)) != 0)
			fail_msg("policy %zu: %s", i, why);
	}
}

/* Whoever may cosign k times must not count k times. */
static void
limits_hold_at_n_and_n_plus_1(void **state)
{
	(void)state;
	for (unsigned int extra = 0; extra < 2; extra++) {
		OWNED(witness_policy) p = NULL;
		static char text[64 << 10];
		char why[WITNESS_WHY];
		size_t n = 0;

		for (unsigned int i = 0; i < WITNESS_NODES_MAX + extra; i++) {
			struct note_key k;
			char vkey[128];

			n += (size_t)snprintf(text + n, sizeof(text) - n,
			    "witness n%u %s\n", i, vkey_of(i, vkey, &k, NULL));
		}
		n += (size_t)snprintf(text + n, sizeof(text) - n,
		    "quorum n0\n");
		assert_int_equal(witness_policy_parse(&p, text, n, why),
		    extra ? ERR_FORMAT : 0);
	}
}

/* ---- requests ---- */

static void
a_request_is_written_and_read(void **state)
{
	struct witness_request r = { .old_size = 20852014,
		.count = 2,
		.proof = { { { 1 } }, { { 2 } } },
		.note = NOTE,
		.length = strlen(NOTE) },
			       again;
	OWNED_MEM(char) body = NULL;
	size_t n;

	(void)state;
	assert_int_equal(witness_request_write(&body, &r), 0);
	n = strlen(body);
	assert_int_equal(witness_request_parse(&again, body, n), 0);
	assert_int_equal(again.old_size, r.old_size);
	assert_int_equal(again.count, 2);
	assert_memory_equal(again.proof, r.proof, 2 * DIGEST_SIZE);
	assert_int_equal(again.length, r.length);
	assert_memory_equal(again.note, NOTE, r.length);
	for (size_t cut = 0; cut <= n - strlen(NOTE); cut++)
		assert_int_equal(witness_request_parse(&again, body, cut),
		    ERR_FORMAT);
}

static void
requests_that_are_none_are_refused(void **state)
{
	static const char *const bad[] = { "old 01\n\nx\n", "old\n\nx\n",
		"old -1\n\nx\n", "old 18446744073709551616\n\nx\n",
		"OLD 1\n\nx\n", "old 1\nAAAA\n\nx\n", "old  1\n\nx\n",
		"old 1\n\n", "old 1 \n\nx\n", "\nold 1\n\nx\n" };
	struct witness_request r;
	char many[WITNESS_PROOF_MAX * 45 + 200];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(witness_request_parse(&r, bad[i],
				     strlen(bad[i])),
		    ERR_FORMAT);
	for (unsigned int extra = 0; extra < 2; extra++) {
		size_t n = (size_t)snprintf(many, sizeof(many), "old 1\n");

		for (unsigned int i = 0; i < WITNESS_PROOF_MAX + extra; i++)
			n += (size_t)snprintf(many + n, sizeof(many) - n,
			    "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n");
		n += (size_t)snprintf(many + n, sizeof(many) - n, "\nx\n");
		assert_int_equal(witness_request_parse(&r, many, n),
		    extra ? ERR_FORMAT : 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_cosignature_is_the_vectors),
		cmocka_unit_test(a_key_of_one_kind_is_not_one_of_the_other),
		cmocka_unit_test(
		    a_note_without_its_cosignature_is_not_cosigned),
		cmocka_unit_test(the_latest_of_several_counts),
		cmocka_unit_test(every_flipped_bit_is_refused),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(a_quorum_is_who_the_policy_says),
		cmocka_unit_test(
		    the_moment_is_when_the_last_one_needed_cosigned),
		cmocka_unit_test(one_bad_cosignature_refuses_the_note),
		cmocka_unit_test(nobody_is_enough_when_nobody_is_asked_for),
		cmocka_unit_test(policies_that_are_none_are_refused_by_line),
		cmocka_unit_test(limits_hold_at_n_and_n_plus_1),
		cmocka_unit_test(a_request_is_written_and_read),
		cmocka_unit_test(requests_that_are_none_are_refused),
	};

	return cmocka_run_group_tests(tests, make_key, drop_key);
}
