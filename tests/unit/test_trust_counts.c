/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Who counts: random sets of signatures, against a counter that knows who made
 * what and so looks at no signature.
 *
 *	WEIR_TRUST_SETS=10000000 build/tests/unit/test_trust_counts
 *
 * Linked with --wrap=statement_signed_by: a verdict on the same signature, key
 * and statement is remembered, or this would take an hour.  What is remembered
 * is looked at again now and then.
 */
#include "tests/lib/test.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/people.h"
#include "vault/err.h"
#include "vault/statement_parts.h"
#include "vault/trust.h"

#define SETS 1000000
#define SETS_SLOWLY 100000 /* under a sanitizer (make's SAN) */
#define MEMO 16384	   /* a power of two */
#define AGAIN 499	   /* each so many'th answer is checked */

/* Root 2 has p0 to p7; root 1 had p8 and p9, too; nobody knows p10, p11. */
#define PEOPLE 12
#define KNOWN 8
#define UPLOADER 1 /* user:alice, who put the version */

/* ---- the memory of statement_signed_by ---- */

bool __real_statement_signed_by(const struct statement *s,
    const struct statement_signature *sig, const struct statement_key *k);
bool __wrap_statement_signed_by(const struct statement *s,
    const struct statement_signature *sig, const struct statement_key *k);

static struct remembered {
	const struct statement *s; /* NULL: free */
	struct statement_signature sig;
	struct statement_key key;
	bool good;
} memo[MEMO];
static const struct statement *memo_of[3]; /* these are remembered */
static unsigned long asked;

static struct remembered *
look_up(const struct statement *s, const struct statement_signature *sig,
    const struct statement_key *k)
{
	uint64_t h = 0, x;

	for (size_t i = 0; i < 64; i += 8) {
		memcpy(&x, sig->bytes + i, 8);
		h = (h ^ x) * UINT64_C(0x9e3779b97f4a7c15);
	}
	for (size_t i = h >> 32 & (MEMO - 1);; i = (i + 1) & (MEMO - 1)) {
		struct remembered *m = &memo[i];

		if (m->s == NULL ||
		    (m->s == s && memcmp(&m->sig, sig, sizeof(*sig)) == 0 &&
			memcmp(&m->key, k, sizeof(*k)) == 0))
			return m;
	}
}

bool
__wrap_statement_signed_by(const struct statement *s,
    const struct statement_signature *sig, const struct statement_key *k)
{
	struct remembered *m;

	if (s != memo_of[0] && s != memo_of[1] && s != memo_of[2])
		return __real_statement_signed_by(s, sig, k);
	m = look_up(s, sig, k);
	if (m->s == NULL) {
		*m = (struct remembered){ s, *sig, *k,
			__real_statement_signed_by(s, sig, k) };
	} else if (++asked % AGAIN == 0) {
		assert_int_equal(__real_statement_signed_by(s, sig, k),
		    m->good);
	}
	return m->good;
}

/* ---- the pool ---- */

enum kind {
	HONEST,
	HONEST_AGAIN, /* by the same key, other bytes */
	STRANGER,     /* under a keyid that nobody has */
	SMALL_KEY,    /* good under a key of small order */
	HARMLESS,     /* those before do not hurt, whoever made them */
	OTHER_PAYLOAD = HARMLESS,
	OTHER_VAULT,
	BARE_PAYLOAD,
	OTHER_TYPE,
	OTHER_PERSON, /* somebody else's, under this one's keyid */
	NOT_CANONICAL,
	SMALL_R,
	SMALL_R_ZERO_S,
	FLIPPED,
	KINDS,
};

struct item {
	struct statement_signature sig;
	unsigned int claims; /* who made it, by its keyid; PEOPLE: nobody */
	bool honest;
};

/* What is signed: a version, a promotion, a revocation. */
static struct subject {
	enum statement_about about;
	unsigned int role; /* a bit for each person */
	unsigned int threshold;
	struct statement *statement;
	struct item pool[PEOPLE][KINDS];
} subjects[3] = {
	{ .about = STATEMENT_VERSION, .role = 0x1f, .threshold = 3 },
	{ .about = STATEMENT_PROMOTION, .role = 0x3e, .threshold = 2 },
	{ .about = STATEMENT_REVOCATION, .role = 0xff, .threshold = 4 },
};
static struct trust_root *root;

