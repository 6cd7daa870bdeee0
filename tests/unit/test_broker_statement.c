/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/bureau.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/log.h"

#define DAEMON 1
#define P(i) (1U << (i))

static int
setup(void **state)
{
	struct desk *d = calloc(1, sizeof(*d));

	assert_non_null(d);
	log_sink(test_hush, NULL);
	desk_new(d, true);
	*state = d;
	return 0;
}

static int
teardown(void **state)
{
	desk_free(*state);
	free(*state);
	return 0;
}

static json_int_t
number(const json_t *j, const char *key)
{
	return json_integer_value(json_object_get(j, key));
}

static bool
effective(const json_t *j)
{
	return json_is_true(json_object_get(j, "effective"));
}

/* --- trust roots --- */

static json_t *
trust_get(struct desk_person *p, uint64_t after)
{
	OWNED_WRITER body = writer_of(8);

	writer_u64(&body, after);
	return desk_json(p, MSG_TRUST_GET, &body);
}

static void
the_first_trust_root_takes_its_own_threshold(void **state)
{
	struct bureau_policy policy = BUREAU_POLICY;
	OWNED(statement) s = NULL;
	struct desk_person owner;
	void *j;

	policy.root = 2;
	desk_person_come(&owner, *state, 0);
	j = trust_get(&owner, 0);
	assert_int_equal(number(j, "number"), 0);
	json_decref(j);
	s = bureau_root(*state, &policy, 1, NULL);
	assert_int_equal(bureau_add(&owner, s, P(0), &j), 0);
	assert_false(effective(j));
	assert_string_equal(desk_text(j, "name"), "T1");
	assert_int_equal(number(j, "have"), 1);
	assert_int_equal(number(j, "need"), 2);
	assert_int_equal(json_array_size(json_object_get(j, "waits")), 3);
	json_decref(j);
	assert_int_equal(bureau_sign(&owner, 1, s, 3, &j), 0);
	assert_true(effective(j));
	json_decref(j);
	j = trust_get(&owner, 0);
	assert_int_equal(number(j, "number"), 1);
	assert_int_equal(json_array_size(json_object_get(j, "roots")), 1);
	json_decref(j);
	desk_person_go(&owner);
}

static void
nothing_is_signed_without_a_trust_root(void **state)
{
	struct statement_fields f;
	struct desk_person owner;
	struct digest v;

	desk_person_come(&owner, *state, 0);
	assert_int_equal(desk_put(&owner, "llama", (size_t[]){ 9 }, 1, &v), 0);
	bureau_verify(*state, "llama", &v, true);
	f = bureau_version(*state, "llama", &v);
	REFUSED(&owner, ERR_NOT_FOUND, "weir trust init",
	    bureau_say(&owner, &f, P(0), NULL));
	desk_person_go(&owner);
}

static void
the_next_root_takes_the_thresholds_of_both(void **state)
{
	struct bureau_policy old = BUREAU_POLICY, new = BUREAU_POLICY;
	OWNED(statement) first = NULL;
	OWNED(statement) next = NULL;
	struct desk_person owner;
	json_t *waits;
	void *j;

	old.root = 2;
	new.from = 4;
	new.root = 2;
	desk_person_come(&owner, *state, 0);
	first = bureau_root(*state, &old, 1, NULL);
	assert_int_equal(bureau_add(&owner, first, P(0) | P(1), NULL), 0);
	next = bureau_root(*state, &new, 2, first);
	assert_int_equal(bureau_add(&owner, next, P(4) | P(2), &j), 0);
	assert_false(effective(j));
	assert_int_equal(number(j, "have"), 1);
	waits = json_object_get(j, "waits");
	assert_int_equal(json_array_size(waits), 3 + 3);
	json_decref(j);
	/* the old ones' threshold is met, the new ones' is not */
	assert_int_equal(bureau_sign(&owner, 2, next, 3, &j), 0);
	assert_false(effective(j));
	assert_int_equal(json_array_size(json_object_get(j, "waits")), 3);
	json_decref(j);
	assert_int_equal(bureau_sign(&owner, 2, next, 5, &j), 0);
	assert_true(effective(j));
	json_decref(j);
	j = trust_get(&owner, 1);
	assert_int_equal(number(j, "number"), 2);
	assert_int_equal(json_array_size(json_object_get(j, "roots")), 1);
	json_decref(j);
	desk_person_go(&owner);
}

