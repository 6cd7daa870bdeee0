/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proof files.  tests/vectors/proof-* are those of tests/lib/minutes.h; after a
 * change of the format on purpose: build/tests/unit/test_proof write
 */
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/minutes.h"
#include "vault/entry.h"
#include "vault/err.h"
#include "vault/file.h"
#include "vault/proof.h"
#include "vault/witness.h"

#define SIZE 20

/* Minute n, as questions write it. */
static const char *
at(size_t n, char buf[static ENTRY_TIME_SIZE])
{
	return entry_time_text(minutes_time(n), buf);
}

static const char *
reads(const char *who, const char *model, size_t since, size_t until)
{
	static char text[256];
	char from[ENTRY_TIME_SIZE], to[ENTRY_TIME_SIZE] = "-";

	snprintf(text, sizeof(text), "reads %s %s %s %s", who, model,
	    at(since, from), until > 0 ? at(until, to) : to);
	return text;
}

static int
verify(const struct proof *p, const struct minutes *m, char *why)
{
	struct proof_verdict v;

	return proof_verify(p, &m->key, &v, why);
}

/* Refused, with these words. */
static void
assert_refused(const struct proof *p, const struct minutes *m, const char *want)
{
	char why[PROOF_WHY];

	assert_int_equal(verify(p, m, why), ERR_INTEGRITY);
	if (strstr(why, want) == NULL)
		fail_msg("refused because '%s'", why);
}

static void
assert_holds(const struct proof *p, const struct minutes *m)
{
	char why[PROOF_WHY];

	if (verify(p, m, why) != 0)
		fail_msg("refused because '%s'", why);
}

static const uint64_t alice_read[] = { 1, 4, 9 };

/* ---- vectors ---- */

static struct proof *
make_yes(const struct minutes *m)
{
	return minutes_yes(m, reads("user:alice", "llama", 3, 0), alice_read,
	    3);
}

static struct proof *
make_no(const struct minutes *m)
{
	return minutes_no(m, reads("user:carol", "llama", 4, 10), 3, 11);
}

static struct proof *
make_entry(const struct minutes *m)
{
	static const uint64_t seven[] = { 7 };

	return minutes_yes(m, "entry 7", seven, 1);
}

static const struct {
	const char *path;
	struct proof *(*make)(const struct minutes *m);
} vectors[] = {
	{ "tests/vectors/proof-yes", make_yes },
	{ "tests/vectors/proof-no", make_no },
	{ "tests/vectors/proof-entry", make_entry },
};
#define VECTORS (sizeof(vectors) / sizeof(vectors[0]))

static void
write_proof(const struct proof *p, struct writer *w)
{
	*w = writer_of(PROOF_MAX);
	assert_int_equal(proof_write(w, p), 0);
}