static struct statement_signature
of_other_type(unsigned int i, const struct statement *s)
{
	OWNED_MEM(uint8_t) bytes = NULL;
	struct statement_signature sig;
	size_t n;

	assert_int_equal(statement_to_sign(s, &bytes, &n), 0);
	*strstr((char *)bytes, "vnd") = 'w'; /* a type of the same length */
	sig = people_signature_of(i, bytes, n);
	return sig;
}

static struct statement_signature
of_other(unsigned int i, const struct subject *subject, enum kind kind)
{
	struct statement_fields f = people_fields(subject->about);
	OWNED(statement) other = NULL;

	if (kind == OTHER_VAULT)
		f.vault[0] ^= 1;
	else
		f.model = "llama/chat";
	other = people_statement(&f);
	return people_signature(i, other);
}

static struct statement_signature
make_signature(unsigned int i, const struct subject *subject, enum kind kind)
{
	const struct statement *s = subject->statement;
	struct statement_signature sig = people_signature(i, s), made = sig;
	const struct statement_key one = { .bytes = { 1 } };
	const void *payload;
	size_t n;

	switch (kind) {
	case HONEST:
		return sig;
	case HONEST_AGAIN:
		return people_signature_again(i, s, i);
	case STRANGER:
		made.keyid.bytes[0] ^= 0x80;
		return made;
	case SMALL_KEY: /* R = 1, S = 0 is good under A = 1 for all bytes */
		made = (struct statement_signature){
			.keyid = statement_key_id(&one),
			.bytes = { 1 },
		};
		return made;
	case OTHER_PAYLOAD:
	case OTHER_VAULT:
		return of_other(i, subject, kind);
	case BARE_PAYLOAD:
		payload = statement_payload(s, &n);
		return people_signature_of(i, payload, n);
	case OTHER_TYPE:
		return of_other_type(i, s);
	case OTHER_PERSON:
		made = people_signature((i + 1) % PEOPLE, s);
		made.keyid = sig.keyid;
		return made;
	case NOT_CANONICAL:
		return people_other_s(&sig);
	case SMALL_R:
		return people_small_order(i, s);
	case SMALL_R_ZERO_S:
		memset(made.bytes, 0, sizeof(made.bytes));
		made.bytes[0] = 1;
		return made;
	case FLIPPED:
		made.bytes[i * 5] ^= 4;
		return made;
	case KINDS:
		break;
	}
	abort();
}

static void
fill(struct subject *s)
{
	struct statement_fields f = people_fields(s->about);

	s->statement = people_statement(&f);
	for (unsigned int i = 0; i < PEOPLE; i++)
		for (unsigned int k = 0; k < KINDS; k++)
			s->pool[i][k] = (struct item){
				.sig = make_signature(i, s, (enum kind)k),
				.claims = k == STRANGER || k == SMALL_KEY ?
				    PEOPLE :
				    i,
				.honest = k == HONEST || k == HONEST_AGAIN,
			};
}

static char *
role_text(const struct subject *s)
{
	char keys[100] = "", *text = NULL;

	for (unsigned int i = 0; i < KNOWN; i++)
		if ((s->role >> i & 1) != 0)
			snprintf(keys + strlen(keys),
			    sizeof(keys) - strlen(keys), "%s\"p%u\"",
			    keys[0] != '\0' ? "," : "", i);
	assert_true(asprintf(&text, "{\"keys\":[%s],\"threshold\":%u}", keys,
			s->threshold) > 0);
	return text;
}