static void
a_root_that_does_not_follow_is_refused(void **state)
{
	struct bureau_policy policy = BUREAU_POLICY, other = BUREAU_POLICY;
	OWNED(statement) first = bureau_root(*state, &policy, 1, NULL);
	OWNED(statement) gap = bureau_root(*state, &policy, 3, first);
	OWNED(statement) again = bureau_root(*state, &policy, 1, NULL);
	OWNED(statement) strangers = NULL;
	OWNED(statement) astray = NULL;
	OWNED(statement) log = NULL;
	struct desk_person owner;

	other.from = 8;
	desk_person_come(&owner, *state, 0);
	assert_int_equal(bureau_add(&owner, first, P(0), NULL), 0);
	REFUSED(&owner, ERR_CONFLICT, "next one is trust root 2",
	    bureau_add(&owner, gap, P(0), NULL));
	REFUSED(&owner, ERR_CONFLICT, "next one is trust root 2",
	    bureau_add(&owner, again, P(0), NULL));
	astray = bureau_root(*state, &policy, 2, gap);
	REFUSED(&owner, ERR_CONFLICT, "does not follow",
	    bureau_add(&owner, astray, P(0), NULL));
	strangers = bureau_root(*state, &other, 2, first);
	REFUSED(&owner, ERR_DENIED,
	    "0 of 1 signatures count under trust root 1"
	    "; missing: p0, p1, p2 or p3",
	    bureau_add(&owner, strangers, P(8) | P(9), NULL));
	policy.log = "weir.example/audit+c5eef1ba+"
		     "AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4";
	log = bureau_root(*state, &policy, 2, first);
	REFUSED(&owner, ERR_INTEGRITY, "another log",
	    bureau_add(&owner, log, P(0), NULL));
	assert_int_equal(desk_count(*state, "statement.add"), 1);
	desk_person_go(&owner);
}

/* A new root may ask for less than there is already. */
static void
what_has_enough_under_a_new_root_counts_when_signed_again(void **state)
{
	struct bureau_policy policy = BUREAU_POLICY;
	OWNED(statement) first = NULL;
	OWNED(statement) second = NULL;
	OWNED(statement) s = NULL;
	struct statement_fields f;
	struct desk_person owner;
	struct digest v;
	size_t size = 9;
	void *j;

	policy.sign = 2;
	desk_person_come(&owner, *state, 0);
	first = bureau_root(*state, &policy, 1, NULL);
	assert_int_equal(bureau_add(&owner, first, P(0), NULL), 0);
	assert_int_equal(desk_put(&owner, "llama", &size, 1, &v), 0);
	bureau_verify(*state, "llama", &v, true);
	f = bureau_version(*state, "llama", &v);
	s = people_statement(&f);
	assert_int_equal(bureau_add(&owner, s, P(2), NULL), 0);
	REFUSED(&owner, ERR_CONFLICT, "p2 has signed it already: 1 of 2",
	    bureau_sign(&owner, 2, s, 2, NULL));
	policy.sign = 1;
	second = bureau_root(*state, &policy, 2, first);
	assert_int_equal(bureau_add(&owner, second, P(0), NULL), 0);
	assert_int_equal(bureau_sign(&owner, 2, s, 2, &j), 0);
	assert_true(effective(j));
	json_decref(j);
	desk_person_go(&owner);
}

/* --- versions --- */

static struct digest
put(struct desk_person *p, size_t size)
{
	struct digest v;

	assert_int_equal(desk_put(p, "llama", &size, 1, &v), 0);
	return v;
}

static void
begin(struct desk_person *owner, struct desk *d)
{
	const struct bureau_policy policy = BUREAU_POLICY;

	desk_person_come(owner, d, 0);
	bureau_begin(owner, &policy);
}