static int
write_vectors(void)
{
	OWNED_MINUTES m = minutes_new(SIZE);

	for (size_t i = 0; i < VECTORS; i++) {
		OWNED(proof) p = vectors[i].make(&m);
		OWNED_WRITER w = { 0 };
		FILE *f = fopen(vectors[i].path, "w");

		write_proof(p, &w);
		if (f == NULL || fwrite(w.bytes, 1, w.length, f) != w.length ||
		    fclose(f) != 0)
			return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}

static void
what_is_written_is_the_vectors_and_reads_back(void **state)
{
	OWNED_MINUTES m = minutes_new(SIZE);

	(void)state;
	for (size_t i = 0; i < VECTORS; i++) {
		OWNED(proof) p = vectors[i].make(&m);
		OWNED(proof) again = NULL;
		OWNED_MEM(uint8_t) file = NULL;
		OWNED_WRITER w = { 0 }, once = { 0 };
		char why[PROOF_WHY];
		size_t n;

		write_proof(p, &w);
		assert_int_equal(file_load(NULL, vectors[i].path, PROOF_MAX,
				     &file, &n),
		    0);
		assert_int_equal(w.length, n);
		assert_memory_equal(w.bytes, file, n);
		assert_int_equal(proof_parse(&again, file, n, why), 0);
		assert_holds(again, &m);
		write_proof(again, &once);
		assert_int_equal(once.length, n);
		assert_memory_equal(once.bytes, file, n);
	}
}

static void
every_truncation_is_refused(void **state)
{
	OWNED_MINUTES m = minutes_new(SIZE);

	(void)state;
	for (size_t i = 0; i < VECTORS; i++) {
		OWNED(proof) p = vectors[i].make(&m);
		OWNED_WRITER w = { 0 };

		write_proof(p, &w);
		for (size_t n = 0; n < w.length; n++) {
			OWNED(proof) cut = NULL;
			char why[PROOF_WHY];

			if (proof_parse(&cut, w.bytes, n, why) == 0)
				assert_int_not_equal(verify(cut, &m, why), 0);
		}
	}
}

/* One that still holds is of another question. */
static void
every_flipped_bit_is_refused(void **state)
{
	OWNED_MINUTES m = minutes_new(SIZE);
	unsigned int other = 0;

	(void)state;
	for (size_t i = 0; i < VECTORS; i++) {
		OWNED(proof) p = vectors[i].make(&m);
		OWNED_MEM(char) asked = question_text(&p->question);
		OWNED_WRITER w = { 0 };

		write_proof(p, &w);
		for (size_t bit = 0; bit < 8 * w.length; bit++) {
			OWNED(proof) bad = NULL;
			OWNED_MEM(char) question = NULL;
			char why[PROOF_WHY];

			w.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
			if (proof_parse(&bad, w.bytes, w.length, why) == 0 &&
			    verify(bad, &m, why) == 0) {
				question = question_text(&bad->question);
				assert_string_not_equal(question, asked);
				other++;
			}
			w.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
	}
	assert_true(other > 0); /* user:carom read nothing, either */
}

/* ---- yes ---- */

static void
a_yes_shows_what_was_given(void **state)
{
	OWNED_MINUTES m = minutes_new(SIZE);
	OWNED(proof) p = make_yes(&m);
	struct proof_verdict v;
	char why[PROOF_WHY];

	(void)state;
	assert_int_equal(proof_verify(p, &m.key, &v, why), 0);
	assert_int_equal(v.reads, 2);
	assert_int_equal(v.bytes, 100);
	assert_int_equal(v.checkpoint.size, SIZE);
}

static void
a_yes_without_an_entry_that_says_so_is_refused(void **state)
{
	static const uint64_t bobs[] = { 2, 5 }, qwen[] = { 7, 8 },
			      early[] = { 1, 4 }, alone[] = { 4 };
	OWNED_MINUTES m = minutes_new(SIZE);
	OWNED(proof)
	bob = minutes_yes(&m, reads("user:alice", "llama", 3, 0), bobs, 2);
	OWNED(proof)
	other = minutes_yes(&m, reads("user:alice", "llama", 3, 0), qwen, 2);
	OWNED(proof)
	before = minutes_yes(&m, reads("user:alice", "llama", 5, 0), early, 2);
	OWNED(proof)
	after = minutes_yes(&m, reads("user:alice", "llama", 1, 4), early, 2);
	OWNED(proof)
	unopened = minutes_yes(&m, reads("user:alice", "llama", 3, 0), alone,
	    1);

	(void)state;
	assert_refused(bob, &m, "no entry in it does");
	assert_refused(other, &m, "no entry in it does");
	assert_refused(before, &m, "no entry in it does");
	assert_refused(after, &m, "no entry in it does");
	assert_refused(unopened, &m, "whose opening is not shown");
	/* What was given before is what held is for. */
	before->answer = PROOF_HELD;
	assert_holds(before, &m);
	bob->answer = PROOF_HELD;
	assert_refused(bob, &m, "keys that were held");
}

/* ---- no ---- */

static void
a_no_holds_for_who_read_nothing(void **state)
{
	OWNED_MINUTES m = minutes_new(SIZE);

	(void)state;
	for (uint64_t since = 1; since < SIZE; since++) {
		OWNED(proof)
		p = minutes_no(&m, reads("user:carol", "llama", since, 0),
		    since - 1, SIZE);
		struct proof_verdict v;
		struct digest root;
		char why[PROOF_WHY];
		/* Session 3 opens at 7, which 8 is of. */
		int want = since - 1 == 8 ? ERR_INTEGRITY : 0;

		assert_int_equal(proof_verify(p, &m.key, &v, why), want);
		if (want != 0)
			continue;
		assert_int_equal(tlog_root(since - 1, minutes_node, &m, &root),
		    0);
		assert_int_equal(v.start.size, since - 1);
		assert_true(digest_equal(&v.start.root, &root));
	}
}

static void
a_no_for_who_did_read_is_refused(void **state)
{
	OWNED_MINUTES m = minutes_new(SIZE);
	OWNED(proof)
	alice = minutes_no(&m, reads("user:alice", "llama", 4, 0), 3, SIZE);
	OWNED(proof)
	bob = minutes_no(&m, reads("user:bob", "qwen", 4, 0), 3, SIZE);
	OWNED(proof)
	later = minutes_no(&m, reads("user:bob", "llama", 7, 0), 6, SIZE);

	(void)state;
	assert_refused(alice, &m, "2 entries say yes");
	assert_refused(bob, &m, "1 entries say yes");
	assert_holds(later, &m);
}

static void
a_no_with_an_entry_left_out_is_refused(void **state)
{
	OWNED_MINUTES m = minutes_new(SIZE);

	(void)state;
	for (uint64_t out = 3; out < SIZE; out++) {
		OWNED(proof)
		p = minutes_no(&m, reads("user:carol", "llama", 4, 0), 3, SIZE);
		size_t i = 2 + (size_t)(out - 3); /* two openings before */

		assert_int_equal(p->entries[i].index, out);
		free(p->entries[i].bytes);
		memmove(&p->entries[i], &p->entries[i + 1],
		    (p->count - i - 1) * sizeof(*p->entries));
		p->count--;
		assert_refused(p, &m, "entries, and 16 are here");
	}
}

static void
a_no_with_another_entry_in_its_place_is_refused(void **state)
{
	OWNED_MINUTES m = minutes_new(SIZE);
	OWNED(proof)
	p = minutes_no(&m, reads("user:alice", "llama", 4, 0), 3, SIZE);
	struct proof_entry *e = &p->entries[3];

	(void)state;
	/* The release to alice, made one to bob. */
	assert_int_equal(e->index, 4);
	memcpy(e->bytes, m.entries[5], m.lengths[5]);
	e->length = m.lengths[5];
	assert_refused(p, &m, "are not those of the checkpoint");
}

static void
a_no_over_less_than_the_time_is_refused(void **state)
{
	OWNED_MINUTES m = minutes_new(SIZE);
	/* By keyd's clock entry 9 is of the time asked for, and so is 8. */
	OWNED(proof)
	late = minutes_no(&m, reads("user:alice", "llama", 5, 0), 10, SIZE);
	OWNED(proof)
	early = minutes_no(&m, reads("user:alice", "llama", 2, 10), 1, 4);
	OWNED(proof)
	open = minutes_no(&m, reads("user:alice", "llama", 2, 0), 1, 4);
	OWNED(proof)
	all = minutes_no(&m, reads("user:carol", "llama", 0, 0), 0, SIZE);

	(void)state;
	assert_refused(late, &m, "begins too late");
	assert_refused(early, &m, "ends too early");
	assert_refused(open, &m, "ends too early");
	assert_holds(all, &m);
}

/* The limit that FORMAT.md names: without a witness's word (v.earlier, at the
 * range's begin or behind it) such a no is keyd's clock's. */
static void
a_clock_that_was_set_back_can_shorten_a_no(void **state)
{
	const struct entry_actor keyd = { "keyd", -1 };
	OWNED_MINUTES m = minutes_new(SIZE);
	OWNED(proof) p = NULL;
	OWNED_ENTRY e = { 0 };
	const uint8_t *bytes;
	struct proof_verdict v;
	char why[PROOF_WHY];
	size_t n;

	(void)state;
	entry_begin(&e, ENTRY_CONFIG, &keyd, minutes_time(2));
	assert_int_equal(entry_end(&e, &bytes, &n), 0);
	assert_true(n <= m.lengths[11]);
	memcpy(m.entries[11], bytes, n);
	m.lengths[11] = n;

	p = minutes_no(&m, reads("user:alice", "llama", 3, 0), 11, SIZE);
	p->earlier = minutes_note(&m, 3);
	assert_int_equal(tlog_consistency(3, SIZE, minutes_node, &m,
			     p->consistency, &p->consistency_count),
	    0);
	assert_int_equal(proof_verify(p, &m.key, &v, why), 0);
	assert_true(v.earlier.size < p->first);
}

/* Session 1 was given keys at minute 4, and closed at 10. */
static void
a_no_that_shows_keys_held_is_refused(void **state)
{
	OWNED_MINUTES m = minutes_new(SIZE);
	OWNED(proof)
	held = minutes_no(&m, reads("user:alice", "llama", 5, 9), 0, 10);
	OWNED(proof)
	closed = minutes_no(&m, reads("user:alice", "llama", 11, 0), 0, SIZE);
	OWNED(proof)
	none = minutes_no(&m, reads("user:carol", "llama", 5, 9), 0, 10);

	(void)state;
	assert_refused(held, &m, "session 1 held keys");
	assert_holds(closed, &m);
	assert_holds(none, &m);
}

static void
a_no_without_a_range_is_none(void **state)
{
	OWNED_MINUTES m = minutes_new(SIZE);
	OWNED(proof) p = make_yes(&m);

	(void)state;
	p->answer = PROOF_NO;
	assert_refused(p, &m, "needs a range");
}

static void
a_session_that_is_not_shown_is_not_passed_over(void **state)
{
	OWNED_MINUTES m = minutes_new(SIZE);
	OWNED(proof)
	p = minutes_no(&m, reads("user:carol", "llama", 5, 0), 4, SIZE);

	(void)state;
	/* Without the opening of session 2. */
	assert_int_equal(p->entries[1].index, 2);
	free(p->entries[1].bytes);
	free(p->entries[1].path);
	memmove(&p->entries[1], &p->entries[2],
	    (p->count - 2) * sizeof(*p->entries));
	p->count--;
	assert_refused(p, &m, "session 2, whose opening is not shown");
}

/* ---- the checkpoint ---- */

static void
another_logs_checkpoint_is_refused(void **state)
{
	OWNED_MINUTES m = minutes_new(SIZE);
	OWNED(proof) p = make_no(&m);
	OWNED(sign_key) seed = NULL;
	struct minutes other = m;

	(void)state;
	assert_int_equal(sign_key_new(&seed), 0);
	assert_int_equal(note_key_of(&other.key, MINUTES_ORIGIN, seed), 0);
	assert_refused(p, &other, "not one that");
}

static void
a_checkpoint_of_another_size_is_refused(void **state)
{
	OWNED_MINUTES m = minutes_new(SIZE);

	(void)state;
	for (uint64_t size = 1; size < SIZE; size++) {
		OWNED(proof) yes = make_yes(&m);
		OWNED(proof) no = make_no(&m);
		char why[PROOF_WHY];

		free(yes->note);
		free(no->note);
		yes->note = minutes_note(&m, size);
		no->note = minutes_note(&m, size);
		assert_int_equal(verify(yes, &m, why), ERR_INTEGRITY);
		assert_int_equal(verify(no, &m, why), ERR_INTEGRITY);
	}
}

static void
an_earlier_checkpoint_must_be_of_this_history(void **state)
{
	OWNED_MINUTES m = minutes_new(SIZE);
	OWNED(proof) p = make_no(&m);
	struct note_checkpoint fork = { .origin = MINUTES_ORIGIN, .size = 5 };
	struct proof_verdict v;
	char why[PROOF_WHY];

	(void)state;
	p->earlier = minutes_note(&m, 5);
	assert_int_equal(tlog_consistency(5, SIZE, minutes_node, &m,
			     p->consistency, &p->consistency_count),
	    0);
	assert_int_equal(proof_verify(p, &m.key, &v, why), 0);
	assert_int_equal(v.earlier.size, 5);

	free(p->earlier);
	assert_int_equal(note_checkpoint_sign(&p->earlier, &fork, &m.key,
			     m.seed),
	    0);
	assert_refused(p, &m, "one of the two is of a fork");
}

/* ---- questions ---- */

static void
questions_that_are_none_are_refused(void **state)
{
	static const char *const bad[] = { "", "entry", "entry ", "entry 01",
		"entry -1", "entry 1 2", "entry 18446744073709551616", "reads",
		"reads user:a llama", "reads user:a llama - -",
		"reads user:a llama 2026-01-01T00:00:00.000Z",
		"reads user:a llama 2026-01-01 -",
		"reads user:a llama 2026-01-01T00:00:00.000Z - -",
		"reads user:a llama 2026-01-01T00:00:00.000Z -  ",
		"reads user:a LLAMA 2026-01-01T00:00:00.000Z -",
		"reads  user:a llama 2026-01-01T00:00:00.000Z -",
		"reads user:\x01 llama 2026-01-01T00:00:00.000Z -",
		"writes user:a llama 2026-01-01T00:00:00.000Z -" };
	struct question q;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (question_parse(&q, bad[i]) != ERR_FORMAT)
			fail_msg("taken: '%s'", bad[i]);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_the_vectors_and_reads_back),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(every_flipped_bit_is_refused),
		cmocka_unit_test(a_yes_shows_what_was_given),
		cmocka_unit_test(
		    a_yes_without_an_entry_that_says_so_is_refused),
		cmocka_unit_test(a_no_holds_for_who_read_nothing),
		cmocka_unit_test(a_no_for_who_did_read_is_refused),
		cmocka_unit_test(a_no_with_an_entry_left_out_is_refused),
		cmocka_unit_test(
		    a_no_with_another_entry_in_its_place_is_refused),
		cmocka_unit_test(a_no_over_less_than_the_time_is_refused),
		cmocka_unit_test(a_clock_that_was_set_back_can_shorten_a_no),
		cmocka_unit_test(a_no_that_shows_keys_held_is_refused),
		cmocka_unit_test(a_no_without_a_range_is_none),
		cmocka_unit_test(
		    a_session_that_is_not_shown_is_not_passed_over),
		cmocka_unit_test(another_logs_checkpoint_is_refused),
		cmocka_unit_test(a_checkpoint_of_another_size_is_refused),
		cmocka_unit_test(an_earlier_checkpoint_must_be_of_this_history),
		cmocka_unit_test(questions_that_are_none_are_refused),
	};

	if (argc > 1 && strcmp(argv[1], "write") == 0)
		return write_vectors();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