/* people_policy's with the roles of the subjects, and another alice. */
static struct trust_root *
make_policy(void)
{
	OWNED_MEM(char) base = people_policy(KNOWN, 1);
	OWNED_MEM(char) sign = role_text(&subjects[0]);
	OWNED_MEM(char) promote = role_text(&subjects[1]);
	OWNED_MEM(char) revoke = role_text(&subjects[2]);
	OWNED_MEM(char) renamed = people_edit(base, "user:alice", "user:p0");
	OWNED_MEM(char) policy = people_edit(renamed, "user:p1", "user:alice");
	OWNED_MEM(char) text = NULL;
	struct trust_root *r = NULL;
	struct statement *s;

	*strstr(policy, "\"models\":[") = '\0';
	assert_true(asprintf(&text,
			"%s\"models\":[{\"models\":\"*\",\"sign\":%s,"
			"\"revoke\":%s}],\"channels\":[{\"models\":\"*\","
			"\"channels\":\"*\",\"promote\":%s,\"rollback\":%s,"
			"\"days\":90,\"uploader_may_approve\":false}]}",
			policy, sign, revoke, promote, promote) > 0);
	s = people_root(text, 2, NULL);
	assert_int_equal(trust_root_parse(&r, s, NULL), 0);
	statement_free(s);
	return r;
}

static int
make_pool(void **state)
{
	(void)state;
	root = make_policy();
	for (size_t i = 0; i < 3; i++) {
		fill(&subjects[i]);
		memo_of[i] = subjects[i].statement;
	}
	return 0;
}

static int
drop_pool(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++)
		statement_free(subjects[i].statement);
	trust_root_free(root);
	return 0;
}

/* ---- the reference ---- */

static enum trust_verdict
reference(const struct subject *s, const struct item *const *set, size_t n,
    unsigned int *have)
{
	unsigned int who = 0;
	bool forged = false;

	for (size_t i = 0; i < n; i++) {
		if (set[i]->claims >= KNOWN)
			continue;
		forged |= !set[i]->honest;
		if (set[i]->honest)
			who |= 1U << set[i]->claims;
	}
	who &= s->role;
	if (s->about == STATEMENT_PROMOTION)
		who &= ~(1U << UPLOADER);
	*have = (unsigned int)__builtin_popcount(who);
	if (forged)
		return TRUST_FORGED;
	return *have >= s->threshold ? TRUST_OK : TRUST_TOO_FEW;
}

/* ---- sets ---- */

static uint64_t chance = 88172645463325252;

/* xorshift64*: the same sets each time. */
static unsigned int
below(unsigned int n)
{
	chance ^= chance >> 12;
	chance ^= chance << 25;
	chance ^= chance >> 27;
	return (unsigned int)(chance * UINT64_C(2685821657736338717) >> 33) % n;
}

/* Half of the sets have nothing that refuses an envelope; one in 16 is long. */
static size_t
draw(const struct subject *s, const struct item **set)
{
	size_t n = 1 + below(below(16) == 0 ? STATEMENT_SIGNATURES_MAX : 20);
	bool harmless = below(2) == 0;

	for (size_t i = 0; i < n; i++) {
		unsigned int person = below(PEOPLE);
		unsigned int kind = below(3) == 0 ? below(KINDS) :
						    below(HARMLESS);

		if (harmless && kind >= HARMLESS && person < KNOWN)
			kind = below(HARMLESS);
		set[i] = i > 0 && below(5) == 0 ? set[below((unsigned int)i)] :
						  &s->pool[person][kind];
	}
	return n;
}

static enum trust_verdict
judge(const struct statement *s, enum statement_about about)
{
	const struct statement_fields *f = statement_fields(s);
	struct trust_want w = {
		.vault = PEOPLE_VAULT,
		.model = f->model,
		.channel = f->channel,
		.version = f->version,
		.now_ms = f->time_ms,
	};

	if (about == STATEMENT_VERSION)
		return trust_accept_version(root, &w, s);
	if (about == STATEMENT_REVOCATION)
		return trust_accept_revocation(root, &w, s);
	return trust_accept_promotion(root, &w, s, NULL);
}

/* The set as it would come from outside. */
static enum trust_verdict
judge_envelope(const struct subject *s, const struct statement_signature *sigs,
    size_t n)
{
	size_t length;
	const void *payload = statement_payload(s->statement, &length);
	OWNED_MEM(char) text = people_envelope(payload, length, sigs, n);
	OWNED(statement) parsed = NULL;

	assert_int_equal(statement_parse(&parsed, text, strlen(text), NULL), 0);
	return judge(parsed, s->about);
}