static void
a_version_is_signed_once_it_is_verified(void **state)
{
	struct statement_fields f;
	struct desk_person owner;
	struct digest v;
	void *j;

	begin(&owner, *state);
	v = put(&owner, 9);
	f = bureau_version(*state, "llama", &v);
	REFUSED(&owner, ERR_CONFLICT, "verifier has not yet",
	    bureau_say(&owner, &f, P(2), NULL));
	bureau_verify(*state, "llama", &v, false);
	REFUSED(&owner, ERR_INTEGRITY, "f0 has another digest",
	    bureau_say(&owner, &f, P(2), NULL));
	bureau_verify(*state, "llama", &v, true);
	assert_int_equal(bureau_say(&owner, &f, P(2), &j), 0);
	assert_true(effective(j));
	assert_string_equal(desk_text(j, "name"), "S2");
	assert_string_equal(json_string_value(
				json_array_get(json_object_get(j, "signed"),
				    0)),
	    "p2");
	json_decref(j);
	desk_person_go(&owner);
}

static void
a_version_that_the_catalogue_knows_otherwise_is_refused(void **state)
{
	struct statement_fields f, g;
	struct desk_person owner;
	struct digest v;

	begin(&owner, *state);
	v = put(&owner, 9);
	bureau_verify(*state, "llama", &v, true);
	f = bureau_version(*state, "llama", &v);
	g = f;
	g.files++;
	REFUSED(&owner, ERR_INTEGRITY, "says files 2; the catalogue has 1",
	    bureau_say(&owner, &g, P(2), NULL));
	g = f;
	g.bytes--;
	REFUSED(&owner, ERR_INTEGRITY, "says bytes 8",
	    bureau_say(&owner, &g, P(2), NULL));
	g = f;
	g.weights++;
	REFUSED(&owner, ERR_INTEGRITY, "says weights",
	    bureau_say(&owner, &g, P(2), NULL));
	g = f;
	g.root.bytes[31] ^= 1;
	REFUSED(&owner, ERR_INTEGRITY, "another root digest",
	    bureau_say(&owner, &g, P(2), NULL));
	g = f;
	g.put_by = "user:daemon";
	REFUSED(&owner, ERR_INTEGRITY, "user:daemon put the version",
	    bureau_say(&owner, &g, P(2), NULL));
	g = f;
	g.model = "other";
	REFUSED(&owner, ERR_NOT_FOUND, "there is no other@",
	    bureau_say(&owner, &g, P(2), NULL));
	g = f;
	g.vault[3] ^= 1;
	REFUSED(&owner, ERR_INTEGRITY, "another vault",
	    bureau_say(&owner, &g, P(2), NULL));
	assert_int_equal(bureau_say(&owner, &f, P(2), NULL), 0);
	assert_int_equal(desk_count(*state, "refused"), 6);
	desk_person_go(&owner);
}

static void
signatures_that_do_not_count_are_told_apart(void **state)
{
	OWNED(statement) forged = NULL;
	struct statement_signature sig;
	struct statement_fields f;
	struct desk_person owner;
	struct digest v;
	json_t *e;

	begin(&owner, *state);
	v = put(&owner, 9);
	bureau_verify(*state, "llama", &v, true);
	f = bureau_version(*state, "llama", &v);
	REFUSED(&owner, ERR_DENIED,
	    "0 of 1 signatures count under trust root 1; missing: p0, p1, p2"
	    " or p3",
	    bureau_say(&owner, &f, P(9), NULL));
	forged = people_statement(&f);
	people_sign(2, forged);
	sig = people_signature(3, forged);
	sig.bytes[9] ^= 4;
	assert_int_equal(statement_add(forged, &sig), 0);
	REFUSED(&owner, ERR_INTEGRITY, "this key did not make",
	    bureau_add(&owner, forged, 0, NULL));
	e = desk_last(*state, "refused");
	assert_string_equal(desk_text(e, "request"), "statement.add");
	assert_non_null(strstr(desk_text(e, "reason"), "did not make"));
	json_decref(e);
	/* who is not known is passed over */
	assert_int_equal(bureau_say(&owner, &f, P(2) | P(9), NULL), 0);
	desk_person_go(&owner);
}

static void
where_no_rule_matches_nothing_is_signed(void **state)
{
	struct bureau_policy policy = BUREAU_POLICY;
	struct statement_fields f;
	struct desk_person owner;
	struct digest v;

	policy.models = "mistral*";
	desk_person_come(&owner, *state, 0);
	bureau_begin(&owner, &policy);
	v = put(&owner, 9);
	bureau_verify(*state, "llama", &v, true);
	f = bureau_version(*state, "llama", &v);
	REFUSED(&owner, ERR_DENIED, "no rule of trust root 1 lets anybody sign",
	    bureau_say(&owner, &f, P(2), NULL));
	desk_person_go(&owner);
}

static void
a_new_statement_of_a_version_takes_the_place_of_the_old(void **state)
{
	struct statement_fields f;
	struct desk_person owner;
	struct digest v;
	json_t *list;

	begin(&owner, *state);
	v = bureau_signed(&owner, "llama", 9);
	f = bureau_version(*state, "llama", &v);
	f.owner = "the language team";
	assert_int_equal(bureau_say(&owner, &f, P(2), NULL), 0);
	{
		OWNED_WRITER body = writer_of(16);
		json_t *j;

		writer_string(&body, "llama");
		j = desk_json(&owner, MSG_STATEMENT_LS, &body);
		list = json_object_get(j, "statements");
		assert_int_equal(json_array_size(list), 2);
		assert_string_equal(desk_text(json_array_get(list, 0), "state"),
		    "stale");
		assert_string_equal(desk_text(json_array_get(list, 1), "state"),
		    "effective");
		json_decref(j);
	}
	desk_person_go(&owner);
}

/* --- how many, how long --- */

static void
sixty_four_may_wait_for_one_model(void **state)
{
	struct bureau_policy policy = BUREAU_POLICY;
	struct statement_fields f;
	struct desk_person owner;
	struct digest v;

	policy.sign = 2;
	desk_person_come(&owner, *state, 0);
	bureau_begin(&owner, &policy);
	v = put(&owner, 9);
	bureau_verify(*state, "llama", &v, true);
	f = bureau_version(*state, "llama", &v);
	for (int i = 0; i < 64; i++) {
		f.time_ms++;
		assert_int_equal(bureau_say(&owner, &f, P(2), NULL), 0);
	}
	REFUSED(&owner, ERR_CONFLICT, "waits already, as S65",
	    bureau_say(&owner, &f, P(2), NULL));
	f.time_ms++;
	REFUSED(&owner, ERR_LIMIT, "64 statements of llama wait",
	    bureau_say(&owner, &f, P(2), NULL));
	assert_int_equal(bureau_withdraw(&owner, 5, "too many"), 0);
	assert_int_equal(bureau_say(&owner, &f, P(2), NULL), 0);
	desk_person_go(&owner);
}

static void
what_is_no_statement_or_too_long_is_refused(void **state)
{
	static char big[(58 << 10) + 2];
	struct desk_person owner;

	begin(&owner, *state);
	for (size_t over = 0; over <= 1; over++) {
		OWNED_WRITER body = writer_of(FRAME_MAX);

		memset(big, ' ', sizeof(big));
		big[(58 << 10) + over] = '\0';
		msg_text_write(&body, big);
		REFUSED(&owner, over != 0 ? ERR_LIMIT : ERR_FORMAT,
		    over != 0 ? "58 KiB" : "no statement",
		    desk_ask(&owner, MSG_STATEMENT_ADD, &body, NULL));
	}
	desk_person_go(&owner);
}

/* 64 signatures over a payload of nearly 32 KiB, by people whose names are as
 * long as these: the entry holds it, and the trail is read again. */