static enum trust_verdict
try_set(const struct subject *s, bool from_outside)
{
	const struct item *set[STATEMENT_SIGNATURES_MAX];
	size_t n = draw(s, set);
	enum trust_verdict want, got;
	struct trust_count c;
	unsigned int have;

	/* Straight into the statement: statement_add would drop duplicates. */
	s->statement->count = n;
	for (size_t i = 0; i < n; i++)
		s->statement->signatures[i] = set[i]->sig;
	want = reference(s, set, n, &have);
	got = judge(s->statement, s->about);
	trust_count_of(&c, root, s->statement);
	if (got != want || c.have != have || c.need != s->threshold ||
	    c.forged != (want == TRUST_FORGED) ||
	    trust_count_met(&c) != (want == TRUST_OK))
		fail_msg("%zu signatures: '%s' for '%s', %u for %u", n,
		    trust_text(got), trust_text(want), c.have, have);
	if (from_outside)
		assert_int_equal(judge_envelope(s, s->statement->signatures, n),
		    want);
	return want;
}

static unsigned long
sets_to_try(void)
{
	const char *text = getenv("WEIR_TRUST_SETS"), *san = getenv("SAN");

	if (text != NULL)
		return strtoul(text, NULL, 10);
	return san != NULL && san[0] != '\0' ? SETS_SLOWLY : SETS;
}

static void
random_sets_get_the_verdict_of_the_reference(void **state)
{
	unsigned long sets = sets_to_try(), seen[TRUST_AHEAD + 1] = { 0 };

	(void)state;
	assert_true(sets >= 100);
	for (unsigned long i = 0; i < sets; i++)
		seen[try_set(&subjects[below(3)], i % 512 == 0)]++;
	print_message("%lu sets: %lu accepted, %lu too few, %lu forged\n", sets,
	    seen[TRUST_OK], seen[TRUST_TOO_FEW], seen[TRUST_FORGED]);
	assert_true(seen[TRUST_OK] > sets / 10);
	assert_true(seen[TRUST_TOO_FEW] > sets / 10);
	assert_true(seen[TRUST_FORGED] > sets / 10);
}

/* Each kind by itself, with a set beside it that is accepted. */
static void
each_kind_of_signature_does_what_the_reference_says(void **state)
{
	(void)state;
	for (size_t a = 0; a < 3; a++) {
		struct subject *s = &subjects[a];

		for (unsigned int i = 0; i < PEOPLE * KINDS; i++) {
			const struct item *set[KNOWN + 1];
			unsigned int have;

			for (size_t p = 0; p < KNOWN; p++)
				set[p] = &s->pool[p][HONEST];
			set[KNOWN] = &s->pool[i / KINDS][i % KINDS];
			s->statement->count = KNOWN + 1;
			for (size_t p = 0; p <= KNOWN; p++)
				s->statement->signatures[p] = set[p]->sig;
			assert_int_equal(judge(s->statement, s->about),
			    reference(s, set, KNOWN + 1, &have));
			assert_int_equal(judge_envelope(s,
					     s->statement->signatures,
					     KNOWN + 1),
			    reference(s, set, KNOWN + 1, &have));
		}
	}
}

static void
a_statement_of_another_vault_is_refused_whoever_signed(void **state)
{
	(void)state;
	for (size_t a = 0; a < 3; a++) {
		struct statement_fields f = people_fields(subjects[a].about);
		OWNED(statement) s = NULL;
		struct trust_count c;

		f.vault[0] ^= 1;
		s = people_statement(&f);
		for (unsigned int i = 0; i < KNOWN; i++)
			people_sign(i, s);
		assert_int_equal(judge(s, f.about), TRUST_OTHER_VAULT);
		trust_count_of(&c, root, s);
		assert_int_equal(c.need, 0);
		assert_int_equal(c.have, 0);
	}
}

/* ---- what went wrong elsewhere ---- */

/*
 * TUF's reference counted signatures, not keys: one key that signed twice, or
 * stood there under two key ids, met a threshold of two.
 */