static void
the_largest_statement_fits_an_entry(void **state)
{
	struct bureau_policy policy = BUREAU_POLICY;
	static char texts[64][STATEMENT_TEXT_MAX + 1], keys[64][200];
	struct statement_label labels[64];
	OWNED(statement) s = NULL;
	struct statement_fields f;
	struct desk_person owner;
	struct digest v;
	size_t n = 0;
	void *j;

	policy.count = 64;
	policy.sign = 64;
	desk_person_come(&owner, *state, 0);
	bureau_begin(&owner, &policy);
	v = put(&owner, 9);
	bureau_verify(*state, "llama", &v, true);
	f = bureau_version(*state, "llama", &v);
	for (size_t i = 0; i < 64; i++) {
		memset(texts[i], 'x', STATEMENT_TEXT_MAX);
		snprintf(keys[i], sizeof(keys[i]), "label-%03zu%0180d", i, 0);
		labels[i] = (struct statement_label){ keys[i], texts[i] };
	}
	f.labels = labels;
	f.label_count = 64;
	s = people_statement(&f);
	(void)statement_payload(s, &n);
	assert_in_range(n, 28 << 10, STATEMENT_PAYLOAD_MAX);
	for (unsigned int i = 0; i < 64; i++)
		people_sign(i, s);
	assert_int_equal(bureau_add(&owner, s, 0, &j), 0);
	assert_true(effective(j));
	json_decref(j);
	assert_int_equal(desk_count(*state, "statement.add"), 2);
	desk_person_go(&owner);
}

/* --- who may --- */

static void
trust_roots_are_for_owners_the_rest_for_managers(void **state)
{
	struct bureau_policy policy = BUREAU_POLICY;
	OWNED(statement) root = bureau_root(*state, &policy, 1, NULL);
	OWNED(statement) next = NULL;
	struct desk_person owner, bin;
	struct statement_fields f;
	struct digest v;

	policy.root = 2;
	desk_person_come(&owner, *state, 0);
	desk_person_come(&bin, *state, 2);
	assert_int_equal(desk_role(&owner, MSG_ROLE_ADD, "manager", "",
			     "user:bin"),
	    0);
	REFUSED(&bin, ERR_DENIED,
	    "making a trust root needs the role of owner, which user:bin has "
	    "not; an owner may give it: weir role add owner --to user:bin",
	    bureau_add(&bin, root, P(0), NULL));
	assert_int_equal(bureau_add(&owner, root, P(0), NULL), 0);
	v = put(&owner, 9);
	bureau_verify(*state, "llama", &v, true);
	f = bureau_version(*state, "llama", &v);
	assert_int_equal(bureau_say(&bin, &f, P(2), NULL), 0);
	policy.count = 3;
	next = bureau_root(*state, &policy, 2, root);
	assert_int_equal(bureau_add(&owner, next, P(0), NULL), 0);
	REFUSED(&bin, ERR_DENIED,
	    "signing a trust root needs the role of owner",
	    bureau_sign(&bin, 3, next, 1, NULL));
	REFUSED(&bin, ERR_DENIED,
	    "withdrawing a trust root needs the role of owner",
	    bureau_withdraw(&bin, 3, "t"));
	desk_person_go(&owner);
	desk_person_go(&bin);
}

#define TEST(x) cmocka_unit_test_setup_teardown(x, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_first_trust_root_takes_its_own_threshold),
		TEST(nothing_is_signed_without_a_trust_root),
		TEST(the_next_root_takes_the_thresholds_of_both),
		TEST(a_root_that_does_not_follow_is_refused),
		TEST(a_version_is_signed_once_it_is_verified),
		TEST(a_version_that_the_catalogue_knows_otherwise_is_refused),
		TEST(signatures_that_do_not_count_are_told_apart),
		TEST(where_no_rule_matches_nothing_is_signed),
		TEST(a_new_statement_of_a_version_takes_the_place_of_the_old),
		TEST(sixty_four_may_wait_for_one_model),
		TEST(what_is_no_statement_or_too_long_is_refused),
		TEST(the_largest_statement_fits_an_entry),
		TEST(what_has_enough_under_a_new_root_counts_when_signed_again),
		TEST(trust_roots_are_for_owners_the_rest_for_managers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