static void
cve_2020_6174_one_key_that_signs_twice_counts_once(void **state)
{
	struct subject *s = &subjects[1]; /* two of p2 to p5 */
	struct statement_signature sigs[STATEMENT_SIGNATURES_MAX];

	(void)state;
	sigs[0] = sigs[1] = people_signature(2, s->statement);
	assert_int_equal(judge_envelope(s, sigs, 2), TRUST_TOO_FEW);
	sigs[1].keyid.bytes[0] ^= 1; /* under two ids */
	assert_int_equal(judge_envelope(s, sigs, 2), TRUST_TOO_FEW);
	for (unsigned int i = 1; i < STATEMENT_SIGNATURES_MAX; i++) {
		struct statement_key k = people_key(2);

		sigs[i] = people_signature_again(2, s->statement, i);
		assert_true(statement_signed_by(s->statement, &sigs[i], &k));
		assert_memory_not_equal(sigs[i].bytes, sigs[i - 1].bytes, 64);
		assert_int_equal(judge_envelope(s, sigs, i + 1), TRUST_TOO_FEW);
	}
	sigs[63] = people_signature(3, s->statement); /* a second key */
	assert_int_equal(judge_envelope(s, sigs, 64), TRUST_OK);
}

static void
cve_2020_6174_one_key_under_two_names_is_no_policy(void **state)
{
	OWNED_MEM(char) policy = people_policy(2, 2);
	struct statement_key a = people_key(0), b = people_key(1);
	char ta[STATEMENT_KEY_TEXT], tb[STATEMENT_KEY_TEXT];
	OWNED_MEM(char)
	same = people_edit(policy, statement_key_text(&b, tb),
	    statement_key_text(&a, ta));
	OWNED(statement) s = people_root(same, 1, NULL);
	OWNED(trust_root) r = NULL;

	(void)state;
	assert_int_equal(trust_root_parse(&r, s, NULL), ERR_FORMAT);
}

/*
 * go-tuf took thresholds of 0 and below, which nobody's signature meets, and
 * those above the number of keys.  2^32 + 1 is 1 where 32 bits are kept.
 */
static void
go_tuf_thresholds_below_one_or_above_keys_are_no_policy(void **state)
{
	static const char *const roles[] = { "root", "sign", "revoke",
		"promote", "rollback" };
	static const char *const bad[] = { "0", "-1", "-2147483648", "3",
		"4294967297", "4294967296", "-4294967295", "9007199254740993",
		"1.0", "1.5", "\"1\"", "true", "null", "[]" };
	OWNED_MEM(char) policy = people_policy(2, 1);

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		char from[80];

		snprintf(from, sizeof(from),
		    "\"%s\":{\"keys\":[\"p0\",\"p1\"],\"threshold\":1",
		    roles[i]);
		for (size_t b = 0; b <= sizeof(bad) / sizeof(bad[0]); b++) {
			OWNED_MEM(char) edited = NULL;
			OWNED(statement) s = NULL;
			OWNED(trust_root) r = NULL;
			bool good = b == sizeof(bad) / sizeof(bad[0]);
			char to[80];

			snprintf(to, sizeof(to), "%.*s%s",
			    (int)strlen(from) - 1, from, good ? "2" : bad[b]);
			edited = people_edit(policy, from, to);
			s = people_root(edited, 1, NULL);
			if (trust_root_parse(&r, s, NULL) !=
			    (good ? 0 : ERR_FORMAT))
				fail_msg("%s", to);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    each_kind_of_signature_does_what_the_reference_says),
		cmocka_unit_test(random_sets_get_the_verdict_of_the_reference),
		cmocka_unit_test(
		    a_statement_of_another_vault_is_refused_whoever_signed),
		cmocka_unit_test(
		    cve_2020_6174_one_key_that_signs_twice_counts_once),
		cmocka_unit_test(
		    cve_2020_6174_one_key_under_two_names_is_no_policy),
		cmocka_unit_test(
		    go_tuf_thresholds_below_one_or_above_keys_are_no_policy),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, make_pool, drop_pool);
}
